"""From the text of a chat message to a mode: a small grammar.

    text         = published | [option { (";" | newline) option }] [(";" | newline)] [own words]
    published    = a prompt of the model, such as `OCR with format: ` or `[red] OCR: `
    option       = keyword | name (":" | "=") value
    keyword      = "ocr" | "plain" | "format" | "crop" | "multi_page"
    name         = "type" | "box" | "color" | "crop" | "max_tiles" | "multi_page" | "slice" | "instruction"

`box` is in pixels of the upright picture (`box: 100,200,800,400`, or 2 numbers for a point). What is no option, with
all that follows it, is the caller's own instruction; so is all behind `instruction:`. No text at all reads plain text.
"""

import difflib
import re
from typing import Any

from ..processing.mode import COLORS, Mode

KEYWORDS: dict[str, dict[str, Any]] = {
    "": {},
    "ocr": {"type": "ocr"},
    "plain": {"type": "ocr"},
    "format": {"type": "format"},
    "crop": {"crop": True},
    "multi_page": {"multi_page": True},
}
# Names that a message may use, and the mode's.
NAMES = {
    "type": "type",
    "ocr_type": "type",
    "box": "box",
    "ocr_box": "box",
    "color": "color",
    "colour": "color",
    "ocr_color": "color",
    "crop": "crop",
    "max_tiles": "max_tiles",
    "multi_page": "multi_page",
    "slice": "slice",
    "instruction": "instruction",
}
SWITCHES = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
MAX_MESSAGE_CHARACTERS = 20_000

_PUBLISHED = re.compile(
    r"(?:\[(?P<region>[^\]]*)\] ?)?OCR(?P<format> with format)?"
    r"(?P<how> across multi pages| upon the patch reference)?(?: ?:)?",
    re.IGNORECASE,
)
_OPTION = re.compile(r"(\w+)\s*[:=]\s*(.*)", re.DOTALL)
# What no sentence begins with behind its colon.
_OPTION_VALUE = re.compile(
    rf"[\d\s,.\[\]()-]+|{'|'.join((*COLORS, *SWITCHES, *filter(None, KEYWORDS)))}", re.IGNORECASE
)
# `box 1,2,3,4` and `color red` are no sentences.
_SPOKEN_BOX = re.compile(r"(box|ocr_box)\s+([\[(\d-][\d\s,.\[\]()-]*)", re.IGNORECASE)
_SPOKEN_COLOR = re.compile(rf"(colou?r)\s+({'|'.join(COLORS)})", re.IGNORECASE)


def parse_message_text(text: str) -> dict[str, Any]:
    """Read what a message asks for.

    Args:
        text: The text of a message.

    Returns:
        Options of :class:`Mode`, those that were given.

    Raises:
        ValueError: If an option's value is not allowed, or one is given twice.
    """
    if len(text) > MAX_MESSAGE_CHARACTERS:
        raise ValueError(f"a message may have {MAX_MESSAGE_CHARACTERS:,} characters, got {len(text):,}.")
    found: dict[str, Any] = {}
    position = 0
    while position < len(text):
        end = _end_of_part(text, position)
        part = text[position:end].strip()
        option = _OPTION.fullmatch(part)
        name = NAMES.get(option[1].lower()) if option else None
        if option and name == "instruction":
            start = position + text[position:end].index(option[1]) + len(option[1])
            _add(found, {"instruction": re.sub(r"\A\s*[:=]\s*", "", text[start:]).strip()})
            return found
        given = _read_part(part)
        if given is None:
            _check_spelling(part)
            _add(found, {"instruction": text[position:].strip()})
            return found
        _add(found, given)
        position = end + 1
    return found


def _end_of_part(text: str, position: int) -> int:
    match = re.compile(r"[;\n]").search(text, position)
    return match.start() if match else len(text)


def _read_part(part: str) -> dict[str, Any] | None:
    """Read an option or a published prompt; None if it is neither."""
    if part.lower() in KEYWORDS:
        return KEYWORDS[part.lower()]
    published = _PUBLISHED.fullmatch(part)
    if published:
        return _read_published(published)
    option = _OPTION.fullmatch(part) or _SPOKEN_BOX.fullmatch(part) or _SPOKEN_COLOR.fullmatch(part)
    name = NAMES.get(option[1].lower()) if option else None
    if option is None or name is None:
        return None
    return {name: _read_value(name, option[2].strip())}


def _read_published(match: re.Match[str]) -> dict[str, Any]:
    options: dict[str, Any] = {"type": "format"} if match["format"] else {}
    if match["region"] is not None:
        region = match["region"].strip().lower()
        if region not in COLORS:
            raise ValueError(
                f"[{region[:60]}] before OCR: may be one of {', '.join(COLORS)}. A box is given in pixels: "
                "box: x1,y1,x2,y2."
            )
        options["color"] = region
    how = (match["how"] or "").strip().lower()
    if how.startswith("across"):
        options["multi_page"] = True
    elif how:
        options["crop"] = True
    return options


def _read_value(name: str, value: str) -> Any:
    if name in ("crop", "multi_page", "slice"):
        if value.lower() not in SWITCHES:
            raise ValueError(f"{name} must be yes or no, got {value[:60]!r}.")
        return SWITCHES[value.lower()]
    if name == "max_tiles":
        if not (value.isascii() and value.isdigit() and 0 < int(value[:9]) == int(value)):
            raise ValueError(f"max_tiles must be a whole number above 0, got {value[:60]!r}.")
        return int(value)
    if not value:
        raise ValueError(f"{name} needs a value: leave it out for none.")
    return value.lower() if name in ("type", "color") else value


def _add(found: dict[str, Any], given: dict[str, Any]) -> None:
    for name, value in given.items():
        if name in found and found[name] != value:
            raise ValueError(f"{name} was given twice: {found[name]!r} and {value!r}.")
        found[name] = value


def _check_spelling(part: str) -> None:
    """Refuse what was meant as an option and is misspelt."""
    option = _OPTION.fullmatch(part)
    if option:
        is_value = _OPTION_VALUE.fullmatch(option[2].strip())
        close = difflib.get_close_matches(option[1].lower(), NAMES, 1, cutoff=0.5 if is_value else 0.66)
        if close:
            raise ValueError(
                f"there is no option {option[1][:40]!r}: did you mean {close[0]}? "
                "Words of your own go behind `instruction:`."
            )


def make_mode(options: dict[str, Any]) -> Mode:
    """Make a mode of options, with an error that names no Python.

    Args:
        options: As :meth:`Mode.from_options` takes them.

    Returns:
        The mode.

    Raises:
        ValueError: If an option is not allowed.
    """
    try:
        return Mode.from_options(**options)
    except TypeError as error:
        raise ValueError(str(error)) from None
