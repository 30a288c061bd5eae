"""Charts, by Matplotlib and by Vega-Lite.

In: `Resources` and a generator of chance. Out: samples of the kind `charts`: data of a topic (`data`, `topics`) in a
look of its own, answered as OneChart's JSON.
"""
