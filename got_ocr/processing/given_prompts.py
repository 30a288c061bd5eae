"""Prompts that come as text, as transformers' processors take them: `processor(images=..., text=..., padding=...)`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from .chat_template import unguard
from .prompt import IMAGE_PAD, TURN_START
from .ranks import SPECIAL_TOKENS

SPECIAL_TOKEN = re.compile("|".join(re.escape(text) for text in SPECIAL_TOKENS))
PADDINGS = (True, False, None, "longest", "max_length", "do_not_pad")


@dataclass(frozen=True)
class TextOptions:
    """Options of tokenizers that a processor is given for its text.

    Attributes:
        padding: `True` or `longest`, `max_length`, or `False`.
        max_length: Tokens to fill up to with `max_length`; longer prompts are refused, never cut.
        padding_side: `left`, as generation needs it, or `right`.
        pad_to_multiple_of: Fill up to a multiple of so many tokens.
        truncation: Only False: an image can't be cut.
        add_special_tokens: Means nothing here: a prompt spells its own.
        return_attention_mask: Means nothing here: there always is one.
        return_mm_token_type_ids: Whether to tell which tokens stand for pictures.
    """

    padding: bool | str | None = True
    max_length: int | None = None
    padding_side: str = "left"
    pad_to_multiple_of: int | None = None
    truncation: bool | str | None = None
    add_special_tokens: bool = False
    return_attention_mask: bool | None = None
    return_mm_token_type_ids: bool = False

    def __post_init__(self) -> None:
        if self.padding not in PADDINGS:
            raise ValueError(f"padding must be True, False, 'longest' or 'max_length', got {self.padding!r}.")
        if self.padding == "max_length" and not isinstance(self.max_length, int):
            raise ValueError("padding='max_length' needs max_length.")
        if self.padding_side not in ("left", "right"):
            raise ValueError(f"padding_side must be 'left' or 'right', got {self.padding_side!r}.")

    @property
    def pads(self) -> bool:
        """Whether prompts are made equally long."""
        return self.padding not in (False, None, "do_not_pad")

    def length_of(self, prompts: Sequence[Sequence[int]]) -> int:
        """Choose the length to fill up to.

        Args:
            prompts: Ids of each.

        Returns:
            Tokens.

        Raises:
            ValueError: If a prompt is longer than `max_length`.
        """
        longest = max(len(prompt) for prompt in prompts)
        if self.max_length is not None and longest > self.max_length and (self.truncation or self.pads):
            raise ValueError(
                f"a prompt has {longest} tokens, more than max_length={self.max_length}: raise it or leave it out, "
                "since a prompt with pictures can't be cut."
            )
        length = self.max_length if self.padding == "max_length" and self.max_length else longest
        step = self.pad_to_multiple_of or 1
        return -(-length // step) * step


TEXT_NAMES = tuple(one.name for one in fields(TextOptions))
NESTED = ("text_kwargs", "images_kwargs", "common_kwargs")  # as transformers' processors take options


def take_text_options(options: Mapping[str, Any]) -> tuple[TextOptions, dict[str, Any]]:
    """Sort a processor's options.

    Args:
        options: By name. Not changed.

    Returns:
        Those of the text, and the others: those of a mode.

    Raises:
        ValueError: If there is something other than pictures and text to prepare, or a value is not allowed.
    """
    given = dict(options)
    for name in NESTED:
        given.update(given.pop(name, None) or {})
    for name in ("videos", "audio", "audios"):
        if given.pop(name, None) is not None:
            raise ValueError(f"there is no place for {name}: GOT reads pictures alone.")
    given.pop("num_image_tokens", None)  # the port's name for what the checkpoint says
    text = {name: given.pop(name) for name in TEXT_NAMES if name in given}
    return TextOptions(**text), given


def is_prompt(text: str) -> bool:
    """Tell a whole prompt from an instruction. Returns: whether it spells turns or place holders."""
    return IMAGE_PAD in text or TURN_START in text


def flatten_images(images: Any) -> list[Any]:
    """Bring pictures of prompts into one run.

    Args:
        images: None, one picture, a list, or a list of lists, one a prompt.

    Returns:
        The pictures in order.
    """
    if images is None:
        return []
    if not isinstance(images, (list, tuple)):
        return [images]
    return [image for item in images for image in flatten_images(item)]


def expand_images(texts: Sequence[str], num_images: int, image_token_len: int) -> list[str]:
    """Write as many place holders for each picture as it has tokens.

    Args:
        texts: Prompts with one ``<imgpad>`` a picture, or with all of them already.
        num_images: Pictures of all prompts.
        image_token_len: Tokens of a picture.

    Returns:
        The prompts.

    Raises:
        ValueError: If pictures and place holders do not go together.
    """
    found = sum(text.count(IMAGE_PAD) for text in texts)
    if found == num_images * image_token_len:
        return list(texts)
    if found != num_images:
        raise ValueError(
            f"the text has {found} {IMAGE_PAD} and there are {num_images} pictures: write one {IMAGE_PAD} for each "
            "picture, as apply_chat_template does."
        )
    return [text.replace(IMAGE_PAD, IMAGE_PAD * image_token_len) for text in texts]


def encode_prompt(text: str, tokenizer: Any, special_ids: Mapping[str, int]) -> list[int]:
    """Encode a prompt whose special tokens are meant, but for those that :func:`guard` has parted.

    Args:
        text: The prompt.
        tokenizer: The checkpoint's.
        special_ids: Of the special tokens, by spelling.

    Returns:
        The ids.
    """
    ids: list[int] = []
    done = 0
    for match in SPECIAL_TOKEN.finditer(text):
        if match.start() > done:
            ids += encode_text(unguard(text[done : match.start()]), tokenizer, special_ids)
        ids.append(special_ids[match.group()])
        done = match.end()
    return ids + (encode_text(unguard(text[done:]), tokenizer, special_ids) if done < len(text) else [])


def encode_text(text: str, tokenizer: Any, special_ids: Mapping[str, int]) -> list[int]:
    """Encode plain text; a special token spelled in it stays text, whatever the tokenizer.

    Args:
        text: Any text.
        tokenizer: The checkpoint's.
        special_ids: Of the special tokens, by spelling.

    Returns:
        The ids.
    """

    def encode(part: str) -> list[int]:
        ids: list[int] = tokenizer.encode(part, add_special_tokens=False, split_special_tokens=True)
        return ids

    ids = encode(text)
    if not set(special_ids.values()).isdisjoint(ids):
        # Only tokenizers that are not ours get here: what they would take for a special token is cut in two.
        cuts = [0, *(match.start() + 1 for match in SPECIAL_TOKEN.finditer(text)), len(text)]
        ids = [index for start, end in pairwise(cuts) for index in encode(text[start:end])]
    return ids
