"""Where text stands on a page: ink, lines, rows, columns, tables, reading order, orientation.

In: a picture. Out: a `PageLayout`: lines with boxes in px of that picture, blocks, columns, tables, skew and turn.
numpy and PIL only, never torch; imports no other room. One door: `analyse_page`.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .columns import Column
    from .line import Box, Line
    from .page import Block, PageLayout, PagePixels, analyse_page
    from .tables import Table

__all__ = ["Block", "Box", "Column", "Line", "PageLayout", "PagePixels", "Table", "analyse_page"]

__getattr__, __dir__ = offer(
    __name__,
    {
        "Block": "page",
        "Box": "line",
        "Column": "columns",
        "Line": "line",
        "PageLayout": "page",
        "PagePixels": "page",
        "Table": "tables",
        "analyse_page": "page",
    },
)
