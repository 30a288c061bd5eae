"""Plugins of other programs that find us by an entry point, each in files of its own; nothing is imported here.

In: what the program hands over. Out: what it wants back. May import everything below; what it belongs to is
imported only where that program has called. What needs no entry point is an example (examples/doors).
"""
