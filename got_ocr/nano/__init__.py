"""The built-in checkpoint's own recipe: its pictures, trainer, benchmark tiers, report, card and benchmarks.

Reads what `synthesis`, `training` and `evaluation` offer; nothing but the command line reads from here.
"""
