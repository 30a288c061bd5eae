"""Engrave ``**kern`` as SVG by Verovio, in a process of its own: damaged music makes the library abort the whole process."""

import importlib.util
import json
import re
import subprocess
import sys
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
TIMEOUT_S = 20.0


def mend_kern(source: str) -> tuple[str, list[str]]:
    """Mend what a truncated answer leaves: fields parted by spaces, a last line cut short, spines without end.

    Args:
        source: The model's ``**kern``.

    Returns:
        The mended music and what was done to it.
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
        One SVG a page (not sanitised yet), and what was mended.

    Raises:
        DrawingError: If Verovio isn't installed or can't read it.
    """
    if importlib.util.find_spec("verovio") is None:
        raise DrawingError("music needs Verovio: pip install 'got-ocr[render]'")
    mended, notes = mend_kern(source)
    job = json.dumps({"music": mended, "options": OPTIONS, "max_pages": MAX_PAGES})
    worker = Path(__file__).with_name("music_worker.py")
    try:
        answer = subprocess.run(
            [sys.executable, str(worker)], input=job.encode(), capture_output=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DrawingError(f"Verovio did not answer: {type(error).__name__}") from None
    pages = json.loads(answer.stdout) if answer.returncode == 0 and answer.stdout else []
    if not pages:
        raise DrawingError("Verovio could not read this music")
    return pages, notes
