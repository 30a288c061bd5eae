r"""A conversation about pictures: read from the published form, checked, its pictures loaded as at inference.

The published form is `{"image": "page.png" | ["a.png", "b.png"] | "folder/", "conversations": [{"from": "human",
"value": "<image>\nOCR: "}, {"from": "gpt", "value": "the text"}, ...]}`. Files of such entries are read by
conversation_sets.py, tar shards by shards_dataset.py.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from got_ocr.processing.image_processor import GotOcrImageProcessor, crop_grid
from got_ocr.processing.pages import PAGE_SUFFIXES, natural_key
from got_ocr.processing.pictures import load_image
from got_ocr.processing.sources import is_url
from got_ocr.training.bad_samples import BadSampleError, Origin
from got_ocr.training.foreign_forms import IMAGE_PLACEHOLDER, to_published

PLAIN, BOX, COLOR, CROP, MULTI_PAGE = "plain", "box", "color", "crop", "multi-page"
HUMAN_ROLES = ("human", "user")
ASSISTANT_ROLES = ("gpt", "assistant")
LONGEST_NAME = 200  # of a picture, in messages

_BOX = re.compile(r"\s*\[\s*\d+(\s*,\s*\d+){1,3}\s*\]")
_COLOR = re.compile(r"\s*\[\s*(red|green|blue)\s*\]", re.IGNORECASE)


@dataclass(frozen=True)
class Conversation:
    """Pictures and what is asked and answered about them.

    Attributes:
        images: What `load_image` takes, in order; or one folder of pictures.
        turns: Questions with their answers, without the image's place holder.
        origin: Where it stands.
        is_folder: Whether `images` is a folder, whose pictures are tiles or pages.
    """

    images: tuple[Any, ...]
    turns: tuple[tuple[str, str], ...]
    origin: Origin
    is_folder: bool = False

    @property
    def mode(self) -> str:
        """How its pictures are prepared, by its first question: plain, box, color, crop or multi-page."""
        return mode_of(self.turns[0][0])

    @property
    def num_text_bytes(self) -> int:
        """Bytes of all questions and answers in UTF-8, which cost a tokenizer of any script about the same."""
        return sum(len(text.encode("utf-8", errors="replace")) for turn in self.turns for text in turn)

    def check_answers(self) -> None:
        """Refuse answers without a visible character, which mostly are lost labels.

        Raises:
            BadSampleError: If there is one.
        """
        for number, (_, answer) in enumerate(self.turns):
            if not answer.strip():
                raise BadSampleError(
                    f"turn {2 * number + 2} is an empty answer (allow_empty: true trains on those of blank pages)"
                )

    def load_images(self, image_processor: GotOcrImageProcessor, max_images: int | None = None) -> list[Image.Image]:
        """Load the pictures as the model gets them at inference: tiles in crop mode, pages in order.

        A single picture in crop mode is cut here; a folder or a list of several is taken as tiles that were cut
        already, as published.

        Args:
            image_processor: Cuts tiles.
            max_images: Most pictures, tiles or pages; None: any number.

        Returns:
            RGB pictures, at least one.

        Raises:
            BadSampleError: If one can't be had, they are too many, or the mode takes a single picture.
        """
        sources = self._sources()
        _check_count(len(sources), max_images)
        if len(sources) > 1 and self.mode in (BOX, COLOR):
            raise BadSampleError(f"asks for a {self.mode} with {len(sources)} images, which is for one picture")
        pictures = [_load(source, f"image {number} of {len(sources)}, ") for number, source in enumerate(sources, 1)]
        if len(pictures) == 1 and self.mode == CROP and not self.is_folder:
            pictures = image_processor.crop_to_tiles(pictures[0])
            _check_count(len(pictures), max_images)
        return pictures

    def estimate_images(self, image_processor: GotOcrImageProcessor) -> int:
        """Count pictures, tiles and pages without decoding any.

        Args:
            image_processor: Cuts tiles.

        Returns:
            How many :meth:`load_images` would give; 1 where a file can't be read.
        """
        try:
            sources = self._sources()
        except BadSampleError:
            return 1
        if len(sources) > 1 or self.mode != CROP or self.is_folder:
            return len(sources)
        size_px = _size_of(sources[0])
        if size_px is None:
            return 1
        columns, rows = crop_grid(*size_px, image_processor.max_tiles, image_processor.size)
        return 1 if columns * rows == 1 else columns * rows + 1

    def _sources(self) -> list[Any]:
        if not self.is_folder:
            return list(self.images)
        folder = Path(self.images[0])
        try:
            names = [path for path in folder.iterdir() if path.suffix.lower() in PAGE_SUFFIXES and path.is_file()]
        except OSError as error:
            raise BadSampleError(f"{folder}: can't be listed: {error.strerror or error}") from None
        if not names:
            raise BadSampleError(f"{folder}: holds no picture")
        return sorted(names, key=lambda path: natural_key(path.name))


def mode_of(question: str) -> str:
    """Tell the mode by the words of a question.

    Args:
        question: As `processing.prompt.instruction` writes it, or the user's own.

    Returns:
        crop, multi-page, box, color, or plain for everything else.
    """
    if "across multi pages" in question:
        return MULTI_PAGE
    if "upon the patch reference" in question:
        return CROP
    if _BOX.match(question):
        return BOX
    return COLOR if _COLOR.match(question) else PLAIN


def parse_conversation(
    entry: Any, origin: Origin, image_root: Path | None = None, images: Sequence[Any] | None = None
) -> Conversation:
    """Read one entry of the published form, or of one of foreign_forms.py.

    Args:
        entry: The entry.
        origin: Where it stands.
        image_root: Folder that relative names of pictures start from.
        images: The pictures themselves, where they do not stand in files; the entry's `image` is then not looked at.

    Returns:
        The conversation. No picture is opened.

    Raises:
        BadSampleError: If it is not of that form: the message says what is wrong.
    """
    if not isinstance(entry, Mapping):
        raise BadSampleError(f"must be an object, got {type(entry).__name__}")
    entry = to_published(entry)
    turns = _parse_turns(entry.get("conversations"))
    if images is not None:
        if not images:
            raise BadSampleError("has no image")
        return Conversation(tuple(images), turns, origin)
    value = entry.get("image")
    names: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value]
    if not names or not all(isinstance(name, (str, bytes)) and name for name in names):
        raise BadSampleError(f"must name its picture, pictures or folder under 'image', got {_shorten(value)}")
    sources = [_place(name, image_root or Path()) for name in names]
    first = names[0] if isinstance(names[0], str) else "bytes"
    origin = Origin(origin.file, origin.line, origin.name or (first if len(first) <= LONGEST_NAME else "data"))
    is_path = len(names) == 1 and isinstance(sources[0], str) and not is_url(sources[0])
    is_folder = is_path and (names[0].endswith("/") or Path(sources[0]).is_dir())
    return Conversation(tuple(sources), turns, origin, is_folder)


def _place(name: str | bytes, folder: Path) -> Any:
    """Where a picture is: bytes, URLs and data URIs as they are, a name below the folder."""
    if isinstance(name, bytes) or name.startswith("data:") or is_url(name):
        return name
    return str(folder / name)


def _parse_turns(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, (list, tuple)) or not value:
        raise BadSampleError(f"must have a list of turns under 'conversations', got {_shorten(value)}")
    texts = []
    for number, turn in enumerate(value):
        role, text = (turn.get("from"), turn.get("value")) if isinstance(turn, Mapping) else (None, None)
        allowed = ASSISTANT_ROLES if number % 2 else HUMAN_ROLES
        if role not in allowed:
            raise BadSampleError(f"turn {number + 1} must be from {allowed[0]!r}, got {_shorten(role)}")
        if not isinstance(text, str):
            raise BadSampleError(f"turn {number + 1} must have a text as 'value', got {_shorten(text)}")
        texts.append(text)
    if len(texts) % 2:
        raise BadSampleError(f"turn {len(texts)}, a question, has no answer")
    questions = [_without_placeholder(text, number) for number, text in enumerate(texts[::2])]
    return tuple(zip(questions, texts[1::2], strict=True))


def _without_placeholder(question: str, number: int) -> str:
    if number > 0:
        if IMAGE_PLACEHOLDER in question:
            raise BadSampleError(f"turn {2 * number + 1} holds {IMAGE_PLACEHOLDER}, which only the first turn may")
        return question
    if not question.startswith(IMAGE_PLACEHOLDER):
        raise BadSampleError(f"the first turn must begin with {IMAGE_PLACEHOLDER}, got {_shorten(question)}")
    question = question[len(IMAGE_PLACEHOLDER) :]
    if IMAGE_PLACEHOLDER in question:
        raise BadSampleError(f"the first turn holds {IMAGE_PLACEHOLDER} twice: all pictures stand in one place")
    return question.removeprefix("\r").removeprefix("\n")


def _check_count(num_images: int, max_images: int | None) -> None:
    if max_images is not None and num_images > max_images:
        raise BadSampleError(f"has {num_images} images, at most {max_images} are allowed (max_images)")


def _load(source: Any, number: str) -> Image.Image:
    try:
        return load_image(source)
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise BadSampleError(reason if isinstance(source, str | Path) else number + reason) from None


def _size_of(source: Any) -> tuple[int, int] | None:
    """Width and height by the file's head; None if it can't be read."""
    if isinstance(source, Image.Image):
        return source.size
    if is_url(source) or not isinstance(source, str | Path):
        return None
    try:
        with Image.open(source) as picture:
            size: tuple[int, int] = picture.size
            return size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
