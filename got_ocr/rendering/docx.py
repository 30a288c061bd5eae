"""Write Word documents by pandoc, where it is installed: formulas become Word's own, tables keep their spans."""

import re
import shutil
import subprocess
import tempfile
from html.parser import HTMLParser
from pathlib import Path

from got_ocr.hub.whole_file import write_whole
from got_ocr.rendering.limits import run_limited
from got_ocr.rendering.source import one_line

TIMEOUT_S = 120.0
_NO_DATA = re.compile(r"could not find data file|unrecognized option|unknown option", re.IGNORECASE)
_LOADING = frozenset({"src", "href", "data", "poster", "background", "srcset", "xlink:href"})


def write_docx(body: str, path: Path) -> None:
    """Write a .docx.

    Args:
        body: The page's HTML elements, as our own writer makes them.
        path: Where.

    Raises:
        OSError: If pandoc isn't installed or fails.
    """
    pandoc = shutil.which("pandoc")
    if pandoc is None:
        raise OSError("writing .docx needs pandoc (https://pandoc.org); .html and .md need nothing.")
    html = f"<html><body>{body}</body></html>"
    with tempfile.TemporaryDirectory(prefix="got-ocr-docx-") as folder:
        said = _run(pandoc, html, folder, ["--sandbox"])
        # A pandoc whose data files are not built in (Debian's) can't write .docx in its sandbox. Our own page names no
        # file for it to open, which is checked, so that it may run without.
        if _NO_DATA.search(said) and not _names_files(html):
            said = _run(pandoc, html, folder, [])
        target = Path(folder, "page.docx")
        if said or not target.exists():
            raise OSError(f"pandoc failed: {said[:300]}")
        document = target.read_bytes()
    write_whole(path, lambda part: part.write_bytes(document))


def _names_files(html: str) -> bool:
    """Say whether any attribute of a page names something to load that isn't within the page."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attrs if name in _LOADING)

    Reader().feed(html)
    return any(not value.startswith(("data:image/", "#")) for value in found)


def _run(pandoc: str, html: str, folder: str, options: list[str]) -> str:
    """Run pandoc; returns what it said about its failure, or ""."""
    command = [pandoc, *options, "--from=html", "--to=docx", "--output=page.docx"]
    try:  # Its runtime reserves more memory than it uses.
        done = run_limited(command, folder, timeout_s=TIMEOUT_S, given=html.encode(), memory_bytes=None)
    except subprocess.TimeoutExpired:
        raise OSError(f"pandoc did not finish within {TIMEOUT_S:g} s.") from None
    if not done.returncode:
        return ""
    return one_line(done.stderr.decode(errors="replace")) or f"exit code {done.returncode}"
