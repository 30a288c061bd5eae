"""What generation is asked for, what a page's slices are read with, and answers made of tokens. No torch here."""

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image

from ..modeling.loops import find_period
from ..processing.mode import Mode
from .answer import GotOcrAnswer, cut_loop, lines_of_tokens, token_ends
from .drafting import DRAFT_TOKENS


@dataclass(frozen=True)
class Generation:
    """How to generate one batch.

    Attributes:
        max_new_tokens: Longest answer.
        on_text: Called with text as it comes; then the batch has one row.
        stop_event: Ends generation soon, once it is set.
        ngram_size: Size of the n-grams that may occur only once; 0: any may occur again.
        options: Options of transformers' generation; none of them: greedy.
        suppressed_tokens: These are never generated.
        drafts: What each row's answer may be, or one text for all; none: nothing is drafted. Who generates may leave
            them unused: they change no token.
        draft_tokens: Tokens of a draft that are verified at once.
        keep_tokens: Whether answers keep their tokens' places and probabilities, where the engine knows them.
        on_prompts: Called with the number of tokens of each prompt, by whoever makes prompts of slices.
    """

    max_new_tokens: int
    on_text: Callable[[str], None] | None = None
    stop_event: threading.Event | None = None
    ngram_size: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    suppressed_tokens: tuple[int, ...] = ()
    drafts: tuple[str, ...] = ()
    draft_tokens: int = DRAFT_TOKENS
    keep_tokens: bool = False
    on_prompts: Callable[[list[int]], None] | None = None


class SliceGenerator(Protocol):
    """What reads slices: the network in torch, or in numpy."""

    @property
    def config(self) -> Any:
        """The checkpoint's configuration."""

    def encode(self, text: str) -> list[int]:
        """Encode plain text. Returns: its ids."""

    def read_slices(self, slices: list[Image.Image], mode: Mode, generation: Generation) -> list[GotOcrAnswer]:
        """Read slices of one height. Returns: one answer each."""


def make_answer(
    tokens: list[int],
    log_probabilities: Sequence[float],
    stop_ids: Sequence[int],
    decode: Callable[[list[int]], str],
    keep_tokens: bool = False,
) -> GotOcrAnswer:
    """Take the tokens of an answer apart.

    Args:
        tokens: The answer's, filled up with a token that ends it or not.
        log_probabilities: Of each token, at least.
        stop_ids: Tokens that end an answer.
        decode: Turns tokens into text.
        keep_tokens: As in `Generation`.

    Returns:
        The answer.
    """
    end = next((index for index, token in enumerate(tokens) if token in stop_ids), None)
    content, finish_reason = tokens[:end], "stop"
    num_tokens = len(tokens) if end is None else end + 1
    if end is None:
        # A row that stopped early is padded with the pad token, which is a stop id: so this one was cut.
        finish_reason = "length"
    period = find_period(content)
    if period is not None:
        finish_reason, num_tokens = "repetition", len(content)
        content = cut_loop(content, period)
    logs = list(log_probabilities[:num_tokens])
    text = decode(content)
    kept: tuple[tuple[int, float], ...] = ()
    if keep_tokens:
        margin = len(text) - len(text.lstrip())
        ends = token_ends(content, decode)
        kept = tuple((max(end - margin, 0), log) for end, log in zip(ends, logs, strict=False))
    return GotOcrAnswer(
        text=text.strip(),
        finish_reason=finish_reason,
        num_tokens=num_tokens,
        mean_probability=math.exp(sum(logs) / len(logs)),
        min_probability=math.exp(min(logs)),
        lines=lines_of_tokens(content, logs, decode),
        tokens=kept,
    )
