"""Where the reading path meets what generates: the network in torch, or another runtime in its place.

Reading makes batches and takes answers. What lies between is an :class:`Engine`: `decoding.AnswerGenerator` for a
network in torch, `serving.vllm` for vLLM. Whoever has an engine gives it to `Reader` in the place of a model.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from torch import Tensor
from transformers.feature_extraction_utils import BatchFeature

from ..configuration.config import GotOcrConfig
from ..modeling.drafts import DRAFT_TOKENS
from ..modeling.generation import RepetitionStop
from .answer import GotOcrAnswer, cut_loop, lines_of_tokens


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
        drafts: What each row's answer may be, or one text for all; none: nothing is drafted. An engine may leave them
            unused: they change no token.
        draft_tokens: Tokens of a draft that are verified at once.
    """

    max_new_tokens: int
    on_text: Callable[[str], None] | None = None
    stop_event: threading.Event | None = None
    ngram_size: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    suppressed_tokens: tuple[int, ...] = ()
    drafts: tuple[str, ...] = ()
    draft_tokens: int = DRAFT_TOKENS


class Engine(Protocol):
    """What turns prepared batches into answers; `Reader` takes one in the place of a model.

    Attributes:
        config: The checkpoint's configuration.
        calls_at_once: So many threads may call it side by side, and should, for it to be busy; 1: one at a time.
        device: Where it computes, e.g. `cpu`.
    """

    config: GotOcrConfig
    calls_at_once: int

    @property
    def device(self) -> Any:
        """Where it computes."""
        ...

    def generate(self, inputs: BatchFeature, generation: Generation) -> list[GotOcrAnswer]:
        """Generate for one prepared batch and take each answer apart.

        Args:
            inputs: What the processor made: `input_ids` and `attention_mask` (B, L), padded on the left, and
                `pixel_values` (I, 3, height, image_size) float32 of all rows in one run.
            generation: How.

        Returns:
            One answer a row; :func:`make_answer` makes one of tokens.

        Raises:
            ValueError: If the batch can't be read, or an option of generation is none that the engine has.
        """
        ...


def limit_new_tokens(config: GotOcrConfig, prompt_length: int, max_new_tokens: int) -> int:
    """Tell how long an answer can become.

    Args:
        config: The checkpoint's.
        prompt_length: Tokens of the longest prompt.
        max_new_tokens: As long as it may become.

    Returns:
        Tokens.

    Raises:
        ValueError: If the decoder has no room behind the prompt.
    """
    room = config.max_position_embeddings - prompt_length
    if room < 1:
        raise ValueError(
            f"The prompt has {prompt_length} tokens, but the decoder has {config.max_position_embeddings} "
            f"positions: read at most {config.max_position_embeddings // config.image_token_len - 1} "
            "pages or tiles at once."
        )
    return max_new_tokens if max_new_tokens < room else room


def make_answer(
    tokens: Sequence[int],
    log_probabilities: Tensor,
    stop_ids: Sequence[int],
    tokenizer: Any,
    repetition: RepetitionStop,
) -> GotOcrAnswer:
    """Take apart what was generated for a row.

    Args:
        tokens: New tokens, up to a stop id, beyond it, or without one where something cut them.
        log_probabilities: (at least the tokens up to the stop id,) float32, on the CPU.
        stop_ids: Ids that end an answer.
        tokenizer: The checkpoint's.
        repetition: Knows a loop.

    Returns:
        The answer.
    """
    stops = set(stop_ids)
    end = next((index for index, token in enumerate(tokens) if token in stops), None)
    content, finish_reason = list(tokens[:end]), "stop"
    num_tokens = len(tokens) if end is None else end + 1
    if end is None:
        # A row that stopped early is padded with the pad token, which is a stop id: so this one was cut.
        finish_reason = "length"
    period = repetition.find_period(content)
    if period is not None:
        finish_reason, num_tokens = "repetition", len(content)
        content = cut_loop(content, period)
    probabilities = log_probabilities[:num_tokens]
    decode = partial(tokenizer.decode, skip_special_tokens=True)
    return GotOcrAnswer(
        text=decode(content).strip(),
        finish_reason=finish_reason,
        num_tokens=num_tokens,
        mean_probability=probabilities.mean().exp().item(),
        min_probability=probabilities.min().exp().item(),
        lines=lines_of_tokens(content, probabilities.tolist(), decode),
    )
