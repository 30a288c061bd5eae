"""Formatted pages and their Mathpix Markdown."""
