"""What generation needs beyond transformers: a cache that grows in place, n-gram blocking, loops, token probabilities.

Shape legend:
    B  sequences
    L  tokens of a sequence so far, prompt and padding included
    V  vocabulary
    H  heads of keys and values
    D  channels of a head
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer
from transformers.generation import LogitsProcessor, StoppingCriteria
from transformers.modeling_outputs import CausalLMOutputWithPast

from .loops import CHECK_EVERY, MAX_PERIOD, MIN_LOOP_TOKENS, MIN_REPEATS, find_period

# A cache that is full gets room for so many more tokens, or for such a part of those it holds, whichever is more.
CACHE_STEP, CACHE_SHARE = 64, 8
HALVES = (torch.bfloat16, torch.float16)
# What this transformers calls a model's keys and values: `cache` since 5.24, `past_key_values` before.
CACHE_NAME = "cache" if "cache" in CausalLMOutputWithPast.__dataclass_fields__ else "past_key_values"


class GrowingCacheLayer(DynamicLayer):
    """Keys and values of one layer in buffers with room for tokens to come.

    Transformers' dynamic layer copies all of them at every step. This one hands out views of its buffers, and copies
    only when they are full, or when the views were replaced (by a choice of rows, say). Not for training: it writes in
    place. On a CPU halves are kept in float32: torch's attention for one token takes a quarter of the time then.
    """

    is_initialized: bool

    def __init__(self) -> None:
        super().__init__()
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Take the keys and values of new tokens, both (B, H, new, D). Returns: those of all, in the same dtype."""
        keys, values = self.append(key_states, value_states)
        return keys.to(key_states.dtype), values.to(value_states.dtype)

    def append(self, key_states: Tensor, value_states: Tensor) -> tuple[Tensor, Tensor]:
        """Take the keys and values of new tokens.

        Args:
            key_states: (B, H, new, D) float.
            value_states: (B, H, new, D) float.

        Returns:
            Those of all tokens as they are kept, views of (B, H, L, D).
        """
        if not self.is_initialized:
            is_widened = key_states.device.type == "cpu" and key_states.dtype in HALVES
            self.dtype, self.device = torch.float32 if is_widened else key_states.dtype, key_states.device
            self.keys, self.values = (states[..., :0, :].to(self.dtype) for states in (key_states, value_states))
            self.is_initialized = True
        done, end = self.keys.shape[-2], self.keys.shape[-2] + key_states.shape[-2]
        self._make_room(end)
        for buffer, states in zip(self._buffers or (), (key_states, value_states), strict=True):
            buffer[..., done:end, :] = states
        self.keys, self.values = (buffer[..., :end, :] for buffer in self._buffers or ())
        return self.keys, self.values

    @property
    def buffers(self) -> tuple[Tensor, Tensor]:
        """The buffers, (B, H, room, D) and contiguous, of a layer that holds something: their first L are filled."""
        self._make_room(self.keys.shape[-2])
        keys, values = self._buffers or (self.keys, self.values)
        return keys, values

    def _make_room(self, end: int) -> None:
        """See that the buffers are this layer's own and hold so many tokens."""
        if not self._has_room(end):
            done = self.keys.shape[-2]
            room = end + max(CACHE_STEP, end // CACHE_SHARE)
            self._buffers = _widen(self.keys, room), _widen(self.values, room)
            self.keys, self.values = (buffer[..., :done, :] for buffer in self._buffers)

    def _has_room(self, end: int) -> bool:
        if self._buffers is None:
            return False
        keys, values = self._buffers
        own = keys.data_ptr() == self.keys.data_ptr() and values.data_ptr() == self.values.data_ptr()
        return bool(own) and keys.shape[0] == self.keys.shape[0] and end <= keys.shape[-2]


def _widen(states: Tensor, length: int) -> Tensor:
    """Copy (B, H, L, D) into a new tensor with room for `length` tokens."""
    *sizes, done, width = states.shape
    buffer = states.new_zeros(*sizes, length, width)  # A graph multiplies what lies behind by 0, which NaN survives.
    buffer[..., :done, :] = states
    return buffer


def make_cache(num_layers: int) -> Cache:
    """Make an empty cache for one call of `generate`.

    Args:
        num_layers: Layers of the decoder.

    Returns:
        The cache.
    """
    return Cache(layers=[GrowingCacheLayer() for _ in range(num_layers)])


def name_cache(past_key_values: Cache | None, cache: Cache | None) -> dict[str, Cache | None]:
    """Name a cache as this transformers does.

    Args:
        past_key_values: The cache by the name it had until transformers 5.23.
        cache: The cache by its name since.

    Returns:
        The one that was given, or None, as a keyword argument for transformers.

    Raises:
        ValueError: If both are given.
    """
    if past_key_values is not None and cache is not None:
        raise ValueError("cache and past_key_values are two names of one thing: give cache alone.")
    return {CACHE_NAME: past_key_values if cache is None else cache}


class NGramTable:
    """What followed each (n - 1)-gram of one sequence, so that a token costs the same however many stand before it.

    Args:
        ngram_size: Size of the n-grams that may occur only once.

    Raises:
        ValueError: If `ngram_size` is not a positive integer.
    """

    def __init__(self, ngram_size: int) -> None:
        if isinstance(ngram_size, bool) or not isinstance(ngram_size, int) or ngram_size <= 0:
            raise ValueError(f"no_repeat_ngram_size must be a positive integer, got {ngram_size!r}.")
        self.ngram_size = ngram_size
        self._tokens: list[int] = []
        self._followers: dict[tuple[int, ...], list[int]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._tokens)

    def extend(self, tokens: Iterable[int]) -> None:
        """Add tokens to the sequence's end."""
        for token in tokens:
            if len(self._tokens) >= self.ngram_size - 1:
                self._followers[self._suffix()].append(token)
            self._tokens.append(token)

    def find_banned(self) -> Sequence[int]:
        """Find the tokens that would complete an n-gram for a second time. Returns: their ids."""
        return self._followers.get(self._suffix(), ()) if len(self._tokens) >= self.ngram_size else ()

    def _suffix(self) -> tuple[int, ...]:
        return tuple(self._tokens[len(self._tokens) - self.ngram_size + 1 :])


class NoRepeatNGramProcessor(LogitsProcessor):
    """Forbid every token that would complete an n-gram seen before, as `no_repeat_ngram_size` does.

    Transformers compares the sequence's end with every window of the sequence at every step. This one keeps an
    :class:`NGramTable` a row, so a step adds one entry and looks one up. It serves one call of `generate` without
    beams, where rows grow by one token from step to step. When their number or length says otherwise, the tables are
    built anew.

    Args:
        ngram_size: Size of the n-grams that may occur only once.

    Raises:
        ValueError: If `ngram_size` is not a positive integer.
    """

    def __init__(self, ngram_size: int) -> None:
        NGramTable(ngram_size)  # Refuses a wrong size now.
        self.ngram_size = ngram_size
        self._tables: list[NGramTable] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Ban. Args: input_ids: (B, L) int64; scores: (B, V) float. Returns: (B, V) float, banned tokens at -inf."""
        rows, length = input_ids.shape
        if len(self._tables) == rows and length == len(self._tables[0]) + 1:
            new = input_ids[:, -1:]
        else:
            self._tables = [NGramTable(self.ngram_size) for _ in range(rows)]
            new = input_ids
        banned_rows: list[int] = []
        banned_tokens: list[int] = []
        for row, (table, tokens) in enumerate(zip(self._tables, new.tolist(), strict=True)):
            table.extend(tokens)
            banned = table.find_banned()
            banned_rows += [row] * len(banned)
            banned_tokens += banned
        if banned_tokens:
            scores = scores.clone()
            scores[banned_rows, banned_tokens] = -float("inf")
        return scores


class RepetitionStop(StoppingCriteria):
    """Stop a sequence that has fallen into a loop: its end is one short piece of text over and over.

    Args:
        prompt_length: Tokens before the answer, the same for every sequence (left padding included).
        min_repeats: How often the piece must stand in a row.
        min_tokens: How many tokens all those repeats must have together; a row of dots or dashes of ordinary length
            is no loop.
        max_period: Longest piece looked for, in tokens.
        check_every: Look only every so many tokens.
    """

    def __init__(
        self,
        prompt_length: int,
        min_repeats: int = MIN_REPEATS,
        min_tokens: int = MIN_LOOP_TOKENS,
        max_period: int = MAX_PERIOD,
        check_every: int = CHECK_EVERY,
    ) -> None:
        self.prompt_length = prompt_length
        self.min_repeats = min_repeats
        self.min_tokens = min_tokens
        self.max_period = max_period
        self.check_every = check_every

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: object) -> Tensor:
        """Check. Args: input_ids: (B, L) int64. Returns: (B,) bool, True for sequences to stop."""
        generated = input_ids.shape[1] - self.prompt_length
        stop = torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
        if generated < self.min_tokens or generated % self.check_every:
            return stop
        window = input_ids[:, -min(generated, max(self.min_tokens, self.min_repeats * self.max_period)) :]
        for row, tokens in enumerate(window.tolist()):
            stop[row] = self.find_period(tokens) is not None
        return stop

    def find_period(self, tokens: list[int]) -> int | None:
        """Find the length of the piece that the end of `tokens` repeats; see :func:`find_period`."""
        return find_period(tokens, self.min_repeats, self.min_tokens, self.max_period)


class TokenProbabilityRecorder(LogitsProcessor):
    """Record the probability of each token that greedy search picks, without keeping the logits.

    Must be the last processor, since it takes the best token of what it sees for the one that will be picked.

    Attributes:
        log_probabilities: One (B,) float32 tensor a step.
    """

    def __init__(self) -> None:
        self.log_probabilities: list[Tensor] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Record.

        Args:
            input_ids: (B, L) int64.
            scores: (B, V) float.

        Returns:
            `scores`, unchanged.

        Raises:
            FloatingPointError: they are NaN: the answer would go on to its length limit with nothing in it.
        """
        found = scores.float().amax(-1) - scores.float().logsumexp(-1)
        if bool(torch.isnan(found).any()):
            raise FloatingPointError("the scores are NaN")
        self.log_probabilities.append(found)
        return scores


class FewRowsLeft(StoppingCriteria):
    """Stop every sequence once most have ended, so that the rest can go on as a small batch.

    Args:
        stop_ids: (stops,) int64, the ids that end a sequence, the pad token among them.
        rows: Stop when no more sequences than this are left.
    """

    def __init__(self, stop_ids: Tensor, rows: int) -> None:
        self.stop_ids = stop_ids
        self.rows = rows

    def __call__(self, input_ids: Tensor, scores: Tensor, **kwargs: object) -> Tensor:
        """Check. Args: input_ids: (B, L) int64. Returns: (B,) bool, all alike."""
        left = ~torch.isin(input_ids[:, -1], self.stop_ids)
        return (left.sum() <= self.rows).expand(input_ids.shape[0])
