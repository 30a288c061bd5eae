"""What the full model's stages and pages cost, beside transformers' port and beside the machine's own limits.

In: sizes, variants, a device. Out: a report as JSON, Markdown and a picture. Weights are random and made in memory.
Imports `modeling`, `processing`, `reading` and transformers' port.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .bench import run_bench
    from .options import BenchOptions
    from .report import write_report

__all__ = ["BenchOptions", "run_bench", "write_report"]

__getattr__, __dir__ = offer(__name__, {"BenchOptions": "options", "run_bench": "bench", "write_report": "report"})
