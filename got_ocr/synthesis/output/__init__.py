"""Samples on disk: files, shards, manifests, sheets to look at."""
