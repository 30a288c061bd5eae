"""Formatted pages: titles, headings, text with formulas, lists and tables, answered in Mathpix Markdown."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.rendering.browser import find_browser
from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.drawing.browser_page import BrowserPage
from got_ocr.synthesis.formatted.source import (
    PIECE_BREAK,
    FormattedPage,
    Piece,
    Plan,
    SourceWriter,
    draw_plan,
    estimate_tokens,
)
from got_ocr.synthesis.formatted.style import draw_style, web_families
from got_ocr.synthesis.formatted.with_browser import draw_pieces
from got_ocr.synthesis.formatted.with_latex import check_latex, draw_latex_style, draw_pieces_latex
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn
from got_ocr.synthesis.text.fonts import FontFace

TYPESETTERS = ("browser", "latex")
_MOST_TRIES = 8
_Draw = Callable[[Sequence[Piece]], FormattedPage | None]
_SHORT_PAGES = 0.25  # Share of pages that end early.
_MOST_TOKENS = 1300  # of a page, as `estimate_tokens` counts them


class FormattedDrawer:
    """Draws formatted pages and documents.

    Args:
        resources: fonts and text.

    Raises:
        ValueError: the typesetter is unknown, or what it needs is missing.
    """

    def __init__(self, resources: Resources) -> None:
        if resources.typesetter not in TYPESETTERS:
            raise ValueError(f"typesetter must be one of {', '.join(TYPESETTERS)}, got {resources.typesetter!r}")
        self.resources = resources
        self._page = BrowserPage()
        self._families: Mapping[str, Sequence[FontFace]] = {}
        if resources.typesetter == "latex":
            check_latex()
        elif find_browser() is None:
            raise ValueError(
                "typesetter 'browser' needs Chromium or Chrome, which is not installed: install one, name it in "
                "GOT_OCR_BROWSER, or choose the typesetter 'latex'"
            )
        else:
            self._families = web_families(resources)

    def page(
        self,
        rng: np.random.Generator,
        *,
        most_tokens: int = _MOST_TOKENS,
        shape: float | None = None,
        columns: int | None = None,
        pixels: int | None = None,
    ) -> FormattedPage:
        """Draw one page.

        Args:
            rng: decides.
            most_tokens: about the most tokens that its answer may have, see `estimate_tokens`.
            shape: height over width; None for a usual one.
            columns: of the text; None for one or two. LaTeX sets no more than two.
            pixels: about how many the picture has; None for a usual resolution.

        Returns:
            The page, with at least one piece.
        """
        return self.document(rng, 1, most_tokens=most_tokens, shape=shape, columns=columns, pixels=pixels)[0]

    def document(
        self,
        rng: np.random.Generator,
        pages: int,
        *,
        plan: Plan | None = None,
        most_tokens: int = _MOST_TOKENS,
        shape: float | None = None,
        columns: int | None = None,
        pixels: int | None = None,
    ) -> list[FormattedPage]:
        """Draw the pages of one document, all of one look; the text goes on from page to page.

        Args:
            rng: decides.
            pages: how many.
            plan: what the document is like; None draws it.
            most_tokens: about the most tokens of one page's answer.
            shape: height over width; None for a usual one.
            columns: see `page`.
            pixels: see `page`.

        Returns:
            The pages, each with at least one piece.

        Raises:
            OSError: the browser or LaTeX can't be run.
            ValueError: page after page stayed empty: the corpus has no sentence that fits a page.
        """
        writer = SourceWriter(rng, self.resources, plan or draw_plan(rng))
        paper_tokens = most_tokens if shape is None else None
        draw = self._look(rng, shape, columns, pixels, paper_tokens)
        source = writer.pieces()
        waiting: list[Piece] = []
        drawn: list[FormattedPage] = []
        for _ in range(pages + _MOST_TRIES):
            is_short = pages == 1 and rng.random() < _SHORT_PAGES
            tokens = int(rng.uniform(0.25, 1.0) * most_tokens) if is_short else most_tokens
            while sum(estimate_tokens(piece.source) for piece in waiting) < tokens:
                waiting.append(next(source))
            notes = writer.footnotes if not drawn else []
            offered = _within(waiting, tokens - sum(estimate_tokens(PIECE_BREAK + note.source) for note in notes))
            page = draw([*offered, *notes])
            waiting = waiting[page.taken if page else 1 :]
            if page:
                drawn.append(page)
            elif not drawn:
                draw = self._look(rng, shape, columns, pixels, paper_tokens)
            if len(drawn) == pages:
                return drawn
        raise ValueError(f"{_MOST_TRIES} pages stayed empty, not one piece fits: give other corpus files or fonts")

    def _look(
        self,
        rng: np.random.Generator,
        shape: float | None,
        columns: int | None,
        pixels: int | None,
        tokens: int | None,
    ) -> _Draw:
        """Draw the look of a document. Returns: what draws a page of that look."""
        if self.resources.typesetter == "latex":
            latex_style = draw_latex_style(rng, shape, columns, pixels, tokens)
            return lambda pieces: draw_pieces_latex(pieces, latex_style)
        style = draw_style(rng, self._families, shape, columns, pixels, tokens)
        own = self._families[style.family] if self.resources.font_files else ()
        return lambda pieces: draw_pieces(self._page, pieces, style, own)


def _within(pieces: Sequence[Piece], most_tokens: int) -> list[Piece]:
    """Take as many pieces from the beginning as the tokens allow, at least one."""
    taken: list[Piece] = []
    for piece in pieces:
        most_tokens -= estimate_tokens(PIECE_BREAK + piece.source)
        if most_tokens < 0 and taken:
            break
        taken.append(piece)
    while len(taken) > 1 and taken[-1].role == "heading":
        taken.pop()
    return taken


class FormattedPages:
    """Pages that mix title, headings, text with formulas, lists and tables, in one or two columns.

    The answer is the exact Mathpix Markdown that the page was drawn from, in the spelling of `formatted_source`.

    Args:
        resources: fonts, text, the typesetter and the degradations.

    Raises:
        ValueError: the typesetter is unknown, or what it needs is missing.
    """

    def __init__(self, resources: Resources) -> None:
        self._drawer = FormattedDrawer(resources)

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw a page.

        Args:
            rng: decides.

        Returns:
            One picture and one turn, `OCR with format: `.
        """
        page = self._drawer.page(rng)
        image, applied = degrade_share(page.image, rng, self._drawer.resources.degradations)
        source = {
            "look": page.look,
            "pieces": [
                {"role": placed.piece.role, "boxes": [list(box) for box in placed.boxes]} for placed in page.placed
            ],
            "left_out": page.left_out,
            "degradations": applied,
        }
        return Sample("formatted", (image,), (Turn(instruction(Mode("format")), page.text),), source)
