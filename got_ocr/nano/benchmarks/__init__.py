"""Measurements of the built-in checkpoint beside its peers."""
