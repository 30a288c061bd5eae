"""Text as it comes: what generation hands on, and what stops it."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import TextStreamer
from transformers.generation import StoppingCriteria

from ..layout.time_limit import is_out_of_time
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


class CallbackStreamer(TextStreamer):
    """Hand finished words to a function instead of printing them.

    Args:
        tokenizer: Of the checkpoint.
        on_text: The function.
    """

    def __init__(self, tokenizer: Any, on_text: Callable[[str], None]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self.on_text = on_text

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Hand a piece on; called by `generate`."""
        if text:
            self.on_text(text)


class StopEvent(StoppingCriteria):
    """Stop every sequence once an event is set.

    Args:
        event: Set from another thread.
    """

    def __init__(self, event: threading.Event) -> None:
        self.event = event

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """Check. Args: input_ids: (B, L) int64. Returns: (B,) bool, all True once the event is set."""
        return torch.full((input_ids.shape[0],), self.event.is_set(), dtype=torch.bool, device=input_ids.device)


class StopInTime(StoppingCriteria):
    """Stop every sequence once the page has taken as long as it may."""

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """Check. Args: input_ids: (B, L) int64. Returns: (B,) bool, all True once the time is over."""
        return torch.full((input_ids.shape[0],), is_out_of_time(), dtype=torch.bool, device=input_ids.device)
