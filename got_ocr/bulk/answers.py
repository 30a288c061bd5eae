"""From an answer to a row."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from io import BytesIO
from typing import Any

from PIL import Image

from ..processing.mode import Mode
from ..processing.options import printable
from ..reading.answer import GotOcrAnswer
from .failures import MODEL
from .options import BulkOptions

_PLACE = ("id", "source", "page", "sha256", "copies", "width_px", "height_px", "turned_deg")


@dataclass(frozen=True)
class Identity:
    """What rows say of the model.

    Attributes:
        model: Its name.
        digest: Of its files.
        version: Of got-ocr.
    """

    model: str
    digest: str
    version: str


def describe_mode(mode: Mode) -> str:
    """Write a mode in a few letters: its type, and as JSON what else was chosen."""
    plain = Mode()
    chosen = {one.name: getattr(mode, one.name) for one in fields(mode) if one.name != "ocr_type"}
    chosen = {name: value for name, value in chosen.items() if value != getattr(plain, name)}
    return f"{mode.ocr_type} {json.dumps(chosen)}" if chosen else mode.ocr_type


def row_of_answer(
    page: Mapping[str, Any],
    answer: GotOcrAnswer,
    seconds: float,
    options: BulkOptions,
    identity: Identity,
    image: Image.Image,
) -> dict[str, Any]:
    """Make the row of a page that was read.

    Args:
        page: A row of what was drawn.
        answer: What was read of it.
        seconds: How long that took.
        options: What the job is told.
        identity: What rows say of the model.
        image: The page's picture.

    Returns:
        The row.
    """
    row = _common(page, options, identity)
    text, markdown = _texts(answer.text, options.mode)
    row |= {
        "text": text,
        "markdown": markdown,
        "lines": [_line(line) for line in answer.lines],
        "unread": [[int(value) for value in box] for box in answer.unread],
        "finish_reason": answer.finish_reason,
        "num_tokens": answer.num_tokens,
        "mean_probability": answer.mean_probability,
        "min_probability": answer.min_probability,
        "turned_deg": answer.rotations[0] if answer.rotations else 0,
        "seconds": seconds,
    }
    if answer.error is not None:
        row |= {"error": f"{printable(page['source'])}: {answer.error}", "error_kind": MODEL}
    if options.gates.keep_images:
        file = BytesIO()
        image.save(file, "PNG")
        row["image"] = file.getvalue()
    return row


def row_without_reading(page: Mapping[str, Any], options: BulkOptions, identity: Identity) -> dict[str, Any]:
    """Make the row of a page that was not read: it failed, is blank, was read before, or has a text layer.

    Args:
        page: A row of what was drawn.
        options: What the job is told.
        identity: What rows say of the model.

    Returns:
        The row.
    """
    failed = page["error"] is not None
    return _common(page, options, identity) | {
        "text": "" if failed else page["text"],
        "lines": [],
        "unread": [],
        "finish_reason": "error" if failed else page["verdict"],
        "num_tokens": 0,
        "seconds": 0.0,
        "error": page["error"],
        "error_kind": page["error_kind"],
        "duplicate_of": page["duplicate_of"],
    }


def _common(page: Mapping[str, Any], options: BulkOptions, identity: Identity) -> dict[str, Any]:
    return {name: page[name] for name in _PLACE} | {
        "mode": describe_mode(options.mode),
        "model": identity.model,
        "model_digest": identity.digest,
        "version": identity.version,
        "read_at": datetime.now(timezone.utc),
        "error": None,
        "error_kind": None,
    }


def _texts(answer: str, mode: Mode) -> tuple[str, str | None]:
    """Give an answer as plain text, and as Markdown where it is formatted."""
    if not mode.is_formatted or not answer:
        return answer, answer if mode.is_formatted else None
    from ..rendering import render

    return render(answer, geometry="python").to_text().strip(), answer


def _line(line: Any) -> dict[str, Any]:
    return {
        "text": line.text,
        "box": None if line.box is None else [int(value) for value in line.box],
        "block": line.block,
        "mean_probability": line.mean_probability,
        "min_probability": line.min_probability,
        "is_low_confidence": line.is_low_confidence,
    }
