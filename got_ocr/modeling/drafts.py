"""Drafts that change no token: what a faster reader wrote is verified several tokens at a time.

A decoder reads all its weights for every token that it adds, and reads them once for several tokens that it is shown
together. :class:`DraftCandidates` guesses the next tokens; :func:`verify_drafts` shows them to the model, which keeps
those that it would have written itself. So a right guess saves a step, a wrong one costs a little, and the answer is
the one of plain greedy search either way.

Shape legend:
    L  tokens of the sequence so far, prompt included
    K  tokens guessed at once
    V  vocabulary
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache
from transformers.generation import GenerationConfig, LogitsProcessorList, StoppingCriteriaList
from transformers.generation.candidate_generator import CandidateGenerator

from .generation import CACHE_NAME

LONGEST_MATCH = 8  # Tokens of the answer's end that are compared with a place of the draft.
KEY_LENGTH = 3  # N-grams of this size find a place anywhere; shorter ones only near where the draft was left.
BEHIND, AHEAD = 32, 128  # Tokens around that place which count as near.
CLOSE = 16  # So near one token tells that some were left out or put in; what is further off must agree in more.
MOST_PLACES = 32  # Places of one n-gram that are looked at, before that place and behind it.
MEMORY = 0.3  # Weight of the last step in the mean of right guesses.
HOPELESS, TRY_EVERY = 0.25, 8  # With fewer right guesses a step, only one step in so many guesses, and one token.
BREAK = -1  # Stands between two drafts; no token.
NO_PLACE = -1


class DraftCandidates(CandidateGenerator):
    """Guess the next tokens of an answer from drafts of it, and from what it says already.

    The place in the draft moves on with the answer. Where the answer differs, the place is looked up anew by the
    answer's last tokens: the longest match wins, then the nearest. Where no draft goes on, an earlier place of the
    answer itself that ended in the same tokens tells what comes next (tables and forms repeat themselves). The fewer
    guesses were right of late, the fewer are made.

    Args:
        drafts: Tokens of each draft, in the vocabulary of the model that verifies; none: the answer so far alone.
        prompt_length: Tokens before the answer.
        num_tokens: Most tokens guessed at once.
        look_back: Whether the answer so far is looked up.

    Attributes:
        num_steps: Guesses asked for so far.
        num_guessed: Tokens guessed.
        num_right: Of those, how many the model kept.

    Raises:
        ValueError: If `num_tokens` is not a positive integer.
    """

    def __init__(
        self,
        drafts: Sequence[Sequence[int]],
        prompt_length: int,
        num_tokens: int,
        look_back: bool = True,
    ) -> None:
        if isinstance(num_tokens, bool) or not isinstance(num_tokens, int) or num_tokens < 1:
            raise ValueError(f"the number of draft tokens must be a whole number of at least 1, got {num_tokens!r}.")
        self.num_tokens = num_tokens
        self.look_back = look_back
        self.num_steps = self.num_guessed = self.num_right = 0
        self._prompt_length = prompt_length
        self._draft: list[int] = []
        for draft in drafts:
            self._draft += [*draft, BREAK]
        self._draft_ends = _index_ngrams(self._draft)
        self._answer: list[int] = []
        self._answer_ends: dict[tuple[int, ...], int] = {}
        self._guess: list[int] = []
        self._mean_right = float(num_tokens)
        self._next = 0  # Where the draft goes on, if it is right.
        self._matched = LONGEST_MATCH if self._draft else 0  # Tokens before that place that the answer has too.
        self._matched_before = 0  # The same before the last token, where that one differs.

    def get_candidates(self, input_ids: Tensor, **kwargs: Any) -> tuple[Tensor, Tensor | None]:
        """Guess.

        Args:
            input_ids: (1, L) int64.
            **kwargs: As transformers hands on; not needed.

        Returns:
            (1, L + at most `num_tokens`) int64, and None in the place of the guesses' logits.
        """
        guess = self.guess(input_ids[0, self._prompt_length + len(self._answer) :].tolist())
        added = torch.tensor([guess], dtype=input_ids.dtype, device=input_ids.device).reshape(1, -1)
        return torch.cat([input_ids, added], dim=1), None

    def update_candidate_strategy(self, input_ids: Tensor, scores: Tensor, num_matches: int) -> None:
        """Count. Args: input_ids: (1, L); scores: of the guesses; num_matches: how many of the last were right."""
        self.num_right += int(num_matches)

    def guess(self, added: Sequence[int]) -> list[int]:
        """Guess what comes next.

        Args:
            added: Tokens by which the answer has grown since the last call.

        Returns:
            At most `num_tokens` tokens.
        """
        self._weigh_guess(added)
        for token in added:
            self._append(token)
        self.num_steps += 1
        if added and not self._matched:
            self._find_place()
        guess = self._take_from(self._draft, self._next)
        if self.look_back and self._matched < KEY_LENGTH:
            earlier = self._answer_ends.get(_key(self._answer), NO_PLACE)
            if earlier != NO_PLACE:
                guess = self._take_from(self._answer, earlier) or guess
        self._guess = guess = guess[: self._width()]
        self.num_guessed += len(guess)
        return guess

    def _weigh_guess(self, added: Sequence[int]) -> None:
        """Learn from the last guess how many are right at a time: each costs something, right or wrong."""
        if not self._guess or not added:
            return
        right = 0
        while right < min(len(self._guess), len(added)) and self._guess[right] == added[right]:
            right += 1
        found = min(2 * right, self.num_tokens) if right == len(self._guess) else right
        self._mean_right += MEMORY * (found - self._mean_right)

    def _width(self) -> int:
        """How many tokens to guess."""
        if self._mean_right < HOPELESS:
            return 0 if self.num_steps % TRY_EVERY else 1
        return min(self.num_tokens, ceil(2 * self._mean_right))

    def _take_from(self, tokens: list[int], start: int) -> list[int]:
        taken = tokens[start : start + self.num_tokens]
        return taken[: taken.index(BREAK)] if BREAK in taken else taken

    def _append(self, token: int) -> None:
        """Let the answer grow, and the place in the draft with it."""
        if len(self._answer) >= KEY_LENGTH:
            self._answer_ends[_key(self._answer)] = len(self._answer)
        self._answer.append(token)
        if self._next < len(self._draft) and self._draft[self._next] == token:
            self._matched = min(self._matched + 1, LONGEST_MATCH)
        else:
            self._matched_before, self._matched = self._matched, 0
        # A token that differs most often stands for one of the draft's.
        self._next += 1

    def _find_place(self) -> None:
        """Look up by the answer's last tokens where the draft goes on, behind one that it lacks."""
        expected, last = self._next, self._answer[-1]
        near = self._draft_ends.get((last,), [])
        places = near[bisect_left(near, expected - BEHIND) : bisect_left(near, expected + AHEAD)]
        anywhere = self._draft_ends.get(_key(self._answer), [])
        middle = bisect_left(anywhere, expected)
        places += anywhere[max(0, middle - MOST_PLACES) : middle + MOST_PLACES]
        best = max(places, key=lambda place: (self._count_matches(place), -abs(place - expected)), default=NO_PLACE)
        matches = 0 if best == NO_PLACE else self._count_matches(best)
        # Else the one token that differs stands for one of the draft's, which goes on behind it.
        if matches > (0 if abs(best - expected) <= CLOSE else self._matched_before):
            self._next, self._matched = best, matches

    def _count_matches(self, place: int) -> int:
        """How many tokens before a place of the draft are the answer's last ones."""
        count = 0
        limit = min(LONGEST_MATCH, place, len(self._answer))
        while count < limit and self._draft[place - 1 - count] == self._answer[-1 - count]:
            count += 1
        return count


def _key(tokens: list[int]) -> tuple[int, ...]:
    return tuple(tokens[-KEY_LENGTH:])


def _index_ngrams(tokens: list[int]) -> dict[tuple[int, ...], list[int]]:
    """Index single tokens and n-grams of `KEY_LENGTH`. Returns: by the n-gram where it ends, in order."""
    ends: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for end in range(1, len(tokens) + 1):
        ends[tokens[end - 1],].append(end)
        if end >= KEY_LENGTH:
            ends[tuple(tokens[end - KEY_LENGTH : end])].append(end)
    return dict(ends)


def verify_drafts(candidates: CandidateGenerator, streamer: Any = None) -> Callable[..., Tensor]:
    """Make a decoding method that lets a model verify guesses: `model.generate(..., custom_generate=...)`.

    Each token is the best by the processed scores behind those before it, as in greedy search, and logits processors,
    stopping criteria and streamer see each of them as there: one by one, and none of a guess that is wrong. What
    transformers' assisted generation does is not this: it shows wrong guesses to the processors as well, and looks for
    the answer's end behind several tokens only.

    Args:
        candidates: Guesses; for one call.
        streamer: Gets tokens as they are found. Give it to `generate` too, which shows it the prompt.

    Returns:
        The method. It takes one sequence, without beams or sampling.
    """

    def decode(
        model: Any,
        input_ids: Tensor,
        logits_processor: LogitsProcessorList,
        stopping_criteria: StoppingCriteriaList,
        generation_config: GenerationConfig,
        **model_kwargs: Any,
    ) -> Tensor:
        if len(input_ids) != 1 or generation_config.do_sample or generation_config.num_beams > 1:
            raise ValueError(
                "drafts are verified for one sequence at a time, by greedy search: leave out num_beams, do_sample and "
                "options of sampling such as temperature, or the draft."
            )
        verified = _Verified(model, input_ids, generation_config.max_length, model_kwargs)
        while True:
            guesses, _ = candidates.get_candidates(verified.sequence)
            guess = verified.cut(guesses[0, verified.length :].tolist())
            logits = verified.score(guess)
            for place in range(len(guess) + 1):
                scores = logits_processor(verified.sequence, logits[:, place].to(torch.float32, copy=True))
                token = int(scores.argmax(-1))
                verified.append(token)
                if streamer is not None:
                    streamer.put(verified.sequence[0, -1:].cpu())
                # What a criterion says of scores is meant for callers who asked `generate` to keep them.
                is_done = bool(torch.as_tensor(stopping_criteria(verified.sequence, None)).all())
                if is_done or place == len(guess) or token != guess[place]:
                    break
            verified.forget(len(guess) - place)
            candidates.update_candidate_strategy(verified.sequence, logits, place)
            if is_done:
                break
        if streamer is not None:
            streamer.end()
        return verified.sequence

    return decode


class _Verified:
    """A sequence that grows, and the keys and values of what stands in it.

    Args:
        model: The network.
        prompt: (1, L) int64.
        max_length: Longest sequence.
        model_kwargs: What `generate` has for the model: cache, attention mask, images.
    """

    def __init__(self, model: Any, prompt: Tensor, max_length: int, model_kwargs: dict[str, Any]) -> None:
        cache = model_kwargs.get(CACHE_NAME)
        if not isinstance(cache, Cache):
            raise ValueError("drafts are verified with a cache: leave out use_cache=False.")
        self.model = model
        self.cache = cache
        self.length = prompt.shape[1]
        self.room = max_length - self.length
        self._tokens = torch.nn.functional.pad(prompt, (0, self.room))
        mask = model_kwargs.get("attention_mask")
        mask = torch.ones_like(prompt) if mask is None else mask  # 5.24 leaves out a mask of ones.
        self._mask = torch.nn.functional.pad(mask, (0, self.room), value=1)
        self._positions = (self._mask.long().cumsum(-1) - 1).clamp(min=0)
        is_image = prompt[:, cache.get_seq_length() :] == model.config.im_patch_token
        # Images may be in the cache already.
        self._pixel_values = model_kwargs.get("pixel_values") if bool(is_image.any()) else None

    @property
    def sequence(self) -> Tensor:
        """(1, L) int64."""
        return self._tokens[:, : self.length]

    def cut(self, guess: list[int]) -> list[int]:
        """Cut a guess where the room ends, or an image would begin. Returns: the rest, which may be empty."""
        guess = guess[: self.room - 1]
        image = self.model.config.im_patch_token
        return guess[: guess.index(image)] if image in guess else guess

    def append(self, token: int) -> None:
        """Add a token."""
        self._tokens[:, self.length] = token
        self.length += 1
        self.room -= 1

    def score(self, guess: list[int]) -> Tensor:
        """Show the model what it has not seen yet, and a guess. Returns: (1, guess + 1, V), from the last token on."""
        done, end = self.cache.get_seq_length(), self.length + len(guess)
        self._tokens[:, self.length : end] = torch.tensor(guess, dtype=torch.long)
        waiting = self._tokens[:, done:end]
        logits: Tensor = self.model(
            input_ids=waiting,
            attention_mask=self._mask[:, :end],
            position_ids=self._positions[:, done:end],
            pixel_values=self._pixel_values,
            use_cache=True,
            logits_to_keep=len(guess) + 1,
            **{CACHE_NAME: self.cache},
        ).logits
        self._pixel_values = None
        return logits

    def forget(self, count: int) -> None:
        """Drop the keys and values of the last tokens of a guess."""
        if count:
            self.cache.crop(-count)
