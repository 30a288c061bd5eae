"""Pieces of Mathpix Markdown to a picture of their page, by Chromium."""

import dataclasses
from collections.abc import Sequence
from html import escape
from typing import Any

from got_ocr.rendering.html_writer import HtmlWriter
from got_ocr.rendering.parsing import parse
from got_ocr.synthesis.drawing.browser_page import BrowserPage
from got_ocr.synthesis.formatted.source import FormattedPage, Piece, PlacedPiece
from got_ocr.synthesis.formatted.style import BrowserStyle, style_sheet
from got_ocr.synthesis.text.fonts import FontFace

# The least that a formula or table is shrunk to for its column, in em of the text; wider ones are left out.
_LEAST_SHRINK = 0.72
_FRONT = ("title", "author", "abstract")
# Runs when the page has loaded: shrinks what is too wide, takes away what doesn't fit, and notes what is left.
_FIT = """
const shrinkLimit = LIMIT, main = document.querySelector("main");
const inner = document.querySelector(".flow").getBoundingClientRect();  // its sides don't change
const columnWidth = COLUMN + 0.5;
const content = element => element.matches("math[display=block]") ? element.querySelector("mrow") : element;
const width = element => content(element).getBoundingClientRect().width;
const widest = (piece, selector) => Math.max(0, ...Array.from(piece.querySelectorAll(selector), width));
for (const piece of document.querySelectorAll("[data-piece]")) {
  const room = piece.closest(".flow") ? columnWidth : inner.width + 0.5;
  const block = widest(piece, "math[display=block], table");
  if (block > room && room / block >= shrinkLimit)
    piece.style.fontSize = 0.99 * room / block + "em";
  if (widest(piece, "math, table") > room) piece.remove();
}
const flow = document.querySelector(".flow"), style = getComputedStyle(main);
const limit = main.getBoundingClientRect().bottom - parseFloat(style.paddingBottom) + 1;
const lowest = () => Math.max(0, ...Array.from(document.querySelectorAll(".front > *, .foot"),
  element => element.getBoundingClientRect().bottom));
for (let last; FIXED && lowest() > limit && (last = document.querySelector(".front > :last-child"));) last.remove();
const bottom = flow.getBoundingClientRect().bottom + 1;
const fits = piece => Array.from(piece.getClientRects()).every(box =>
  box.right <= inner.right + 1 && (!FIXED || box.bottom <= bottom));
const pieces = Array.from(document.querySelectorAll(".flow > [data-piece]"));
let end = pieces.findIndex(piece => !fits(piece));
end = end < 0 ? pieces.length : end;
while (end > 0 && pieces[end - 1].className === "heading") end--;
for (const piece of pieces.slice(end)) piece.remove();
if (FIXED && end == pieces.length) {  // The columns of a page that isn't full are of one length.
  flow.style.flex = "none";
  flow.style.columnFill = "balance";
  if (!pieces.every(fits)) flow.removeAttribute("style");
}
"""
_KEPT = """Array.from(document.querySelectorAll("[data-piece]"), piece => ({
  number: Number(piece.dataset.piece),
  boxes: Array.from(piece.getClientRects(), box =>
    [box.left + scrollX, box.top + scrollY, box.right + scrollX, box.bottom + scrollY]) }))"""


def draw_pieces(
    page: BrowserPage, pieces: Sequence[Piece], style: BrowserStyle, own_faces: Sequence[FontFace] = ()
) -> FormattedPage | None:
    """Draw as many pieces as one page holds.

    Args:
        page: the browser.
        pieces: in the order of reading; footnotes last.
        style: the page's look.
        own_faces: faces to carry inside the page, for fonts that aren't installed.

    Returns:
        The page; None where not even the first piece fits.

    Raises:
        OSError: no browser is installed, or it died twice in a row.
    """
    picture = page.picture(
        page_html(pieces, style, own_faces), width_px=style.width_px, scale=style.scale, margin_px=None
    )
    kept: list[dict[str, Any]] = page.ask(_KEPT)
    shown = [found["number"] for found in kept if pieces[found["number"]].role != "footnote"]
    if not shown:
        return None
    placed = tuple(
        PlacedPiece(
            pieces[found["number"]], tuple(tuple(edge * style.scale for edge in box) for box in found["boxes"])
        )
        for found in kept
    )
    look = {"typesetter": "browser", **dataclasses.asdict(style)}
    return FormattedPage(picture, placed, shown[-1] + 1, shown[-1] + 1 - len(shown), look)


def page_html(pieces: Sequence[Piece], style: BrowserStyle, own_faces: Sequence[FontFace] = ()) -> str:
    """Write the page, which fits its pieces to its paper when it is opened.

    Args:
        pieces: in the order of reading; footnotes last.
        style: the page's look.
        own_faces: faces to carry inside the page.

    Returns:
        An HTML file.
    """
    parts: dict[str, list[str]] = {"front": [], "flow": [], "foot": []}
    for number, piece in enumerate(pieces):
        part = "front" if piece.role in _FRONT else "foot" if piece.role == "footnote" else "flow"
        body = HtmlWriter("source", notes=False, prefix=f"p{number}").blocks(parse(piece.source)[0])
        parts[part].append(f'<div class="{piece.role}" data-piece="{number}">{body}</div>')
    script = _FIT.replace("LIMIT", str(_LEAST_SHRINK)).replace("COLUMN", str(style.column_px))
    script = script.replace("FIXED", "false" if style.height_px is None else "true")
    body = "\n".join(
        f'<div class="{name}">{"".join(found)}</div>' for name, found in parts.items() if found or name == "flow"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(pieces[0].role)}</title>'
        f"<style>{style_sheet(style, own_faces)}</style></head>\n<body><main>\n{body}\n</main>\n"
        # Laying out before the load event makes the browser wait for the page's own fonts.
        f"<script>document.body.offsetHeight; addEventListener('load', () => {{{script}}});</script></body></html>\n"
    )
