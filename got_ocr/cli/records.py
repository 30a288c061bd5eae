"""What is known of a page after reading it: a line of `--json`."""

import json
import math
import os
import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..reading.answer import GotOcrLine

# C1 control characters, DEL, and halves of characters: JSON leaves them as they are, terminals and UTF-8 don't.
_UNSAFE = re.compile(r"[\x7f-\x9f\ud800-\udfff\u2028\u2029]")


@dataclass(frozen=True)
class PageRecord:
    """A page that was read, or failed.

    Attributes:
        input: What was given: a path, a URL, `-`; a list of them for pages read together.
        page: The page in it, counted from 1; None for pages read together.
        text: What was read; empty after most errors.
        finish_reason: `stop`, `length`, `repetition` or `error`.
        num_tokens: Tokens generated.
        mean_probability: Geometric mean of the tokens' probabilities.
        min_probability: That of the least certain token.
        seconds: Time it took, an equal share for pages read in one batch.
        error: What went wrong, or None.
        limit: `time`, `memory` or `crash` where the page broke a limit: it is not tried again unless asked. After
            `time` the text is what had been read.
        lines: Each line with its certainty, and its box where the page was read in slices.
        size: (width, height) of the picture that was read, in px; None for pages read together.
    """

    input: str | list[str]
    page: int | None
    text: str = ""
    finish_reason: str = "error"
    num_tokens: int = 0
    mean_probability: float | None = None
    min_probability: float | None = None
    seconds: float = 0.0
    error: str | None = None
    limit: str | None = None
    lines: "tuple[GotOcrLine | dict[str, Any], ...]" = ()
    size: tuple[int, int] | None = None

    def to_json(self, **more: Any) -> str:
        """Write one line of JSON, without its end.

        Args:
            **more: Fields to add.
        """
        entries = asdict(self)
        entries["lines"] = [dict(line) if isinstance(line, dict) else line for line in entries["lines"]]
        for entry in (entries, *entries["lines"]):
            for name in ("mean_probability", "min_probability"):
                entry[name] = _finite(entry.get(name))
        entries["seconds"] = round(self.seconds, 3)
        entries["input"] = (
            [_as_utf8(one) for one in self.input] if isinstance(self.input, list) else _as_utf8(self.input)
        )
        written = json.dumps({**entries, **more}, ensure_ascii=False, allow_nan=False)
        return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", written)

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> "PageRecord":
        """Take a line of JSON as an earlier run wrote it.

        Args:
            entry: The line, parsed.

        Returns:
            The record; lines as dictionaries.
        """
        known = {field.name: entry[field.name] for field in fields(cls) if field.name in entry}
        known["lines"] = tuple(known.get("lines") or ())
        known["size"] = tuple(known["size"]) if known.get("size") else None
        return cls(**known)

    def line_entries(self) -> list[dict[str, Any]]:
        """Give the lines as dictionaries."""
        return [line if isinstance(line, dict) else vars(line) for line in self.lines]


def _as_utf8(name: str) -> str:
    """Bring a name of a file to what it is in UTF-8, whatever the locale makes of it."""
    try:
        return os.fsencode(name).decode("utf-8", "surrogateescape")
    except UnicodeError:  # A URL, or what somebody called an open file.
        return name


def _finite(probability: Any) -> float | None:
    """A probability as JSON can say it: not a number is none."""
    if not isinstance(probability, int | float) or not math.isfinite(probability):
        return None
    return round(probability, 6)
