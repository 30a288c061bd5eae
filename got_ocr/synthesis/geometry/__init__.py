"""Geometry as TikZ.

In: `Resources` and a generator of chance. Out: samples of the kind `geometry`: scenes written as TikZ (`scenes`,
`graphs`), and drawn from that very source.
"""
