"""The stages of a page, each as something that is timed: a call and how much work it does.

Shape legend:
    B  pages at once
    L  tokens of the prompt
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache
from transformers.generation import LogitsProcessor, LogitsProcessorList, NoRepeatNGramLogitsProcessor

from ..modeling.drafts import DraftCandidates, verify_drafts
from ..modeling.generation import CACHE_NAME, NoRepeatNGramProcessor, make_cache
from ..processing.image_processor import GotOcrImageProcessor
from .models import PLAIN_TOKENS, Models
from .options import DRAFT, DRAFT_RIGHT, BenchOptions

PROMPT_TOKENS = 286  # Of one picture and `OCR: `.
PUBLISHED_IMAGE_TOKENS = 256
BEFORE_IMAGE = 25  # Tokens before the first <imgpad>.
NGRAM_SIZE = 20  # As published, for single pictures.
PAGE_SIZE_PX = (1654, 2339)  # A4 at 200 dpi, (width, height).
COMPARED = 64  # Last positions of a prompt whose likeliest tokens are compared.
DETOKENISED = 1024  # Tokens of an ordinary page's answer.
PAGE_STAGE = "page"
DRAFT_TOKENS = 7  # Guessed at once: with the token that is known, eight are shown together.


@dataclass
class Case:
    """Something to time.

    Attributes:
        stage: Of the options' stages.
        variant: Whose.
        batch: Pages at once.
        size: Tokens of the answer, so far or in all; 0 where that has no meaning.
        unit: What is counted.
        count: How many of these one call does.
        run: The call.
        prepare: Called before each run, untimed; its result is given to `run`.
        check: Called once, untimed, for what the variants are compared by; None: by what `run` returns.
    """

    stage: str
    variant: str
    batch: int
    size: int
    unit: str
    count: int
    run: Callable[[Any], Any]
    prepare: Callable[[], Any] = lambda: None
    check: Callable[[], Any] | None = None


def make_cases(options: BenchOptions, models: Models) -> Iterator[list[Case]]:
    """Yield groups of cases that do the same work in different ways, to be timed in turns.

    Args:
        options: What is to be measured.
        models: The models.

    Yields:
        The cases of one stage, batch and size, one a variant.
    """
    for stage in options.stages:
        if stage == "pixels":
            yield _pixel_cases()
        elif stage == "blocking":
            for batch in options.batches:
                for size in options.contexts:
                    yield _blocking_cases(batch, size, models)
        elif stage == "detokenise":
            yield _detokenise_cases()
        elif stage in ("tower", "prefill"):
            make = _tower_case if stage == "tower" else _prefill_case
            for batch in options.batches:
                yield [make(variant, batch, models) for variant in _eager(options)]
        else:
            sizes = options.contexts if stage == "decode" else options.answers
            for batch in options.batches:
                for size in sizes:
                    if stage == "decode":
                        yield [_decode_case(name, batch, size, models, options.steps) for name in _eager(options)]
                    else:
                        yield [_page_case(name, batch, size, models) for name in options.variants]


def _eager(options: BenchOptions) -> list[str]:
    """The variants that differ in single stages; what compilation and drafts give is seen in whole pages."""
    names = [name for name in options.variants if name != "port-compiled" and not name.endswith(DRAFT)]
    return names or ["port-bfloat16"]


def _pixel_cases() -> list[Case]:
    """From a picture to pixel values: ours, and the port's processor without torchvision."""
    generator = np.random.default_rng(0)
    width, height = PAGE_SIZE_PX
    page = Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))
    ours = GotOcrImageProcessor()
    cases = [Case("pixels", "ours", 1, 0, "pages", 1, lambda _: ours(page, return_tensors="pt")["pixel_values"])]
    port = _port_image_processor()
    if port is not None:
        cases.append(
            Case("pixels", "port", 1, 0, "pages", 1, lambda _: port(page, return_tensors="pt")["pixel_values"])
        )
    return cases


def _port_image_processor() -> Any:
    """The port's image processor that needs no torchvision, under the name of any release; None without one."""
    from transformers.models import got_ocr2

    size = {"height": 1024, "width": 1024}
    for name in ("GotOcr2ImageProcessorPil", "GotOcr2ImageProcessor"):
        try:
            return getattr(got_ocr2, name)(size=size)
        except (AttributeError, ImportError):
            continue
    return None


def _blocking_cases(batch: int, size: int, models: Models) -> list[Case]:
    """The step of n-gram blocking at one length of the answer, on the same ids and scores."""
    generator = torch.Generator().manual_seed(0)
    length, vocabulary = PROMPT_TOKENS + size, models.config.vocab_size
    ids = torch.randint(0, vocabulary, (batch, length), generator=generator).to(models.device)
    scores = torch.randn(batch, vocabulary, generator=generator).to(models.device)
    ours, port = NoRepeatNGramProcessor(NGRAM_SIZE), NoRepeatNGramLogitsProcessor(NGRAM_SIZE)

    def before() -> None:
        ours(ids[:, :-1], scores)  # So that the timed call is one step on, as in generation.

    return [
        Case("blocking", "ours", batch, size, "steps", 1, lambda _: ours(ids, scores), before),
        Case("blocking", "port", batch, size, "steps", 1, lambda _: port(ids, scores)),
    ]


def _detokenise_cases() -> list[Case]:
    """From tokens to text with the built-in checkpoint's vocabulary: our tokenizer, and tiktoken alone."""
    from ..hub.cache import BUILTIN_CHECKPOINT
    from ..processing.tokenizer import GotOcrTokenizer

    tokenizer = GotOcrTokenizer.from_pretrained(BUILTIN_CHECKPOINT)
    generator = np.random.default_rng(0)
    tokens = generator.integers(0, PLAIN_TOKENS, DETOKENISED).tolist()
    ways = {"ours": tokenizer.decode, "tiktoken": tokenizer._table.encoding.decode}

    def make(name: str) -> Case:
        return Case("detokenise", name, 1, DETOKENISED, "tokens", DETOKENISED, lambda _: ways[name](tokens))

    return [make(name) for name in ways]


def _pixels(batch: int, model: Any, models: Models) -> Tensor:
    side = models.config.vision_config.image_size
    pixels = torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(1))
    return pixels.to(model.device, model.dtype)


def _prompt(batch: int, models: Models) -> Tensor:
    config = models.config
    length = PROMPT_TOKENS - PUBLISHED_IMAGE_TOKENS + config.image_token_len
    ids = torch.randint(0, models.plain_tokens, (batch, length), generator=torch.Generator().manual_seed(2))
    ids[:, BEFORE_IMAGE : BEFORE_IMAGE + config.image_token_len] = config.im_patch_token
    return ids.to(models.device)


def _tower_case(variant: str, batch: int, models: Models) -> Case:
    model = models.get(variant)
    pixels = _pixels(batch, model, models)

    def run(_: Any) -> Tensor:
        features = model.get_image_features(pixels)
        features = getattr(features, "pooler_output", features)
        return features if isinstance(features, Tensor) else torch.stack(list(features))

    return Case("tower", variant, batch, 0, "pages", batch, run)


def _prefill_case(variant: str, batch: int, models: Models) -> Case:
    """A prompt whose image tokens are there already."""
    model = models.get(variant)
    width = models.config.hidden_size
    hidden = torch.randn(batch, PROMPT_TOKENS, width, generator=torch.Generator().manual_seed(3))
    hidden = hidden.to(model.device, model.dtype)

    def run(cache: Cache, kept: int = 1) -> Tensor:
        named = {CACHE_NAME: cache, "use_cache": True, "logits_to_keep": kept}
        output: Tensor = model(inputs_embeds=hidden, **named).logits
        return output

    def prepare() -> Cache:
        return _new_cache(variant, models)

    return Case("prefill", variant, batch, 0, "pages", batch, run, prepare, lambda: run(prepare(), COMPARED))


def _new_cache(variant: str, models: Models) -> Cache:
    if variant.startswith("ours"):
        return make_cache(models.config.num_hidden_layers)
    return DynamicCache()


def _decode_case(variant: str, batch: int, size: int, models: Models, steps: int) -> Case:
    """Some tokens behind an answer of a length, one after the other, without what `generate` adds."""
    model, config = models.get(variant), models.config
    head_dim = config.hidden_size // config.num_attention_heads
    shape = (batch, config.num_key_value_heads, PROMPT_TOKENS + size, head_dim)
    states = torch.randn(shape, generator=torch.Generator().manual_seed(4)).to(model.device, model.dtype)
    token = torch.randint(0, models.plain_tokens, (batch, 1), generator=torch.Generator().manual_seed(5)).to(
        model.device
    )

    def prepare() -> Cache:
        cache = _new_cache(variant, models)
        for layer in range(config.num_hidden_layers):
            cache.update(states, states, layer)
        return cache

    def run(cache: Cache) -> Tensor:
        following = token
        chosen = []
        for _ in range(steps):
            logits = model(input_ids=following, **{CACHE_NAME: cache, "use_cache": True}).logits
            following = logits[:, -1:].argmax(-1)
            chosen.append(following)
        return torch.cat(chosen, dim=1)

    return Case("decode", variant, batch, size, "tokens", batch * steps, run, prepare)


class Dictation(LogitsProcessor):
    """Have every model write one answer, whatever it would have written.

    Random weights have no favourites: two number formats soon write different answers, and a draft of one is wrong for
    the other.

    Args:
        answer: Its tokens.
        prompt_length: Tokens before it.
    """

    def __init__(self, answer: list[int], prompt_length: int) -> None:
        self.answer = answer
        self.prompt_length = prompt_length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Prefer. Args: input_ids: (B, L) int64; scores: (B, V) float. Returns: them, the next highest."""
        scores[:, self.answer[input_ids.shape[1] - self.prompt_length]] = float("inf")
        return scores


def _page_case(variant: str, batch: int, size: int, models: Models) -> Case:
    """Whole pages, from pixel values to the tokens of an answer of a length."""
    is_compiled = variant == "port-compiled"
    model = models.get(variant)
    options: dict[str, Any] = {"max_new_tokens": size, "min_new_tokens": size, "do_sample": False}
    options |= {"no_repeat_ngram_size": NGRAM_SIZE, "pad_token_id": models.config.pad_token_id}
    if is_compiled:
        options["cache_implementation"] = "static"  # What makes transformers compile the step on a GPU.
    ids, pixels = _prompt(batch, models), _pixels(batch, model, models)
    answer = random.Random(size).choices(range(models.answer_tokens), k=size)
    options["logits_processor"] = LogitsProcessorList([Dictation(answer, ids.shape[1])])
    draft = spoil(answer, models.answer_tokens)

    def run(_: None) -> Tensor:
        more = options if variant.startswith("port") else {**options, "cache": _new_cache(variant, models)}
        if variant.endswith(DRAFT):
            candidates = DraftCandidates([draft], ids.shape[1], DRAFT_TOKENS, look_back=False)
            more = {**more, "custom_generate": verify_drafts(candidates)}
        sequences: Tensor = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            pixel_values=pixels,
            eos_token_id=models.config.stop_token_ids,
            **more,
        )
        return sequences[:, ids.shape[1] :]

    return Case(PAGE_STAGE, variant, batch, size, "tokens", batch * size, run)


def spoil(answer: list[int], answer_tokens: int) -> list[int]:
    """Make a draft of an answer: by chance as many of its tokens stay as DRAFT_RIGHT says. Returns: the draft."""
    drawer = random.Random(3)
    return [
        token if drawer.random() < DRAFT_RIGHT else (token + drawer.randrange(1, answer_tokens)) % answer_tokens
        for token in answer
    ]
