"""Measurements of the serving room."""
