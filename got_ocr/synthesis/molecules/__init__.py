"""Molecules and their SMILES."""
