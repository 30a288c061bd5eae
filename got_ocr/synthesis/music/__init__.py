"""Sheet music and its `**kern`.

In: `Resources` and a generator of chance. Out: samples of the kind `music`: pieces composed by `kern`, engraved by
Verovio in a process of its own (`engraver`).
"""
