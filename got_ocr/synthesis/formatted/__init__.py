"""Formatted pages and their Mathpix Markdown.

In: `Resources` and a generator of chance. Out: samples of the kind `formatted`: an endless source of pieces
(`source`), set by Chromium or LaTeX until the page is full, and answered by the pieces that are on it.
"""
