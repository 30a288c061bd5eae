"""Messages as transformers and its peers write them: to pictures and a mode, where they ask one thing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..processing.mode import Mode
from ..processing.prompt import SYSTEM_MESSAGE, mode_of

PICTURE_TYPES = ("image", "image_url")
PICTURE_NAMES = ("image", "url", "path", "base64", "image_url")


@dataclass(frozen=True)
class Question:
    """What a conversation asks.

    Attributes:
        messages: The conversation, every picture in its place.
        pictures: Its pictures in order.
        text: What the user says; empty for nothing.
        is_single: Whether it is one user's turn, so that it can be read as a mode.
    """

    messages: list[dict[str, Any]]
    pictures: list[Any]
    text: str
    is_single: bool

    def mode(self, base: Mode) -> Mode:
        """Choose the mode.

        Args:
            base: What the caller's options choose.

        Returns:
            The mode: the published one that the text asks for, else the text as an instruction; several pictures are
            read together.
        """
        several = len(self.pictures) > 1
        if not self.text.strip():
            return replace(base, multi_page=True) if several and not base.crop else base
        published = mode_of(self.text)
        if published is None:
            return replace(base, instruction=self.text, multi_page=several)
        if published.multi_page or not several:
            return replace(
                published, slice_pages=base.slice_pages, max_tiles=base.max_tiles if published.crop else None
            )
        return replace(base, instruction=self.text, multi_page=True)


def is_conversation(value: Any) -> bool:
    """Tell messages from pictures.

    Args:
        value: What a pipeline was given.

    Returns:
        Whether it is a list of messages.
    """
    return isinstance(value, (list, tuple)) and bool(value) and all(_is_message(item) for item in value)


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) and "role" in value and "content" in value


def take_question(messages: Any, pictures: Iterator[Any] | None = None) -> Question:
    """Take a conversation apart.

    Args:
        messages: The messages.
        pictures: Pictures for the places of messages that name none.

    Returns:
        What it asks.

    Raises:
        ValueError: If there is no picture, or a place of one has none.
    """
    whole: list[dict[str, Any]] = []
    found: list[Any] = []
    texts: list[str] = []
    for message in messages:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
        written: list[dict[str, Any]] = []
        for part in parts:
            if part.get("type") in PICTURE_TYPES:
                picture = _picture_of(part, pictures)
                found.append(picture)
                written.append({"type": "image", "image": picture})
            elif part.get("type") == "text":
                written.append({"type": "text", "text": part["text"]})
                if message["role"] == "user":
                    texts.append(part["text"])
            else:
                raise ValueError(
                    f"a message has content of type {part.get('type')!r}: GOT reads image and text alone."
                )
        whole.append({"role": message["role"], "content": written})
    if not found:
        raise ValueError("the messages hold no picture: add {'type': 'image', 'image': ...} to the user's content.")
    users = [message for message in messages if message["role"] == "user"]
    others = [message for message in whole if message["role"] != "user"]
    return Question(whole, found, "".join(texts), len(users) == 1 and all(map(_is_published_system, others)))


def _is_published_system(message: dict[str, Any]) -> bool:
    text = "".join(part.get("text", "") for part in message["content"])
    return message["role"] == "system" and text.strip() == SYSTEM_MESSAGE


def _picture_of(part: Mapping[str, Any], pictures: Iterator[Any] | None) -> Any:
    for name in PICTURE_NAMES:
        value = part.get(name)
        if value is not None:
            return value["url"] if isinstance(value, Mapping) and "url" in value else value
    picture = next(pictures, None) if pictures is not None else None
    if picture is None:
        raise ValueError("a message has a place for a picture and no picture: give it there, or among images.")
    return picture
