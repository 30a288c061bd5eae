"""Samples on disk: files, shards, manifests, sheets to look at.

In: encoded samples in the order of their numbers. Out: a conversation file with its PNG files, or WebDataset shards,
resumable and equal to the byte whoever writes them; a manifest of what they were made with; preview sheets.
"""
