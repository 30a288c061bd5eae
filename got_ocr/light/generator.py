"""Slices to answers in numpy: prompts, pixels, tower, and a greedy loop that each answer leaves when it ends."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ..layout.time_limit import is_out_of_time
from ..modeling.loops import CHECK_EVERY, MIN_LOOP_TOKENS, find_period
from ..processing.mode import Mode
from ..processing.normalising import normalise
from ..processing.prompt import instruction, prompt_parts
from ..processing.ranks import VOCABULARY_FILE
from ..reading.answer import GotOcrAnswer
from ..reading.generating import Generation, make_answer
from .arithmetic import Array
from .checkpoint import NotLightError, read_normalisation, read_weights
from .config import LightConfig
from .decoder import LightDecoder, Prefix
from .tokenizer import LightTokenizer
from .tower import LightTower

# Rows that are decoded together: fewer make small products, the keys and values of more leave the caches.
ROWS_AT_ONCE = 32
SLICES_KEPT = 64  # With their encodings, 0.2 MB each.
DARK = 128  # Grey levels; what is fainter counts for less than it is, which costs a few steps.


class LightGenerator:
    """What reads slices, made of a checkpoint's folder; several threads that call it take turns.

    Args:
        folder: The checkpoint's.
        config: Its configuration.

    Raises:
        NotLightError: If its files don't fit together in the way that this room needs.
    """

    def __init__(self, folder: Path, config: LightConfig) -> None:
        self.config = config
        weights = read_weights(folder)
        self._mean, self._std = read_normalisation(folder, config)
        try:
            self._tokenizer = LightTokenizer(folder / VOCABULARY_FILE)
            self._tower = LightTower(config.vision_config, weights)
            self._decoder = LightDecoder(config, weights)
        except (KeyError, ValueError, OSError) as error:
            raise NotLightError(str(error)) from error
        if len(self._tokenizer) != config.vocab_size or self._decoder.embedding.shape[0] != config.vocab_size:
            raise NotLightError("the vocabulary and the weights are not of one size.")
        self._prefixes: dict[tuple[int, ...], Prefix] = {}
        self._lock = threading.Lock()  # Of what is kept, and of the buffers that tower and decoder compute in.
        self._encoded: dict[int, tuple[Image.Image, Array]] = {}  # Of the slices read last, by the id of each.

    def encode(self, text: str) -> list[int]:
        """Encode plain text. Returns: its ids."""
        return self._tokenizer.encode(text)

    def read_slices(self, slices: list[Image.Image], mode: Mode, generation: Generation) -> list[GotOcrAnswer]:
        """Read slices of one height.

        Args:
            slices: Canvases.
            mode: What to read of each.
            generation: How; greedily.

        Returns:
            One answer each.

        Raises:
            ValueError: If there are options of generation.
        """
        if generation.options:
            raise ValueError(
                f"numpy reads greedily and has no {', '.join(generation.options)}: load the checkpoint with "
                "GotOcrForConditionalGeneration."
            )
        answers: dict[int, GotOcrAnswer] = {}
        # Answers of about one length end at about one time, and no step is made for a few of them.
        order = sorted(range(len(slices)), key=lambda place: _count_dark(slices[place]))
        for start in range(0, len(slices), ROWS_AT_ONCE):
            places = order[start : start + ROWS_AT_ONCE]
            with self._lock:
                prefix, hidden = self._prompt([slices[place] for place in places], mode)
                rows, logs = self._generate(prefix, hidden, generation)
            if generation.on_prompts is not None:
                generation.on_prompts([prefix.length + hidden.shape[1]] * len(places))
            for place, tokens, probabilities in zip(places, rows, logs, strict=True):
                answers[place] = make_answer(tokens, probabilities, self.config.stop_token_ids, self._tokenizer.decode)
        return [answers[place] for place in range(len(slices))]

    def _prompt(self, slices: list[Image.Image], mode: Mode) -> tuple[Prefix, Array]:
        """Make the prompt. Returns: what stands before the images, and the rest as (B, L, D) float32."""
        tokens_BTD = self._encode(slices)
        T = tokens_BTD.shape[1]
        words = instruction(mode, (slices[0].height, slices[0].width))
        ids = self._tokenizer.encode_parts(prompt_parts(words, 1, T))
        begin = ids.index(self.config.im_patch_token)
        common = tuple(ids[:begin])
        if common not in self._prefixes:
            self._prefixes[common] = self._decoder.fill_prefix(common)
        hidden = np.repeat(self._decoder.embedding[ids[begin:]][None], len(slices), axis=0)
        hidden[:, :T] = tokens_BTD
        return self._prefixes[common], hidden

    def _encode(self, slices: list[Image.Image]) -> Array:
        """Encode slices, those of late no second time: some are read in two ways. Returns: (B, T, D) float32."""
        new = [image for image in slices if id(image) not in self._encoded]
        if new:
            pixels = np.empty((len(new), 3, new[0].height, new[0].width), np.float32)
            for place, image in enumerate(new):
                normalise(image, self._mean, self._std, pixels[place])
            for image, tokens in zip(new, self._tower.encode(pixels), strict=True):
                self._encoded[id(image)] = image, tokens
        tokens_BTD = np.stack([self._encoded[id(image)][1] for image in slices])
        for key in list(self._encoded)[:-SLICES_KEPT]:
            del self._encoded[key]
        return tokens_BTD

    def _generate(
        self, prefix: Prefix, hidden_BLD: Array, generation: Generation
    ) -> tuple[list[list[int]], list[list[float]]]:
        """Generate greedily. Returns: each row's new tokens and their log probabilities."""
        B, L, _ = hidden_BLD.shape
        limit = min(generation.max_new_tokens, self.config.max_position_embeddings - prefix.length - L)
        tokens: list[list[int]] = [[] for _ in range(B)]
        logs: list[list[float]] = [[] for _ in range(B)]
        going = list(range(B))  # By the row of the cache the answer that it goes on with.
        cache = self._decoder.make_cache(prefix, B, L + limit)
        logits = self._decoder.prefill(cache, hidden_BLD)
        stop_ids = set(self.config.stop_token_ids)
        suppressed = list(generation.suppressed_tokens)
        while True:
            logits[:, suppressed] = -np.inf
            best = logits.argmax(axis=-1)
            probable = _log_probabilities(logits, best)
            chosen = best.tolist()
            for row, answer in enumerate(going):
                tokens[answer].append(chosen[row])
                logs[answer].append(probable[row])
            is_stopped = (generation.stop_event is not None and generation.stop_event.is_set()) or is_out_of_time()
            for row in reversed(range(len(going))):
                if is_stopped or chosen[row] in stop_ids or _is_at_end(tokens[going[row]], limit):
                    cache.remove(row)
                    # As in the cache, the last one takes its place.
                    going[row], chosen[row] = going[-1], chosen[-1]
                    going.pop()
                    chosen.pop()
            if not going:
                return tokens, logs
            logits = self._decoder.step(cache, chosen)


def _count_dark(image: Image.Image) -> int:
    """Count dark pixels, a measure of how much text there is."""
    return int(np.count_nonzero(np.asarray(image)[..., 1] < DARK))


def _log_probabilities(logits_BV: Array, best: np.ndarray) -> list[float]:
    """Log probabilities of the tokens that are most probable."""
    top = logits_BV[np.arange(len(best)), best]
    found: list[float] = (-np.log(np.exp(logits_BV - top[:, None]).sum(axis=-1))).tolist()
    return found


def _is_at_end(tokens: Sequence[int], limit: int) -> bool:
    """Whether an answer is cut, or has fallen into a loop."""
    count = len(tokens)
    if count >= limit:
        return True
    return count >= MIN_LOOP_TOKENS and count % CHECK_EVERY == 0 and find_period(list(tokens)) is not None
