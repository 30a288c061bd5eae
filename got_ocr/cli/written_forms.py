"""What is written of a page instead of its text as the model wrote it: GitHub's Markdown, hOCR, ALTO."""

import argparse
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from .checks import rendering_room
from .records import PageRecord

if TYPE_CHECKING:
    from ..rendering.line_formats import PageLine

SUFFIXES_OF_LINES = {"hocr": ".hocr", "alto": ".xml"}


def writer_of(args: argparse.Namespace) -> Callable[[PageRecord], str] | None:
    """Choose what is written of a page.

    Args:
        args: `markdown` and `lines` of the command line.

    Returns:
        A function that makes the text; None: the text as it is.
    """
    if args.lines:
        return partial(_write_lines, args.lines)
    return _write_github_markdown if args.markdown == "github" else None


def _write_github_markdown(record: PageRecord) -> str:
    return str(rendering_room().render(record.text).to_markdown(tables="auto")).strip()


def page_lines(record: PageRecord) -> "list[PageLine]":
    """Take the lines of a page as they are written and drawn.

    Args:
        record: The page.

    Returns:
        Those with text; where nothing is known of lines, those of the text.
    """
    from ..rendering.line_formats import PageLine

    lines = [_line_of(line) for line in record.lines] or [PageLine(text) for text in record.text.splitlines()]
    return [line for line in lines if line.text]


def _write_lines(form: str, record: PageRecord) -> str:
    from ..rendering.line_formats import LinedPage, write_lines

    width, height = record.size or (0, 0)
    source = record.input if isinstance(record.input, str) else record.input[0]
    return write_lines(form, LinedPage(source, width, height, page_lines(record), record.page or 1))


def _line_of(line: Any) -> "PageLine":
    from ..reading.answer import GotOcrLine
    from ..rendering.line_formats import PageLine

    if isinstance(line, dict):  # As an earlier run kept it.
        known = {field.name: line.get(field.name) for field in fields(GotOcrLine)}
        known["mean_probability"] = known["mean_probability"] or 0.0
        line = GotOcrLine(**known)  # type: ignore[arg-type]
        if line.box is not None:
            line = replace(line, box=tuple(line.box))
    return PageLine(line.text, line.box, line.confidence, line.block)
