"""Geometry as TikZ."""
