"""Engrave ``**kern`` as SVG by Verovio, in a process of its own: damaged music makes the library abort its process."""

import importlib.util
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from got_ocr.rendering.svg import DrawingError

# The published renderer's options, and what makes a page as high as its music.
OPTIONS = {
    "pageWidth": 2100,
    "footer": "none",
    "header": "none",
    "barLineWidth": 0.5,
    "beamMaxSlope": 15,
    "staffLineWidth": 0.2,
    "spacingStaff": 6,
    "adjustPageHeight": True,
    "svgViewBox": True,
    "svgRemoveXlink": True,
    "breaks": "auto",
}
MAX_PAGES = 20
MAX_CHARACTERS = 20_000  # Of all music of a page: a printed page of piano music has about 5000.
TIMEOUT_S = 20.0  # For all music of a page.
MAX_RESTARTS = 4


def fix_kern(source: str) -> tuple[str, list[str]]:
    """Fix what a truncated answer leaves: fields parted by spaces, a last line cut short, spines without end.

    Args:
        source: The model's ``**kern``.

    Returns:
        The fixed music and what was done to it.
    """
    notes: list[str] = []
    lines = [line.rstrip() for line in source.strip().split("\n") if line.strip()]
    start = next((index for index, line in enumerate(lines) if line.lstrip().startswith("**kern")), 0)
    lines = lines[:start] + [line.lstrip(" ") for line in lines[start:]]
    heading = lines[start] if start < len(lines) else ""
    if "\t" not in heading and heading.count("**kern") > 1:
        lines[start:] = [line if line.startswith("!!") else re.sub(r" +", "\t", line) for line in lines[start:]]
        notes.append("fields were parted by spaces")
    records = [line for line in lines if not line.startswith("!!")]
    if records and not re.fullmatch(r"(\*-?\t)*\*-", records[-1]):
        width = records[0].count("\t") + 1
        for index, record in enumerate(records):
            fields = record.split("\t")
            if index and len(fields) < width and index == len(records) - 1:
                lines.remove(record)
                notes.append("the last line was cut short")
                break
            width = len(fields)
            if record.startswith("*"):
                joins = fields.count("*v")
                width += fields.count("*^") - max(0, joins - 1)
        lines.append("\t".join(["*-"] * max(1, min(width, 40))))
        notes.append("the music was truncated")
    return "\n".join(lines) + "\n", notes


def draw_music(source: str) -> tuple[list[str], list[str]]:
    """Engrave music.

    Args:
        source: ``**kern``.

    Returns:
        One SVG a page (not sanitised yet), and what was fixed.

    Raises:
        DrawingError: If Verovio isn't installed or can't read it.
    """
    return draw_all_music([source])[source]()


def draw_all_music(sources: Sequence[str]) -> dict[str, Callable[[], tuple[list[str], list[str]]]]:
    """Engrave several pieces in one process; a piece that ends the process costs only itself.

    Args:
        sources: Pieces of ``**kern``.

    Returns:
        For each piece a function that returns as :func:`draw_music` does, or raises as it does.
    """
    if importlib.util.find_spec("verovio") is None:
        return dict.fromkeys(sources, partial(_fail, "music needs Verovio: pip install verovio"))
    fixed: dict[str, tuple[str, list[str]]] = {}
    results: dict[str, Callable[[], tuple[list[str], list[str]]]] = {}
    num_characters = 0
    for source in dict.fromkeys(sources):
        num_characters += len(source)
        if num_characters > MAX_CHARACTERS:
            reason = f"more music than is engraved of one page ({MAX_CHARACTERS} characters): shown as source"
            results[source] = partial(_fail, reason)
        else:
            fixed[source] = fix_kern(source)
    waiting = list(fixed)
    deadline = time.monotonic() + TIMEOUT_S
    restarts = 0
    while waiting and restarts <= MAX_RESTARTS and time.monotonic() < deadline:
        pages_of_each = _engrave([fixed[source][0] for source in waiting], deadline - time.monotonic())
        for source, pages in zip(waiting, pages_of_each, strict=False):
            found = partial(_found, pages, fixed[source][1])
            results[source] = found if pages else partial(_fail, "Verovio could not read this music")
        waiting = waiting[len(pages_of_each) :]
        if waiting:  # The process ended at this piece.
            results[waiting.pop(0)] = partial(_fail, "Verovio could not read this music")
            restarts += 1
    return results | dict.fromkeys(waiting, partial(_fail, "too much of this page's music could not be read"))


def _found(pages: list[str], notes: list[str]) -> tuple[list[str], list[str]]:
    return pages, notes


def _fail(reason: str) -> tuple[list[str], list[str]]:
    raise DrawingError(reason)


def _engrave(pieces: list[str], timeout_s: float) -> list[list[str]]:
    """Run the worker: the pages of each piece, up to the one it ended at."""
    job = json.dumps({"pieces": pieces, "options": OPTIONS, "max_pages": MAX_PAGES}).encode()
    worker = Path(__file__).with_name("music_worker.py")
    command = [sys.executable, str(worker)]
    try:
        output = subprocess.run(command, input=job, capture_output=True, timeout=timeout_s, check=False).stdout
    except subprocess.TimeoutExpired as late:
        output = late.stdout or b""
    except OSError:
        return []
    lines = output.split(b"\n")[:-1]  # What follows the last line end was cut off.
    return [json.loads(line) for line in lines]
