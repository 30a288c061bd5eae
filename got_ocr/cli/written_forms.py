"""What is written of a page instead of its text as the model wrote it: GitHub's Markdown, hOCR, ALTO."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

from .checks import rendering_room
from .records import PageRecord

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


def _write_lines(form: str, record: PageRecord) -> str:
    from ..rendering.line_formats import LinedPage, PageLine, write_lines

    width, height = record.size or (0, 0)
    lines = [_line_of(line) for line in record.lines] or [PageLine(text) for text in record.text.splitlines()]
    source = record.input if isinstance(record.input, str) else record.input[0]
    return write_lines(form, LinedPage(source, width, height, [line for line in lines if line.text], record.page or 1))


def _line_of(line: Any) -> Any:
    from ..rendering.line_formats import PageLine

    return PageLine(line.text, line.box, line.confidence, line.block)
