"""Text as it comes: what generation hands on, and what stops it."""

import threading
from collections.abc import Callable
from typing import Any

import torch
from transformers import TextStreamer
from transformers.generation import StoppingCriteria

from ..layout.time_limit import is_out_of_time


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
