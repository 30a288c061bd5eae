"""Pages of text, regions of pages, and documents.

In: `Resources` and a generator of chance. Out: `draw_page` gives a page with the box of every printed line; from it
the kinds `pages`, `slices`, `boxes`, `colors`, `multi-crop` and `multi-page` take their samples.
"""
