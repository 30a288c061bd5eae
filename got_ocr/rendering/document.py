"""The rendered page: one object that can be written as any target."""

import base64
import io
import json
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from typing import Any

from got_ocr.hub.whole_file import write_whole
from got_ocr.rendering.blocks import Block
from got_ocr.rendering.drawing import GEOMETRY_ROUTES, prepare
from got_ocr.rendering.html_writer import HtmlWriter, html_page
from got_ocr.rendering.latex_writer import latex_body, latex_document
from got_ocr.rendering.parsing import parse
from got_ocr.rendering.source import one_line
from got_ocr.rendering.text_writers import MarkdownWriter, block_text, blocks_json, inlines_text

SUFFIXES = (".html", ".htm", ".md", ".tex", ".txt", ".json", ".docx", ".pdf", ".png", ".mmd")
MAX_TITLE_CHARACTERS = 200
PICTURE_WIDTH_PX = 1400  # Of a page's picture beside its text.


class Document:
    """A page (or several) that was read.

    Args:
        pages: For each page its source, its blocks and the notes about it, and its picture or None.
        geometry: How TikZ is drawn: one of `GEOMETRY_ROUTES`.

    Attributes:
        blocks: The blocks of all pages.
        notes: What was damaged on the pages as a whole.
    """

    def __init__(self, pages: list[tuple[str, list[Block], list[str], Any]], geometry: str = "auto") -> None:
        if geometry not in GEOMETRY_ROUTES:
            raise ValueError(f"geometry must be one of {', '.join(GEOMETRY_ROUTES)}, got {geometry!r}.")
        self.pages = pages
        self.geometry = geometry

    @property
    def blocks(self) -> list[Block]:
        """The blocks of all pages, in order."""
        return [block for _, blocks, _, _ in self.pages for block in blocks]

    @property
    def notes(self) -> list[str]:
        """What was damaged: on each page as a whole, then in its blocks."""
        found = [note for _, _, notes, _ in self.pages for note in notes]
        return found + [note for block in self.blocks for note in block.notes]

    @property
    def title(self) -> str:
        """The page's title: its `title` block, else its first heading, else a fixed word."""
        for kind in ("title", "heading"):
            for block in self.blocks:
                if block.kind == kind and block.inlines:
                    return one_line(inlines_text(block.inlines), MAX_TITLE_CHARACTERS)
        return "got-ocr"

    def to_html_fragment(self, notes: bool = True) -> str:
        """Write the pages' elements, without a file around them; their style sheet is `html_writer.STYLE`."""
        prepare(self.blocks)
        articles = []
        for index, (_, blocks, page_notes, picture) in enumerate(self.pages):
            writer = HtmlWriter(self.geometry, notes, prefix=f"p{index}g")
            body = writer.note_lines(page_notes) + writer.blocks(blocks)
            source = _picture_source(picture)
            if source:
                body = f'<div class="picture"><img src="{source}" alt="page {index + 1}"></div><div>{body}</div>'
            kind = ' class="side"' if source else ""
            articles.append(f"<article{kind}>\n{body}\n</article>")
        return "\n".join(articles)

    def to_html(self, title: str | None = None, notes: bool = True) -> str:
        """Write one self-contained HTML file.

        Args:
            title: The file's title; the page's own by default.
            notes: Whether the page says what was damaged.

        Returns:
            Its text. It loads nothing and runs nothing, by its own Content-Security-Policy too.
        """
        text = "".join(source for source, _, _, _ in self.pages)
        chinese = sum("\u4e00" <= character <= "\u9fff" for character in text) * 5 > len(text)
        return html_page(self.to_html_fragment(notes), title or self.title, "zh" if chinese else "")

    def to_markdown(self, tables: str = "pipes", escapes: bool = True) -> str:
        """Write Markdown with ``$`` formulas.

        Args:
            tables: "pipes", "html" where spans are to be kept, or "auto": HTML for the tables that have any.
            escapes: Whether characters that Markdown would take for marks get a backslash.
        """
        writer = MarkdownWriter(tables, escapes)
        return "\n\n---\n\n".join(writer.blocks(blocks) for _, blocks, _, _ in self.pages) + "\n"

    def to_latex(self, document: bool = True) -> str:
        """Write LaTeX.

        Args:
            document: With a preamble, so that it compiles; without it, the body alone.
        """
        return latex_document(self.blocks) if document else latex_body(self.blocks)

    def to_text(self) -> str:
        """Write the text stripped of markup; pages are parted by a form feed."""
        pages = []
        for _, blocks, _, _ in self.pages:
            pages.append("\n\n".join(filter(None, (block_text(block) for block in blocks))))
        return "\n\f\n".join(pages) + "\n"

    def to_json(self) -> str:
        """Write the blocks as JSON: for each page `blocks` of `type`, `source`, `text` and more as the kind has."""
        pages = [{"blocks": blocks_json(blocks), "notes": notes} for _, blocks, notes, _ in self.pages]
        return json.dumps({"pages": pages}, ensure_ascii=False, indent=2) + "\n"

    def to_docx(self, path: str | Path) -> None:
        """Write a Word document by pandoc.

        Raises:
            OSError: If pandoc isn't installed or fails.
        """
        from got_ocr.rendering.docx import write_docx

        write_docx(self.to_html_fragment(notes=False), Path(path))

    def to_png(self, path: str | Path, width_px: int = 900) -> None:
        """Write a picture of the page by a headless browser.

        Raises:
            OSError: If no Chromium or Chrome is installed, or it fails.
        """
        from got_ocr.rendering.browser import Browser

        with Browser() as browser:
            browser.open_html(self.to_html())
            picture = browser.screenshot(width_px)
        write_whole(path, lambda part: part.write_bytes(picture))

    def to_pdf(self, path: str | Path) -> None:
        """Print the page to PDF by a headless browser (for a searchable PDF of pictures see `rendering.pdf`).

        Raises:
            OSError: If no Chromium or Chrome is installed, or it fails.
        """
        from got_ocr.rendering.browser import Browser

        with Browser() as browser:
            browser.open_html(self.to_html())
            printed = browser.print_pdf()
        write_whole(path, lambda part: part.write_bytes(printed))

    def save(self, path: str | Path) -> None:
        """Write the file that its suffix says; it appears whole or not at all.

        Args:
            path: A name ending in .html, .md, .tex, .txt, .json, .docx, .pdf or .png.

        Raises:
            ValueError: If the suffix is none of these.
            OSError: If the file can't be written, or a program that the target needs is missing.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError(
                f"can't tell what to write from {path.name!r}; end it in one of {', '.join(SUFFIXES[:-1])}."
            )
        if suffix in (".docx", ".png", ".pdf"):
            getattr(self, f"to_{suffix[1:]}")(path)
            return
        writers: dict[str, Callable[[], str]] = {
            ".htm": self.to_html,
            ".md": self.to_markdown,
            ".tex": self.to_latex,
            ".txt": self.to_text,
        }
        writers |= {".html": self.to_html, ".json": self.to_json, ".mmd": self.source}
        text = writers[suffix]()
        write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))

    def source(self) -> str:
        """The text as the model wrote it."""
        return "\n\n".join(source for source, _, _, _ in self.pages)


def render(text: str, kind: str | None = None, *, geometry: str = "auto") -> Document:
    """Read what the model wrote.

    Args:
        text: The answer, of any kind and however damaged.
        kind: What it is: markdown, plain, formula, table, molecule, music, geometry, chart; None finds out.
        geometry: How TikZ is drawn: "auto" (local LaTeX, else Python), "latex", "python" or "source".

    Returns:
        The document, to be written by its `to_...` methods or `save`.

    Raises:
        ValueError: If `kind` or `geometry` is unknown.
    """
    return render_pages([(None, text)], kind, geometry=geometry)


def render_pages(
    pages: Iterable[tuple[Any, str]], kind: str | None = None, *, geometry: str = "auto", side_by_side: bool = True
) -> Document:
    """Read several pages into one document.

    Args:
        pages: For each page its picture (a PIL image, a path, or None; a name that is no picture counts as None) and
            what the model wrote.
        kind: What they are; None finds out, page by page.
        geometry: How TikZ is drawn.
        side_by_side: Whether each page's picture stands beside its text.

    Returns:
        The document.

    Raises:
        ValueError: If `kind` or `geometry` is unknown.
        TypeError: If a page's text is not a string.
    """
    read = []
    for picture, text in pages:
        if not isinstance(text, str):
            raise TypeError(f"a page's text must be a string, got {type(text).__name__}.")
        blocks, notes = parse(text, kind)
        read.append((text, blocks, notes, picture if side_by_side else None))
    return Document(read, geometry)


def _picture_source(picture: Any) -> str:
    """Turn a page's picture into a data URL; "" where there is none, or the path isn't a picture's."""
    if picture is None:
        return ""
    from PIL import Image

    if not isinstance(picture, Image.Image):
        try:
            with Image.open(picture) as opened:
                picture = opened.convert("RGB")
        except OSError:
            return ""
    picture = picture.convert("RGB")
    if picture.width > PICTURE_WIDTH_PX:
        height = max(1, round(picture.height * PICTURE_WIDTH_PX / picture.width))
        picture = picture.resize((PICTURE_WIDTH_PX, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return escape("data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode(), quote=True)
