"""Molecules and their SMILES.

In: `Resources` and a generator of chance. Out: samples of the kind `molecules`: structural formulas drawn by RDKit,
of well-known molecules (`known`) and of ones built from their parts, answered as canonical SMILES.
"""
