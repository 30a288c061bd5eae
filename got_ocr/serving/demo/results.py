"""What a visitor takes away: the answer as a page to look at, and as files."""

import html
import json
import shutil
import tempfile
import time
import uuid
from pathlib import Path

from ...processing.mode import Mode
from ...rendering import Document, render_pages
from ..outputs import GEOMETRY, PictureStore, page_body, write_pdf
from ..service import PageAnswer

KINDS = ("txt", "md", "html", "pdf", "json")
KEPT_S = 3600.0  # Files that nobody fetched for so long are removed.


class ResultFolder:
    """Files to download, each reading's in a folder of its own, until they are old or the server ends."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="got-ocr-demo-")

    def make(self) -> Path:
        """Make a folder, and remove old ones."""
        root = Path(self._folder.name)
        for old in root.iterdir():
            if time.time() - old.stat().st_mtime > KEPT_S:
                shutil.rmtree(old, ignore_errors=True)
        made = root / uuid.uuid4().hex
        made.mkdir()
        return made

    def close(self) -> None:
        """Remove all."""
        self._folder.cleanup()


def render_answer(page: PageAnswer, mode: Mode) -> Document:
    """Read an answer for people.

    Args:
        page: What was read.
        mode: How.

    Returns:
        The document; no program is run to draw it.
    """
    kind = None if mode.is_formatted or mode.instruction else "plain"
    return render_pages([(None, page.answer.text)], kind, geometry=GEOMETRY, side_by_side=False)


def sandboxed(document: Document) -> str:
    """Put a document into a frame in which nothing runs.

    Args:
        document: The document.

    Returns:
        An element of HTML.
    """
    content = html.escape(document.to_html(), quote=True)
    return f'<iframe class="rendered" title="the answer, rendered" sandbox="" srcdoc="{content}"></iframe>'


def write_files(
    folder: Path, name: str, page: PageAnswer, mode: Mode, document: Document, pictures: PictureStore
) -> dict[str, Path]:
    """Write an answer's files.

    Args:
        folder: Where to.
        name: The files' name, without suffix.
        page: What was read.
        mode: How.
        document: The answer for people.
        pictures: The page's picture, where a PDF is wanted.

    Returns:
        The files by their kind; no PDF of a part of a page.
    """
    body = json.dumps(page_body(page), ensure_ascii=False, allow_nan=False, indent=1)
    texts = {"txt": page.answer.text, "md": document.to_markdown(), "html": document.to_html(), "json": body}
    written = {}
    for kind, text in texts.items():
        written[kind] = folder / f"{name}.{kind}"
        written[kind].write_text(text, encoding="utf-8", errors="replace")
    if pictures.is_needed:
        written["pdf"] = folder / f"{name}.pdf"
        written["pdf"].write_bytes(write_pdf([page], mode, pictures))
    return written
