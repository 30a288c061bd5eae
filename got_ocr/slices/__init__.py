"""From a laid-out page to canvases of a checkpoint that reads slices, and from their answers back to a page.

In: a picture and the checkpoint's slicing options. Out: canvases; later, the page's text or its Markdown. Imports
`layout`, `processing`, `configuration`.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .sliced_page import SlicedPage
    from .slicing import slice_page

__all__ = [
    "SlicedPage",
    "slice_page",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "SlicedPage": "sliced_page",
        "slice_page": "slicing",
    },
)
