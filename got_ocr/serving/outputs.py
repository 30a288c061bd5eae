"""What goes out: answers as JSON, text, Markdown, HTML or a searchable PDF."""

import importlib.util
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.responses import Response

from ..processing.mode import Mode
from ..reading.reader import PAGE_BREAK
from .decoder import Source
from .errors import ApiError
from .service import PageAnswer

# By this route no program is run on what the model wrote.
GEOMETRY = "python"
PICTURE_COMPRESSION = 1  # zlib's fastest: the pictures are read once more, then gone.


def as_json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Make a JSON response; text that is no Unicode is replaced.

    Args:
        body: Anything that JSON can say.
        status: The HTTP status.
        headers: More headers.

    Returns:
        The response.
    """
    content = json.dumps(body, ensure_ascii=False, allow_nan=False).encode(errors="replace")
    return Response(content, status, headers, "application/json")


def page_body(page: PageAnswer) -> dict[str, Any]:
    """Write a page's answer.

    Args:
        page: The page.

    Returns:
        The fields of `schemas.PageBody`.
    """
    answer = page.answer
    return {
        "source": page.source,
        "page": page.page,
        "width_px": page.size[1] if page.size else None,
        "height_px": page.size[0] if page.size else None,
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "num_tokens": answer.num_tokens,
        "mean_probability": answer.mean_probability,
        "min_probability": answer.min_probability,
        "rotations": list(answer.rotations),
        "lines": [
            {
                "text": line.text,
                "box": None if line.box is None else [int(value) for value in line.box],
                "block": line.block,
                "mean_probability": line.mean_probability,
                "min_probability": line.min_probability,
                "is_low_confidence": line.is_low_confidence,
            }
            for line in answer.lines
        ],
        "error": answer.error,
    }


def usage_of(pages: Sequence[PageAnswer]) -> dict[str, int]:
    """Count a request's tokens.

    Args:
        pages: Its pages.

    Returns:
        The fields of `schemas.Usage`.
    """
    prompt, completion = sum(page.num_prompt_tokens for page in pages), sum(page.answer.num_tokens for page in pages)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def joined_text(pages: Sequence[PageAnswer]) -> str:
    """Join the pages' texts, with a form feed between them."""
    return PAGE_BREAK.join(page.answer.text for page in pages)


def check_output(output: str, mode: Mode, sources: Sequence[Source]) -> None:
    """Refuse what can't be written.

    Args:
        output: One of `schemas.OUTPUTS`.
        mode: What is read.
        sources: Of what.

    Raises:
        ApiError: If it can't.
    """
    if output != "pdf":
        return
    if mode.has_region or mode.multi_page:
        raise ApiError(
            400, "output pdf needs the whole text of every page: leave out box, color and multi_page.", "output"
        )
    if importlib.util.find_spec("pikepdf") is None:
        raise ApiError(400, "output pdf is not installed on this server (pikepdf): choose another.", "output")


class PictureStore:
    """Page pictures for a PDF, on disk until it is written.

    Use as a context manager; without `is_needed` it keeps nothing.

    Args:
        is_needed: Whether pictures are to be kept.
    """

    def __init__(self, is_needed: bool) -> None:
        self.is_needed = is_needed
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> "PictureStore":
        if self.is_needed:
            self._folder = tempfile.TemporaryDirectory(prefix="got-ocr-")
        return self

    def __exit__(self, *exception: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def folder(self) -> Path:
        """The folder."""
        if self._folder is None:
            raise ValueError("no pictures are kept.")
        return Path(self._folder.name)

    def path(self, index: int) -> Path:
        """Name the file of a page, by its place in the answer."""
        return self.folder / f"{index}.png"

    def put(self, index: int, image: Image.Image) -> None:
        """Keep a page's picture."""
        image.save(self.path(index), compress_level=PICTURE_COMPRESSION)


def write_output(
    output: str, pages: Sequence[PageAnswer], mode: Mode, pictures: PictureStore, model_name: str
) -> Response:
    """Write an answer.

    Args:
        output: One of `schemas.OUTPUTS`.
        pages: What was read.
        mode: How.
        pictures: The pages' pictures, for a PDF.
        model_name: For JSON.

    Returns:
        The response.
    """
    if output == "json":
        body = {
            "model": model_name,
            "text": joined_text(pages),
            "pages": [page_body(page) for page in pages],
            "usage": usage_of(pages),
        }
        return as_json(body)
    # A page that failed has no place in a text; clients that want to know why ask for JSON.
    headers = {"X-Failed-Pages": str(sum(page.answer.error is not None for page in pages))}
    if output == "pdf":
        return Response(write_pdf(pages, mode, pictures), 200, headers, "application/pdf")
    if output == "text" and not mode.is_formatted:
        return Response(joined_text(pages).encode(errors="replace"), 200, headers, "text/plain; charset=utf-8")
    from ..rendering import render_pages

    kind = None if mode.is_formatted or mode.multi_page else "plain"
    document = render_pages([(None, page.answer.text) for page in pages], kind, geometry=GEOMETRY, side_by_side=False)
    writers = {
        "text": (document.to_text, "text/plain; charset=utf-8"),
        "markdown": (document.to_markdown, "text/markdown; charset=utf-8"),
        "html": (document.to_html, "text/html; charset=utf-8"),
    }
    write, media_type = writers[output]
    if output == "html":
        headers["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return Response(write().encode(errors="replace"), 200, headers, media_type)


def write_pdf(pages: Sequence[PageAnswer], mode: Mode, pictures: PictureStore) -> bytes:
    """Write a searchable PDF of pages whose pictures were kept."""
    from ..rendering.pdf import PdfPage, write_searchable_pdf

    found = []
    for index, page in enumerate(pages):
        if not pictures.path(index).exists():
            continue
        lines = tuple((line.text, line.box) for line in page.answer.lines)
        found.append(PdfPage(text=page.answer.text, image=pictures.path(index), lines=lines))
    target = pictures.folder / "searchable.pdf"
    write_searchable_pdf(found, target, plain=not mode.is_formatted)
    return target.read_bytes()
