"""The text of a page that is read in slices, handed on line by line."""

from collections.abc import Callable, Sequence

from ..slices.joining import join_slices
from ..slices.sliced_page import SlicedPage
from ..slices.structure import join_formatted


class PageStream:
    """Hand the text of a page that is read in slices to a function as its lines are done.

    Args:
        page: The cut page.
        on_text: The function, or None.
        first: Whether no page of the document was handed on before.
        formatted: Whether to hand on Mathpix Markdown, piece by piece of the page.
    """

    def __init__(
        self, page: SlicedPage, on_text: Callable[[str], None] | None, first: bool, formatted: bool = False
    ) -> None:
        self.page = page
        self.on_text = on_text
        self.formatted = formatted
        self.lead = "" if first else "\n\n" if formatted else "\n"
        self.given = 0

    def put(self, texts: Sequence[str | Sequence[str]]) -> None:
        """Take the texts of the slices that were read so far, or of the pieces of each."""
        if self.on_text is None:
            return
        rest = len(self.page.slices) - len(texts)
        joined = join_formatted(self.page, texts) if self.formatted else join_slices(self.page, [*texts, *[""] * rest])
        if rest and not self.formatted:
            # The last line may go on, on a slice to come, and its hyphen may still vanish.
            joined = joined[: max(joined.rfind("\n"), 0)]
        if len(joined) > self.given:
            self.on_text(self.lead + joined[self.given :])
            self.given, self.lead = len(joined), ""
