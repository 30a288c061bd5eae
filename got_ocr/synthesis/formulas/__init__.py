"""Formulas and their one spelling."""
