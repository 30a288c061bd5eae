"""Business documents: lines of receipts, forms and tables, and how printers and scanners make pictures of them.

In: words and prose (`text`), faces. Out: lines with their marks (lines.py), rows of ink (printing.py), and slices as
the reading path shows them to the built-in checkpoint (slices.py). Imports only `text`.
"""
