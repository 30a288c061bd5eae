"""Bulk reading: an archive in, the text of every page out, once, by many workers on Ray Data.

In: names of sources (folders, globs, lists, shards, tables, object stores) and :class:`BulkOptions`. Out: a folder of
Parquet files with a row a page, and a report. The way of a page: `inputs` finds sources, `catalog` looks into them,
`drawing` makes pictures on cores, `reading` makes rows with a model, `pipeline` has Ray write them exactly once;
`ledger` knows over which page a worker died.
Imports `reading`, `rendering`, `hub` and what stands below them; needs Ray (the extra `bulk`).
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .answers import Identity
    from .job import BulkJob
    from .options import BulkOptions, Gates, Outputs, Workers

__all__ = ["BulkJob", "BulkOptions", "Gates", "Identity", "Outputs", "Workers"]

__getattr__, __dir__ = offer(
    __name__,
    {
        "BulkJob": "job",
        "BulkOptions": "options",
        "Gates": "options",
        "Identity": "answers",
        "Outputs": "options",
        "Workers": "options",
    },
)
