"""Tables and their LaTeX.

In: `Resources` (fonts, words, the typesetter) and a generator of chance. Out: samples of the kind `tables`, a picture
with `tabular` source; `formatted` pages draw their tables from here as well. Cells come from `cells`.
"""
