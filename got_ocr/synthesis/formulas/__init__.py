"""Formulas and their one spelling.

In: a generator of chance. Out: samples of the kind `formulas`: LaTeX from a grammar and from templates, in one
spelling for formulas that look alike (`spelling`), drawn by the browser or LaTeX.
"""
