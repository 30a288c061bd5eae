"""Measurements of the evaluation, for the README; not imported by anything."""
