"""Write blocks as HTML: escaped text, MathML, real tables, inline SVG; one file, no script, no network."""

import base64
import hashlib
import re
from collections.abc import Callable
from html import escape

from got_ocr.rendering import charts, formula_mathml
from got_ocr.rendering.blocks import Block, Cell, Inline, Table
from got_ocr.rendering.drawing import PageBudget, draw
from got_ocr.rendering.source import one_line

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f3f3f1; color: #111; font: 16px/1.5 "Source Serif 4", Georgia, "Noto Serif",
  "Noto Serif CJK SC", "Songti SC", SimSun, serif; }
article { box-sizing: border-box; max-width: 860px; margin: 1.5rem auto; padding: 2.2rem 2.6rem; background: white;
  box-shadow: 0 1px 4px #0003; overflow-wrap: anywhere; }
article.side { max-width: 1500px; display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 2rem; }
article.side > .picture img { width: 100%; height: auto; border: 1px solid #ddd; }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; margin: 1.2em 0 0.5em; }
h1.title { text-align: center; } p.author { text-align: center; }
p, div.paragraph { margin: 0.6em 0; }
blockquote { margin: 0.8em 0; padding-left: 1em; border-left: 3px solid #ccc; }
section.abstract { margin: 1em 2em; font-size: 0.95em; }
ul, ol { margin: 0.5em 0; } li > p { margin: 0.2em 0; }
ul.marked, ol.marked { list-style: none; padding-left: 1.6em; } li > .mark { float: left; margin-left: -1.6em; }
figure { margin: 1em 0; text-align: center; overflow-x: auto; }
figcaption, p.caption { text-align: center; font-size: 0.92em; color: #333; }
table { border-collapse: collapse; margin: 0.8em auto; font-size: 0.95em; }
td, th { padding: 0.22em 0.6em; text-align: left; vertical-align: middle; font-weight: inherit; }
th { font-weight: 600; }
td.c, th.c { text-align: center; } td.r, th.r { text-align: right; }
.bt { border-top: 1px solid #222; } .bb { border-bottom: 1px solid #222; }
.bl { border-left: 1px solid #222; } .br { border-right: 1px solid #222; }
table.nested { margin: 0.15em; display: inline-table; }
div.formula { overflow-x: auto; overflow-y: hidden; text-align: center; }
svg { max-width: 100%; height: auto; }
svg.music { width: 100%; color: black; } svg.music text { font-family: Times, serif; }
svg.music ellipse, svg.music path, svg.music polygon, svg.music polyline, svg.music rect { stroke: currentColor; }
svg.music g.placeholder { visibility: hidden; }
svg.music g.ending, svg.music g.fing, svg.music g.reh, svg.music g.tempo { font-weight: bold; }
svg.music g.dir, svg.music g.dynam, svg.music g.mNum { font-style: italic; }
p svg.molecule, td svg.molecule, li svg.molecule { vertical-align: middle; }
figure.chart { display: flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 1.2em; }
figure.chart svg { flex: 1 1 360px; max-width: 560px; } figure.chart table { margin: 0; font-size: 0.85em; }
pre { background: #f6f6f6; padding: 0.7em 0.9em; overflow-x: auto; text-align: left; font-size: 0.85em;
  white-space: pre-wrap; }
code { font-family: "DejaVu Sans Mono", Consolas, monospace; font-size: 0.9em; }
details { text-align: left; font-size: 0.85em; color: #555; } summary { cursor: pointer; }
p.note { font-size: 0.82em; color: #8a5a00; margin: 0.2em 0; text-align: left; }
p.note::before { content: "⚠ "; }
hr { border: 0; border-top: 1px solid #bbb; }
u { text-underline-offset: 2px; } span.footnote { font-size: 0.88em; color: #444; }
@media (max-width: 700px) { article { padding: 1rem; } article.side { grid-template-columns: minmax(0, 1fr); } }
@media print { body { background: white; } article { box-shadow: none; margin: 0; max-width: none; padding: 0; }
  article + article { break-before: page; } details { display: none; } }
"""
STYLE = _STYLE + formula_mathml.STYLE
_INLINE_TAGS = {
    "strong": "strong",
    "emphasis": "em",
    "underline": "u",
    "strike": "s",
    "superscript": "sup",
    "subscript": "sub",
}
_RULE_CLASSES = {"top": "bt", "bottom": "bb", "left": "bl", "right": "br"}


class HtmlWriter:
    """Writer of the blocks of one page as HTML elements; its pictures share the page's budget.

    Args:
        geometry: How TikZ is drawn.
        notes: Whether what was fixed is said on the page.
        prefix: What identifiers begin with; differs from page to page.
    """

    def __init__(self, geometry: str = "auto", notes: bool = True, prefix: str = "g") -> None:
        self.geometry, self.notes, self.prefix = geometry, notes, prefix
        self.drawings = 0
        self.budget = PageBudget()

    def blocks(self, blocks: list[Block]) -> str:
        """Write blocks one below the other."""
        return "\n".join(self.block(block) for block in blocks)

    def block(self, block: Block) -> str:
        """Write one block, and its notes below it."""
        write: Callable[[Block], str] = getattr(self, f"_{block.kind}")
        return write(block) + self.note_lines(block.notes)

    def note_lines(self, notes: list[str]) -> str:
        """Write what was fixed."""
        if not self.notes:
            return ""
        if not notes:
            return ""
        return f'<p class="note">{escape("; ".join(dict.fromkeys(notes)))}</p>'

    # ---- text

    def _paragraph(self, block: Block) -> str:
        body = self.inlines(block.inlines)
        if _holds_table(block.inlines):
            return f'<div class="paragraph">{body}</div>'
        return f"<p>{body}</p>"

    def _title(self, block: Block) -> str:
        return f'<h1 class="title">{self.inlines(block.inlines)}</h1>'

    def _author(self, block: Block) -> str:
        return f'<p class="author">{self.inlines(block.inlines)}</p>'

    def _heading(self, block: Block) -> str:
        level = max(1, min(block.level, 6))
        return f"<h{level}>{self.inlines(block.inlines)}</h{level}>"

    def _caption(self, block: Block) -> str:
        return f'<p class="caption">{self.inlines(block.inlines)}</p>'

    def _note(self, block: Block) -> str:
        return f'<p><span class="footnote">{self.inlines(block.inlines)}</span></p>'

    def _quote(self, block: Block) -> str:
        return f"<blockquote>{self.blocks(block.children)}</blockquote>"

    def _abstract(self, block: Block) -> str:
        return f'<section class="abstract">{self.blocks(block.children)}</section>'

    def _rule(self, block: Block) -> str:
        return "<hr>"

    def _code(self, block: Block) -> str:
        return f"<pre><code>{escape(str(block.content))}</code></pre>"

    def _list(self, block: Block) -> str:
        tag = "ol" if block.level else "ul"
        items = []
        # Marks are shown as they were read: a page may begin at 7 or jump.
        marked = bool(block.level) and any(item.content for item in block.children)
        for item in block.children:
            mark = f'<span class="mark">{escape(str(item.content or ""))}</span>' if marked else ""
            items.append(f"<li>{mark}{self.blocks(item.children)}</li>")
        attribute = ' class="marked"' if marked else ""
        return f"<{tag}{attribute}>{''.join(items)}</{tag}>"

    def _item(self, block: Block) -> str:
        return self.blocks(block.children)

    def _figure(self, block: Block) -> str:
        if not block.children:
            name = re.search(r"\{([^{}]*)\}\s*$", block.source)
            words = f"[figure {name[1]}]" if name else block.source
            return f"<figure><figcaption>{escape(words)}</figcaption></figure>"
        return f"<figure>{self.blocks(block.children)}</figure>"

    # ---- formulas, tables, pictures

    def _formula(self, block: Block) -> str:
        tex, formula = block.content
        return f'<div class="formula">{formula_mathml.formula_to_mathml(formula, tex, display=True)}</div>'

    def _table(self, block: Block) -> str:
        return self.table(block.content)

    def table(self, table: Table, nested: bool = False) -> str:
        """Write a table with its spans and rules."""
        rows = []
        for index, row in enumerate(table.rows):
            tag = "th" if index < table.header_rows else "td"
            cells = "".join(self._cell(cell, tag) for cell in row)
            rows.append(f"<tr>{cells}</tr>")
        attribute = ' class="nested"' if nested else ""
        return f"<table{attribute}><tbody>{''.join(rows)}</tbody></table>"

    def _cell(self, cell: Cell, tag: str) -> str:
        classes = [cell.align] if cell.align in "cr" else []
        classes += [_RULE_CLASSES[rule] for rule in ("top", "bottom", "left", "right") if rule in cell.rules]
        attributes = f' class="{" ".join(classes)}"' if classes else ""
        attributes += f' colspan="{cell.columns}"' if cell.columns > 1 else ""
        attributes += f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
        return f"<{tag}{attributes}>{self.inlines(cell.inlines)}</{tag}>"

    def _draw(self, kind: str, content: object) -> tuple[str, list[str]]:
        self.drawings += 1
        drawing = draw(kind, content, f"{self.prefix}{self.drawings}", self.geometry, self.budget)
        return "".join(drawing.svgs), drawing.notes

    def _picture(self, block: Block, kind: str, name: str) -> str:
        picture, notes = self._draw(kind, block.content)
        source = f"<pre><code>{escape(str(block.content))}</code></pre>"
        if picture:
            source = f"<details><summary>{name}</summary>{source}</details>"
        return f'<figure class="{kind}">{picture}{source}</figure>{self.note_lines(notes)}'

    def _music(self, block: Block) -> str:
        return self._picture(block, "music", "**kern")

    def _molecule(self, block: Block) -> str:
        return self._picture(block, "molecule", "SMILES")

    def _geometry(self, block: Block) -> str:
        return self._picture(block, "geometry", "TikZ")

    def _chart(self, block: Block) -> str:
        chart = block.content
        picture, notes = self._draw("chart", chart)
        words = escape(chart.source)
        caption = f'<p class="caption">{words}</p>' if words else ""
        body = f'<figure class="chart">{picture}{self.table(charts.chart_table(chart))}</figure>'
        return body + caption + self.note_lines(notes)

    # ---- inline

    def inlines(self, pieces: list[Inline]) -> str:
        """Write the pieces of a line."""
        return "".join(self._inline(piece) for piece in pieces)

    def _inline(self, piece: Inline) -> str:
        kind = piece.kind
        if kind == "text":  # Columns that the page set apart by spaces stay apart.
            return re.sub(r" {2,}", lambda run: "\u00a0" * (len(run[0]) - 1) + " ", escape(piece.text))
        if kind == "break":
            return "<br>"
        if kind in _INLINE_TAGS:
            tag = _INLINE_TAGS[kind]
            return f"<{tag}>{self.inlines(piece.children)}</{tag}>"
        if kind == "code":
            return f"<code>{escape(piece.text)}</code>"
        if kind == "note":
            return f'<span class="footnote"> ({self.inlines(piece.children)})</span>'
        if kind == "formula":
            return formula_mathml.formula_to_mathml(piece.content, piece.text, display=False)
        if kind == "table":
            return self.table(piece.content, nested=True)
        picture, notes = self._draw("inline molecule", piece.text)
        if picture:
            return picture
        reason = f" <small>[{escape('; '.join(notes))}]</small>" if self.notes else ""
        return f"<code>{escape(piece.text)}</code>{reason}"


def _holds_table(pieces: list[Inline]) -> bool:
    return any(piece.kind == "table" or _holds_table(piece.children) for piece in pieces)


def html_page(body: str, title: str, language: str = "") -> str:
    """Put a body into one self-contained file that may load and run nothing.

    Args:
        body: The articles.
        title: The page's title.
        language: Of the text, such as "zh", where known.

    Returns:
        The file's text. Its Content-Security-Policy allows its own style sheet (by hash) and pictures within the file.
    """
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    language_attribute = f' lang="{escape(language, quote=True)}"' if language else ""
    return (
        f'<!DOCTYPE html>\n<html{language_attribute}>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<title>{escape(one_line(title))}</title>\n<style>{STYLE}</style>\n'
        f"</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
