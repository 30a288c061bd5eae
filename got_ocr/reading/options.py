"""How a reader goes about its work, whatever it reads."""

import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..processing.mode import OPTION_NAMES as MODE_NAMES
from ..processing.options import DEFAULT_READING_TIMEOUT_S, SourceOptions, option_names
from .answer import GotOcrAnswer
from .drafting import DRAFT_TOKENS, Draft, check_draft

DEFAULT_MAX_NEW_TOKENS = 4096  # as published
DEFAULT_BATCH_SIZE = 4
# Limits that are taken off by None; of other options None means that they were not given.
_LIFTED_BY_NONE = ("page_timeout_s", "max_memory_bytes")

# What reading sets itself, or transformers only keeps with its configuration.
NOT_OF_GENERATION = frozenset(
    (
        *("max_new_tokens", "max_length", "min_length", "num_return_sequences", "return_dict_in_generate"),
        *("output_attentions", "output_hidden_states", "output_logits", "output_scores"),
        *("use_cache", "transformers_version", "_from_model_config"),
    )
)


@functools.cache
def generation_names() -> frozenset[str]:
    """List the options of transformers' generation.

    Asked only where a name is none of ours, so that reading goes without transformers where it can.

    Returns:
        Their names.
    """
    from transformers.generation import GenerationConfig

    return frozenset(GenerationConfig().to_dict()) - NOT_OF_GENERATION | {"generation_config"}


@dataclass(frozen=True)
class ReadingOptions:
    """How to read.

    Args:
        max_new_tokens: Longest answer, in tokens; less where the decoder has not so many positions left.
        batch_size: Pictures (documents) of full size read at once.
        generation: Options of transformers' generation by name: `num_beams`, `temperature`, `repetition_penalty` ...;
            none of them: greedy, as the model was published.
        draft: What the answer may be, which the model verifies several tokens at a time: the answer stays the same
            and comes sooner. True: what the built-in model reads; a text, or a list with one for each picture (None:
            what an answer says already is looked up, nothing else); or a function of the pages and the mode. Answers
            are then generated one after the other.
        draft_tokens: Most tokens verified at once.
        source: How pages are found and loaded: `dpi`, `pages`, `password`, limits.
        page_timeout_s: Seconds a page may take from its layout to its last token; what was read by then is kept in
            an answer that says so. None: any time. What a call gives as `page_timeout_s` is this and the limit of
            decoding (:class:`SourceOptions`), which by itself is stricter.
        line_boxes: Whether plain answers for pages that are read whole get the boxes of their lines, matched with the
            page's layout; it takes part of a second a page. Calls that give text alone leave it out.

    Raises:
        ValueError: If a number is not allowed.
    """

    max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS
    batch_size: int = DEFAULT_BATCH_SIZE
    generation: Mapping[str, Any] = field(default_factory=dict)
    draft: Draft | None = None
    draft_tokens: int = DRAFT_TOKENS
    source: SourceOptions = field(default_factory=SourceOptions)
    page_timeout_s: float | None = DEFAULT_READING_TIMEOUT_S
    line_boxes: bool = True

    def __post_init__(self) -> None:
        check_draft(self.draft, self.draft_tokens)
        timeout_s = self.page_timeout_s
        if timeout_s is not None and (isinstance(timeout_s, bool) or not 0 < timeout_s < float("inf")):
            raise ValueError(f"page_timeout_s must be a number above 0, got {timeout_s!r}.")
        for name in ("batch_size", "max_new_tokens"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}.")
        if not isinstance(self.line_boxes, bool):
            raise ValueError(f"line_boxes must be True or False, got {self.line_boxes!r}.")
        unknown = sorted(self.generation.keys() - generation_names()) if self.generation else []
        if unknown:
            raise ValueError(
                f"there are no options of generation named {', '.join(unknown)}: see transformers' GenerationConfig."
            )


SOURCE_NAMES = option_names()
OPTION_NAMES = tuple(
    one.name for one in fields(ReadingOptions) if one.name not in ("generation", "source", *SOURCE_NAMES)
)


@dataclass(frozen=True)
class ReadingHooks:
    """What a caller wants to be told while reading goes on.

    Args:
        on_text: Called with text as it comes. Whole pictures are then read one by one, with a form feed between them.
        on_answer: Called with each picture's index and answer as soon as its batch is done.
        stop_event: Set it from another thread to end generation soon; answers then end where they were.
        on_prompts: Called with the number of tokens of each prompt that is made, those of slices that are read twice
            as well.
    """

    on_text: Callable[[str], None] | None = None
    on_answer: Callable[[int, GotOcrAnswer], None] | None = None
    stop_event: threading.Event | None = None
    on_prompts: Callable[[list[int]], None] | None = None


HOOK_NAMES = tuple(one.name for one in fields(ReadingHooks))
OWN_NAMES = frozenset((*OPTION_NAMES, *SOURCE_NAMES, *HOOK_NAMES, "generation", "source"))
SILENT = ReadingHooks()


@dataclass(frozen=True)
class CallOptions:
    """The arguments of a reading call, sorted.

    Args:
        reading: How to read.
        hooks: Whom to tell.
        mode: What to read: options of `Mode`, by the names that the caller used.
    """

    reading: ReadingOptions = ReadingOptions()
    hooks: ReadingHooks = SILENT
    mode: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def sort(cls, options: Mapping[str, Any]) -> "CallOptions":
        """Sort arguments.

        Args:
            options: By name; None counts as not given, but for limits. Not changed.

        Returns:
            Them; those that are neither of reading nor hooks are left to the mode, which knows all of its names.

        Raises:
            ValueError: If a value is not allowed.
        """
        given = {name: value for name, value in options.items() if value is not None or name in _LIFTED_BY_NONE}
        foreign = given.keys() - {*OWN_NAMES, *MODE_NAMES}
        generation = {name: given.pop(name) for name in foreign if name in generation_names()}
        source = {name: given.pop(name) for name in SOURCE_NAMES if name in given}
        own = {name: given.pop(name) for name in OPTION_NAMES if name in given}
        own |= {name: value for name, value in source.items() if name == "page_timeout_s"}  # One limit for both.
        return cls(
            ReadingOptions(
                **own,
                generation={**given.pop("generation", {}), **generation},
                source=SourceOptions.of(given.pop("source", None), **source),
            ),
            ReadingHooks(**{name: given.pop(name) for name in HOOK_NAMES if name in given}),
            given,
        )
