"""Measurements of the data engine, for the README; not imported by anything."""
