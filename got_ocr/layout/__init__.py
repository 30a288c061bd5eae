"""Where text stands on a page: ink, lines, rows, columns, tables, reading order, orientation.

In: a picture. Out: lines with boxes. numpy and PIL only, never torch; imports no other room.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .lines import find_lines

__all__ = [
    "find_lines",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "find_lines": "lines",
    },
)
