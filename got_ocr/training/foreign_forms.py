r"""Training data in the forms of other trainers, brought into the published one entry by entry.

- **Messages** (ms-swift, LLaMA-Factory, OpenAI's): `{"messages": [{"role": "user", "content": "<image>OCR: "},
  {"role": "assistant", "content": "the text"}], "images": ["page.png"]}`; the content may be a list of parts, with the
  pictures in it as `image_url`, `image` or `input_image`: a path, a URL, a data URI, or an object that has one.
- **Query and response** (ms-swift): `{"query": "OCR: ", "response": "the text", "images": ["page.png"], "history":
  [["asked before", "answered"]]}`.
- **Picture and text** (datasets' imagefolder `metadata.jsonl`, rows of CSV and TSV): `{"file_name": "page.png",
  "text": "the text"}`; the columns' names are those of IMAGE_NAMES and TEXT_NAMES, a question may stand under
  QUESTION_NAMES.

A system message is left out: GOT has one of its own, at every reading.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from got_ocr.processing.prompt import instruction
from got_ocr.training.bad_samples import BadSampleError

IMAGE_PLACEHOLDER = "<image>"
IMAGE_NAMES = ("image", "images", "file_name", "file_names", "filename", "image_path", "path")
TEXT_NAMES = ("text", "label", "answer", "ground_truth", "caption")
QUESTION_NAMES = ("question", "instruction", "prompt", "query")
_SYSTEM_ROLES = ("system", "developer")
_TEXT_PARTS = ("text", "input_text", "output_text")
_IMAGE_PARTS = ("image", "image_url", "input_image")
_ROLES = {"user": "human", "human": "human", "assistant": "gpt", "gpt": "gpt", "model": "gpt"}


def to_published(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Bring an entry into the published form.

    Args:
        entry: Of any form of the module's docstring, or of the published one.

    Returns:
        `image`, a list, and `conversations`; an entry that has `conversations`, or none of the forms, as it is.

    Raises:
        BadSampleError: If it has one of the forms, but not wholly.
    """
    if "conversations" in entry:
        return entry
    if "messages" in entry:
        return _from_messages(entry)
    if "response" in entry and "query" in entry:
        return _from_query(entry)
    texts = [name for name in TEXT_NAMES if entry.get(name) is not None]
    if not texts or not any(name in entry for name in IMAGE_NAMES):
        return entry
    question = next((str(entry[name]) for name in QUESTION_NAMES if entry.get(name)), instruction())
    answer = entry[texts[0]]
    if not isinstance(answer, str):
        raise BadSampleError(f"must have a text under {texts[0]!r}, got {type(answer).__name__}")
    return _published(_images_of(entry), [question, answer])


def _from_messages(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    messages = entry["messages"]
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise BadSampleError("must have a list of messages under 'messages'")
    images = _images_of(entry)
    texts: list[str] = []
    for number, message in enumerate(messages, 1):
        role = message.get("role") if isinstance(message, Mapping) else None
        if role in _SYSTEM_ROLES:
            continue
        expected = "gpt" if len(texts) % 2 else "human"
        if _ROLES.get(str(role)) != expected:
            wanted = "assistant" if expected == "gpt" else "user"
            raise BadSampleError(f"message {number} must be of the role {wanted!r}, got {role!r}")
        text, found = _parts(message.get("content"), number)
        if found and texts:
            raise BadSampleError(f"message {number} holds a picture, which only the first one may")
        images += found
        texts.append(text)
    if not texts:
        raise BadSampleError("has no message of a user")
    return _published(images, texts)


def _parts(content: Any, number: int) -> tuple[str, list[Any]]:
    """Take texts and pictures out of a message."""
    if isinstance(content, str):
        return content, []
    if not isinstance(content, Sequence):
        raise BadSampleError(f"message {number} must have a text or a list of parts as 'content'")
    texts, images = [], []
    for part in content:
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in _TEXT_PARTS and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind in _IMAGE_PARTS:
            value = next((part[name] for name in ("image_url", "image", "url", "path") if part.get(name)), None)
            # A place holder alone, as templates have it: its picture stands under `images`.
            images += [] if value is None else [_source(value)]
        else:
            raise BadSampleError(f"message {number} has a part of the type {kind!r}: only texts and pictures are read")
    return "\n".join(texts), images


def _from_query(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    history = entry.get("history") or []
    texts: list[Any] = []
    for number, turn in enumerate(history, 1):
        if not isinstance(turn, Sequence) or isinstance(turn, str) or len(turn) != 2:
            raise BadSampleError(f"entry {number} of 'history' must be a question and its answer")
        texts += turn
    return _published(_images_of(entry), [*texts, entry["query"], entry["response"]])


def _images_of(entry: Mapping[str, Any]) -> list[Any]:
    value: Any = next((entry[name] for name in IMAGE_NAMES if entry.get(name)), [])
    return [_source(one) for one in (value if isinstance(value, (list, tuple)) else [value])]


def _source(value: Any) -> Any:
    """The picture itself, or its name, of an object that holds one."""
    if isinstance(value, Mapping):
        found = next((value[name] for name in ("bytes", "path", "url", "file_name") if value.get(name)), None)
        if found is None:
            raise BadSampleError(f"has a picture with neither 'bytes' nor 'path' nor 'url', but {', '.join(value)}")
        return found
    return value


def _published(images: list[Any], texts: Sequence[Any]) -> Mapping[str, Any]:
    turns: list[dict[str, Any]] = []
    for number, text in enumerate(texts):
        if number == 0 and isinstance(text, str):
            marks = text.count(IMAGE_PLACEHOLDER)
            if images and marks not in (0, len(images)):
                raise BadSampleError(f"has {len(images)} pictures, but {IMAGE_PLACEHOLDER} {marks} times")
            # All pictures stand before the question, as the model reads them.
            text = f"{IMAGE_PLACEHOLDER}\n{text.replace(IMAGE_PLACEHOLDER, '').lstrip(chr(10))}"
        turns.append({"from": "gpt" if number % 2 else "human", "value": text})
    return {"image": images, "conversations": turns}
