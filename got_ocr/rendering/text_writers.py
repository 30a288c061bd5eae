"""Write blocks as plain text, as Markdown, and as JSON."""

import re
from html import escape
from typing import Any

from got_ocr.rendering import charts
from got_ocr.rendering.blocks import Block, Cell, Inline, Table
from got_ocr.rendering.formula_latex import formula_to_latex, formula_to_text
from got_ocr.rendering.formula_nodes import Formula

TABLE_FORMS = ("auto", "pipes", "html")
_INLINE_MARKS = {"strong": "**", "emphasis": "*", "strike": "~~"}
_HTML_MARKS = {"underline": "u", "superscript": "sup", "subscript": "sub"}
_HTML_CELL_TAGS = {**_HTML_MARKS, "strong": "strong", "emphasis": "em", "strike": "del"}


# ---- plain text


def block_text(block: Block) -> str:
    """Write a block as text stripped of markup; music, molecules and drawings as their source."""
    kind = block.kind
    if kind == "formula":
        return formula_to_text(block.content[1])
    if kind == "table":
        return table_text(block.content)
    if kind == "chart":
        chart = block.content
        said = [chart.title, table_text(charts.chart_table(chart)), chart.source]
        return "\n".join(line for line in said if line)
    if kind in ("music", "molecule", "geometry", "code"):
        return str(block.content)
    if kind == "rule":
        return ""
    if kind == "list":
        return "\n".join(_item_text(block, item, index) for index, item in enumerate(block.children))
    if block.children:
        return "\n".join(filter(None, (block_text(child) for child in block.children)))
    if kind == "figure":
        return ""
    return inlines_text(block.inlines)


def _item_text(block: Block, item: Block, index: int) -> str:
    mark = str(item.content or f"{index + 1}.") if block.level else "-"
    body = "\n".join(block_text(child) for child in item.children)
    return f"{mark} {body}".rstrip()


def inlines_text(pieces: list[Inline]) -> str:
    """Write the pieces of a line as text."""
    parts = []
    for piece in pieces:
        if piece.kind == "formula":
            parts.append(formula_to_text(piece.content))
        elif piece.kind == "table":
            parts.append("; ".join(line.replace("\t", ", ") for line in table_text(piece.content).split("\n")))
        elif piece.kind == "break":
            parts.append("\n")
        elif piece.kind == "note":
            parts.append(f" ({inlines_text(piece.children)})")
        else:
            parts.append(piece.text or inlines_text(piece.children))
    return "".join(parts)


def table_text(table: Table) -> str:
    """Write a table with tabs between its columns, a line a row; a span's text stands in its first cell."""
    lines = []
    for row in grid(table):
        lines.append("\t".join(" ".join(inlines_text(cell).split()) for cell in row).rstrip())
    return "\n".join(lines)


def grid(table: Table) -> list[list[list[Inline]]]:
    """Spread a table over its grid; the cells that a span covers are empty.

    Args:
        table: The table.

    Returns:
        For each row the pieces of each cell; rows end at their last cell where the table isn't padded.
    """
    rows: list[list[list[Inline]]] = []
    padded = table.is_padded
    for row in table.rows:
        reach = max((cell.column + 1 for cell in row), default=0)
        cells: list[list[Inline]] = [[] for _ in range(table.width if padded else min(reach, table.width))]
        for cell in row:
            if cell.column < len(cells):
                cells[cell.column] = cell.inlines
        rows.append(cells)
    return rows


# ---- JSON


def blocks_json(blocks: list[Block]) -> list[dict[str, Any]]:
    """Write blocks as dictionaries of type, source and text, and what else their kind has."""
    return [_block_json(block) for block in blocks]


def _block_json(block: Block) -> dict[str, Any]:
    result: dict[str, Any] = {"type": block.kind, "source": block.source, "text": block_text(block)}
    if block.kind == "heading":
        result["level"] = block.level
    if block.kind == "formula":
        result["latex"] = formula_to_latex(block.content[1])
    if block.kind == "table":
        result["rows"] = [[" ".join(inlines_text(cell).split()) for cell in row] for row in grid(block.content)]
        result["cells"] = [
            [
                {"column": cell.column, "columns": cell.columns, "rows": cell.rows, "text": inlines_text(cell.inlines)}
                for cell in row
            ]
            for row in block.content.rows
        ]
    if block.kind == "chart":
        chart = block.content
        result["chart"] = {
            "kind": chart.kind,
            "title": chart.title,
            "source": chart.source,
            "x_title": chart.x_title,
            "y_title": chart.y_title,
            "values": chart.series,
        }
    if block.kind == "list":
        result["ordered"] = bool(block.level)
    if block.children:
        result["children"] = blocks_json(block.children)
    if block.notes:
        result["notes"] = block.notes
    return result


# ---- Markdown


class MarkdownWriter:
    """Writer of blocks as GitHub's Markdown with ``$`` formulas.

    Args:
        tables: "pipes", "html" to keep spans, or "auto": HTML for tables with spans, pipes for the others.
        escapes: Whether characters that Markdown would take for marks get a backslash. Benchmarks, which compare
            characters, want none.

    Raises:
        ValueError: If `tables` is none of these.
    """

    def __init__(self, tables: str = "pipes", escapes: bool = True) -> None:
        if tables not in TABLE_FORMS:
            raise ValueError(f"tables must be one of {', '.join(TABLE_FORMS)}, got {tables!r}.")
        self.tables = tables
        self.escapes = escapes

    def _escaped(self, text: str) -> str:
        return re.sub(r"([\\`*_\[\]<>$|~])", r"\\\1", text) if self.escapes else text

    def blocks(self, blocks: list[Block]) -> str:
        """Write blocks, an empty line between them."""
        return "\n\n".join(filter(None, (self.block(block) for block in blocks)))

    def block(self, block: Block) -> str:
        """Write one block."""
        kind = block.kind
        if kind == "title":
            return f"# {self._line(block.inlines)}"
        if kind == "heading":
            return f"{'#' * max(1, min(block.level, 6))} {self._line(block.inlines)}"
        if kind == "formula":
            return f"$$\n{_markdown_formula(block.content[1])}\n$$"
        if kind == "table":
            return self._table(block.content)
        if kind == "chart":
            title = f"**{self._escaped(block.content.title)}**" if block.content.title else ""
            return "\n\n".join(filter(None, (title, self._table(charts.chart_table(block.content)))))
        if kind in ("music", "molecule", "geometry", "code"):
            language = {"music": "kern", "molecule": "smiles", "geometry": "latex"}.get(kind, "")
            return _fence(str(block.content), language)
        if kind == "rule":
            return "---"
        if kind == "list":
            return self._list(block)
        if kind in ("quote", "abstract"):
            return "\n".join(f"> {line}".rstrip() for line in self.blocks(block.children).split("\n"))
        if kind == "caption":
            return f"*{self._line(block.inlines)}*" if block.inlines else ""
        if block.children:
            return self.blocks(block.children)
        text = self.inlines(block.inlines)
        return "\n".join(_line_start_escaped(line) for line in text.split("\n")) if self.escapes else text

    def _list(self, block: Block) -> str:
        lines = []
        for index, item in enumerate(block.children):
            mark = re.sub(r"[)]$", ".", str(item.content or f"{index + 1}.")) if block.level else "-"
            body = self.blocks(item.children).split("\n")
            lines.append(f"{mark} {body[0]}")
            lines += [f"{' ' * (len(mark) + 1)}{line}".rstrip() for line in body[1:]]
        return "\n".join(lines)

    def _line(self, pieces: list[Inline]) -> str:
        return self.inlines(pieces).replace("\\\n", " ").replace("\n", " ")

    def inlines(self, pieces: list[Inline]) -> str:
        """Write the pieces of a line."""
        parts = []
        for piece in pieces:
            if piece.kind == "text":
                parts.append(self._escaped(piece.text))
            elif piece.kind == "break":
                parts.append("\\\n")
            elif piece.kind in _INLINE_MARKS:
                inside = self.inlines(piece.children)
                mark = _INLINE_MARKS[piece.kind] if inside.strip() else ""
                parts.append(f"{mark}{inside.strip() if mark else inside}{mark}")
            elif piece.kind in _HTML_MARKS:
                tag = _HTML_MARKS[piece.kind]
                parts.append(f"<{tag}>{self.inlines(piece.children)}</{tag}>")
            elif piece.kind == "formula":
                parts.append(f"${_markdown_formula(piece.content)}$")
            elif piece.kind == "table":
                parts.append(self._escaped(inlines_text([piece])))
            elif piece.kind == "note":
                parts.append(f" ({self.inlines(piece.children)})")
            else:
                ticks = "`" * (max((len(run) for run in re.findall(r"`+", piece.text)), default=0) + 1)
                pad = " " if "`" in piece.text else ""
                parts.append(f"{ticks}{pad}{piece.text}{pad}{ticks}" if piece.text.strip() else piece.text)
        return "".join(parts)

    def _table(self, table: Table) -> str:
        if self.tables == "html" or (self.tables == "auto" and _has_spans(table)):
            return self._html_table(table)
        rows = [["" if not cell else self._pipe_cell(cell) for cell in row] for row in grid(table)]
        if not rows:
            return ""
        aligns = ["l"] * table.width
        for row in table.rows[1:]:
            for cell in row:
                aligns[cell.column] = cell.align
        dashes = [{"c": ":-:", "r": "--:"}.get(align, "---") for align in aligns]
        heading = rows[0] + [""] * (table.width - len(rows[0]))
        return "\n".join(f"| {' | '.join(row)} |" for row in [heading, dashes, *rows[1:]])

    def _html_table(self, table: Table) -> str:
        rows = []
        for index, row in enumerate(table.rows):
            tag = "th" if index < table.header_rows else "td"
            rows.append(f"<tr>{''.join(self._html_cell(cell, tag) for cell in row)}</tr>")
        return "\n".join(["<table>", *rows, "</table>"])

    def _html_cell(self, cell: Cell, tag: str) -> str:
        align = {"c": "center", "r": "right"}.get(cell.align)
        attributes = f' align="{align}"' if align else ""
        attributes += f' colspan="{cell.columns}"' if cell.columns > 1 else ""
        attributes += f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
        return f"<{tag}{attributes}>{_html_inlines(cell.inlines)}</{tag}>"

    def _pipe_cell(self, pieces: list[Inline]) -> str:
        # Within a table even a formula's bar parts cells.
        text = self.inlines(pieces).replace("\\\n", "<br>").replace("\n", " ")
        return re.sub(r"(?<!\\)\|", r"\\|", text)


def _markdown_formula(formula: Formula) -> str:
    return formula_to_latex(formula).replace("\n", " ").replace("$", r"\$").replace(r"\\$", r"\$")


def _html_inlines(pieces: list[Inline]) -> str:
    """Write a cell's pieces: HTML within Markdown, whose formulas stand between ``$`` as outside of tables."""
    parts = []
    for piece in pieces:
        if piece.kind == "formula":
            parts.append(f"${escape(_markdown_formula(piece.content), quote=False)}$")
        elif piece.kind == "break":
            parts.append("<br>")
        elif piece.kind in _HTML_CELL_TAGS:
            tag = _HTML_CELL_TAGS[piece.kind]
            parts.append(f"<{tag}>{_html_inlines(piece.children)}</{tag}>")
        else:
            parts.append(escape(inlines_text([piece]), quote=False).replace("\n", "<br>"))
    return "".join(parts)


def _has_spans(table: Table) -> bool:
    return any(cell.rows > 1 or cell.columns > 1 for row in table.rows for cell in row)


def _line_start_escaped(line: str) -> str:
    return re.sub(r"^(\s*)(#{1,6}\s|[-+]\s|=+$|-+$|\d+[.)]\s)", lambda match: match[1] + _shielded(match[2]), line)


def _shielded(mark: str) -> str:
    return re.sub(r"([#.)=+-])", r"\\\1", mark, count=1)


def _fence(text: str, language: str) -> str:
    ticks = "`" * max(3, max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"
