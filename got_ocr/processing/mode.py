"""What is to be read of a page, and how: one value that goes through every call.

Published calls spell it as arguments (`ocr_type`, `ocr_box`, `ocr_color` ...) and make a :class:`Mode` of them first
thing. Its checks are here, its prompt is `processing.prompt.instruction`.
"""

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

# By each name that a caller may use the name that the checkpoints were published with.
OCR_TYPES = {"ocr": "ocr", "plain": "ocr", "format": "format"}
COLORS = ("red", "green", "blue")
PER_MILLE = 1000
BOX_FORMS = "4 numbers [x1, y1, x2, y2], or 2 for a point [x, y], in pixels"
# Other names of the fields: those of the published `chat`, of the command line and of transformers' port.
ALIASES = {
    "type": "ocr_type",
    "ocr_box": "box",
    "ocr_color": "color",
    "crop_to_patches": "crop",
    "max_patches": "max_tiles",
    "slice": "slice_pages",
}
PORT_FORMAT = "format"  # The port's name for `ocr_type="format"`: True or False.

_BRACKETS = ("[]", "()")


@dataclass(frozen=True)
class Mode:
    """What to read of a page, and how.

    Args:
        ocr_type: `ocr` (or `plain`) for plain text, `format` for Mathpix Markdown.
        box: Read this box only: 4 numbers (x1, y1, x2, y2) in px of the upright picture, or 2 for a point, in any
            form that :func:`parse_box` takes; None or empty for none.
        color: Read only what a frame of this colour encloses: `red`, `green`, `blue`, or empty for none.
        crop: Read the picture in tiles.
        max_tiles: Most tiles of a picture with `crop`; None: the checkpoint's (6, as published).
        multi_page: Read all pages of a document together.
        slice_pages: Cut pages between lines and read the slices; None: if the checkpoint is made for it.
        instruction: The caller's own words in the place of the published ones, for a checkpoint trained on others.
            Special tokens spelled in it are plain text.

    Raises:
        ValueError: If a value is not allowed, or the values don't go together; the message says what is allowed.
    """

    ocr_type: str = "ocr"
    box: tuple[float, ...] | None = None
    color: str = ""
    crop: bool = False
    max_tiles: int | None = None
    multi_page: bool = False
    slice_pages: bool | None = None
    instruction: str | None = None

    def __post_init__(self) -> None:
        numbers = parse_box(self.box)
        checked = {
            "ocr_type": parse_ocr_type(self.ocr_type),
            "box": None if numbers is None else tuple(numbers),
            "color": parse_color(self.color),
            "crop": _parse_switch("crop", self.crop),
            "multi_page": _parse_switch("multi_page", self.multi_page),
            "slice_pages": None if self.slice_pages is None else _parse_switch("slice_pages", self.slice_pages),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.max_tiles is not None and (
            isinstance(self.max_tiles, bool) or not isinstance(self.max_tiles, int) or self.max_tiles < 1
        ):
            raise ValueError(f"max_tiles must be a whole number above 0, got {self.max_tiles!r}.")
        if self.instruction is not None and not (isinstance(self.instruction, str) and self.instruction.strip()):
            raise ValueError(
                f"instruction must be a text that is not empty, got {_shorten(self.instruction)}: "
                "leave it out for the mode's own."
            )
        self._check_together()

    def _check_together(self) -> None:
        """Refuse what the model has no prompt for, or what says two things."""
        if self.box is not None and self.color:
            raise ValueError("box and color were both given: choose the region by one of them.")
        if self.crop and self.multi_page:
            raise ValueError("crop and multi_page were both given: read pages together, or each page in tiles.")
        if self.has_region and (self.crop or self.multi_page):
            region, other = "box" if self.box is not None else "color", "crop" if self.crop else "multi_page"
            raise ValueError(
                f"{region} and {other} were both given: a {region} is for a single picture read as a whole."
            )
        if self.crop and self.slice_pages:
            raise ValueError("crop and slice_pages were both given: cut a page into tiles, or between its lines.")
        if self.max_tiles is not None and not self.crop:
            raise ValueError("max_tiles is for pages read in tiles: give crop=True with it.")

    @property
    def is_formatted(self) -> bool:
        """Whether the answer is Mathpix Markdown."""
        return self.ocr_type == "format"

    @property
    def has_region(self) -> bool:
        """Whether a part of the picture is to be read."""
        return self.box is not None or bool(self.color)

    def is_sliced(self, made_for_slices: bool) -> bool:
        """Tell whether pages are to be cut between lines.

        Args:
            made_for_slices: Whether the checkpoint is.

        Returns:
            What the mode says, or else the checkpoint.
        """
        return made_for_slices if self.slice_pages is None else self.slice_pages

    @classmethod
    def from_options(cls, **options: Any) -> "Mode":
        """Make a mode of a call's arguments, in either spelling.

        Args:
            **options: Fields by their names or by those of :data:`ALIASES`, or the port's `format`; None counts as
                not given.

        Returns:
            The mode.

        Raises:
            TypeError: If there is no option of that name.
            ValueError: If two names say different things, or a value is not allowed.
        """
        return cls(**name_options(options))


FIELDS = tuple(field.name for field in fields(Mode))
OPTION_NAMES = (*FIELDS, *ALIASES, PORT_FORMAT)
_DEFAULTS = {field.name: field.default for field in fields(Mode)}


def name_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a call's arguments to the names of :class:`Mode`'s fields.

    Args:
        options: As :meth:`Mode.from_options` takes them. Not changed.

    Returns:
        Those that were given, by field; values are not checked. Of two names the one that says more wins.

    Raises:
        TypeError: If there is no option of a name.
        ValueError: If two names say different things.
    """
    found: dict[str, tuple[str, Any]] = {}
    for name, given in options.items():
        if name not in OPTION_NAMES:
            raise TypeError(f"there is no option {name!r}{_suggest(name)}.")
        value = given
        if name == PORT_FORMAT and given is not None:
            value = "format" if _parse_switch(name, given) else "ocr"
        field = ALIASES.get(name, "ocr_type" if name == PORT_FORMAT else name)
        if value is None:
            continue
        other, before = found.get(field, (name, value))
        if not (_is_default(field, value) or _is_default(field, before) or _are_equal(before, value)):
            raise ValueError(
                f"{other} and {name} are two names of one option and say different things: "
                f"{_shorten(before)} and {_shorten(given)}."
            )
        if field not in found or not _is_default(field, value):
            found[field] = name, value
    return {field: value for field, (_, value) in found.items()}


def spread_modes(count: int, mode: "Mode | Sequence[Mode] | None" = None, **options: Any) -> list[Mode]:
    """Make the mode of each picture of a call.

    Args:
        count: How many pictures (documents, where pages are read together).
        mode: One for all or a list with one for each; None to take `options`.
        **options: As :meth:`Mode.from_options` takes them; `box` and `color` may be lists with one for each picture.

    Returns:
        One mode for each picture.

    Raises:
        TypeError: If there is no option of a name, or `mode` is none.
        ValueError: If a value is not allowed, there are not as many as pictures, or both ways are used.
    """
    named = name_options(options)
    if mode is not None:
        given = [name for name, value in named.items() if not _is_default(name, value)]
        if given:
            raise ValueError(f"mode and {', '.join(given)} were both given: put all into the mode.")
        if not isinstance(mode, (list, tuple)):
            return [as_mode(mode)] * count
        _check_count("mode", len(mode), count)
        return [as_mode(one) for one in mode]
    box: Any = named.pop("box", None)
    color: Any = named.pop("color", None)
    if is_one_box(box) and (color is None or isinstance(color, str)):
        return [Mode(**named, box=box, color=color or "")] * count
    boxes = [box] * count if is_one_box(box) else list(box)
    colors = [color] * count if color is None or isinstance(color, str) else list(color)
    _check_count("box", len(boxes), count)
    _check_count("color", len(colors), count)
    base = Mode(**named)
    return [replace(base, box=one, color=parse_color(other)) for one, other in zip(boxes, colors, strict=True)]


def as_mode(value: Any) -> Mode:
    """Take a mode; also one of a processor's or model's own copy of this code, as the Hub's loader makes several.

    Args:
        value: The mode.

    Returns:
        It.

    Raises:
        TypeError: If it is none.
    """
    if isinstance(value, Mode):
        return value
    if type(value).__name__ != Mode.__name__ or not all(hasattr(value, name) for name in FIELDS):
        raise TypeError(f"mode must be a Mode or a list of them, got {_shorten(value)}.")
    return Mode(**{name: getattr(value, name) for name in FIELDS})


def _check_count(name: str, found: int, count: int) -> None:
    if found != count:
        raise ValueError(f"{name} must be one, or a list with one for each of the {count} pictures, got {found}.")


def _is_default(field: str, value: Any) -> bool:
    return isinstance(value, (str, bool)) and (value == _DEFAULTS[field] or not value)


def _are_equal(one: Any, other: Any) -> bool:
    return bool(_as_list(one) == _as_list(other))


def _as_list(value: Any) -> Any:
    """Arrays and tuples as lists, all else as it is."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return [_as_list(item) for item in value] if isinstance(value, (list, tuple)) else value


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, OPTION_NAMES, 1)
    return f": did you mean {close[0]}?" if close else f" among {', '.join(OPTION_NAMES)}"


def parse_ocr_type(ocr_type: Any) -> str:
    """Check what kind of text is wanted.

    Args:
        ocr_type: `ocr`, `plain` (the same) or `format`.

    Returns:
        `ocr` or `format`.

    Raises:
        ValueError: If it is none of them.
    """
    if not isinstance(ocr_type, str) or ocr_type not in OCR_TYPES:
        raise ValueError(f"ocr_type must be 'ocr' (plain text) or 'format' (Mathpix Markdown), got {ocr_type!r}.")
    return OCR_TYPES[ocr_type]


def parse_color(color: Any) -> str:
    """Check a frame colour.

    Args:
        color: `red`, `green` or `blue` in upper or lower case; None or empty for none.

    Returns:
        The colour in lower case, empty for none.

    Raises:
        ValueError: If it is another colour.
    """
    if color is None:
        return ""
    name = color.strip().lower() if isinstance(color, str) else color
    if name != "" and name not in COLORS:
        raise ValueError(f"color must be one of {', '.join(COLORS)}, or empty for none, got {color!r}.")
    return name


def _parse_switch(name: str, value: Any) -> bool:
    if isinstance(value, (str, bytes)) or value not in (True, False):
        raise ValueError(f"{name} must be True or False, got {_shorten(value)}.")
    return bool(value)


def parse_box(box: Any) -> list[float] | None:
    """Read a box in any form people have it in. It is parsed, never evaluated.

    Args:
        box: A string such as `"[x1,y1,x2,y2]"`, or a sequence (list, tuple, array) of numbers; None or an empty string
            for none. Not changed.

    Returns:
        4 finite numbers (x1, y1, x2, y2) with x1 < x2 and y1 < y2, 2 for a point, None for no box.

    Raises:
        ValueError: If it is something else.
    """
    if box is None or (isinstance(box, str) and not box.strip()):
        return None
    numbers = _numbers_of(box)
    if numbers is None or len(numbers) not in (2, 4):
        raise ValueError(f"box must be {BOX_FORMS}, got {_shorten(box)}{_advise(box)}.")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"box must hold finite numbers, got {_shorten(box)}.")
    if len(numbers) == 4:
        x1, y1, x2, y2 = numbers
        if x1 >= x2 or y1 >= y2:
            raise ValueError(
                f"box must be [x1, y1, x2, y2] with x1 < x2 and y1 < y2 (top left, then bottom right), "
                f"got {_shorten(box)}."
            )
    if all(0 <= number <= 1 for number in numbers) and (len(numbers) == 4 or not all(map(float.is_integer, numbers))):
        raise ValueError(
            f"box must be in pixels of the picture, got {_shorten(box)}, which look like fractions of the page: "
            "multiply them by its width and height."
        )
    return numbers


def box_per_mille(box: Any, width_px: int, height_px: int) -> list[int]:
    """Bring a box into the units of the prompt, thousandths of the picture's width and height.

    A box that reaches over the picture's edge is cut there.

    Args:
        box: As :func:`parse_box` takes it, but not none. Not changed.
        width_px: Width of the upright picture.
        height_px: Its height.

    Returns:
        4 integers, or 2 for a point, each int(pixel / width or height * 1000), from 0 to 1000.

    Raises:
        ValueError: If it is no box or lies outside the picture.
    """
    numbers = parse_box(box)
    if numbers is None:
        raise ValueError(f"box must be {BOX_FORMS}, got none.")
    limits = [width_px, height_px] * (len(numbers) // 2)
    clamped = [min(max(number, 0.0), float(limit)) for number, limit in zip(numbers, limits, strict=True)]
    is_inside = clamped == numbers if len(numbers) == 2 else clamped[0] < clamped[2] and clamped[1] < clamped[3]
    if not is_inside:
        raise ValueError(
            f"box lies outside the picture of {width_px} x {height_px} pixels, got {_shorten(box)}: "
            "coordinates are pixels of the upright picture, from its top left corner."
        )
    return [int(number / limit * PER_MILLE) for number, limit in zip(clamped, limits, strict=True)]


def is_one_box(value: Any) -> bool:
    """Tell one box (or none) from a list with one box for each picture.

    Args:
        value: What a caller gave as box.

    Returns:
        Whether it is a single box.
    """
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return True
    return not any(
        item is None or isinstance(item, str) or (hasattr(item, "__len__") and getattr(item, "ndim", 1) > 0)
        for item in value
    )


def _numbers_of(box: Any) -> list[float] | None:
    """The numbers of a string or sequence as they are, None if it is neither."""
    if isinstance(box, (bytes, dict, set, frozenset)):
        return None
    try:
        if isinstance(box, str):
            text = box.strip()
            if text[:1] + text[-1:] in _BRACKETS:
                text = text[1:-1]
            return [float(item) for item in (text.split(",") if "," in text else text.split())]
        items = list(box)
        if any(isinstance(item, (str, bytes, bool)) for item in items):
            return None
        return [float(item) for item in items]
    except (TypeError, ValueError, OverflowError):
        return None


def _advise(box: Any) -> str:
    """What a wrong box may have been meant as."""
    if isinstance(box, Mapping):
        return ": give its numbers as a list, not by name"
    if isinstance(box, (list, tuple)) and any(isinstance(item, (str, bytes)) for item in box):
        return ": its items must be numbers, not text"
    return ""


def _shorten(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
