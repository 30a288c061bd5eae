"""Write blocks as a LaTeX document that compiles, whatever was read: only what is understood becomes commands."""

import re

from got_ocr.rendering import charts, tex_guard, tikz
from got_ocr.rendering.blocks import Block, Cell, Inline, Table
from got_ocr.rendering.formula_latex import escape_text, formula_to_latex

_CJK = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_PREAMBLE = r"""% Compile with xelatex or lualatex; pdflatex serves where the text is Latin.
\documentclass[11pt]{article}
\usepackage[margin=2.5cm]{geometry}
\usepackage{iftex}
\ifPDFTeX
  \usepackage[utf8]{inputenc}
  \usepackage[T1]{fontenc}
\else
  \usepackage{fontspec}
\fi
\usepackage{amsmath,amssymb,mathtools}
\usepackage{array}
\IfFileExists{multirow.sty}{\usepackage{multirow}}{\newcommand{\multirow}[3]{##3}}
\IfFileExists{ulem.sty}{\usepackage[normalem]{ulem}}{\newcommand{\sout}[1]{##1}}
\usepackage{xcolor}
"""
_CJK_PREAMBLE = r"""\ifXeTeX
  \usepackage{xeCJK}
  \IfFontExistsTF{Noto Serif CJK SC}{\setCJKmainfont{Noto Serif CJK SC}}{%
    \IfFontExistsTF{FandolSong-Regular.otf}{\setCJKmainfont{FandolSong-Regular.otf}}{%
      \IfFontExistsTF{SimSun}{\setCJKmainfont{SimSun}}{%
        \IfFontExistsTF{AR PL SungtiL GB}{\setCJKmainfont{AR PL SungtiL GB}}{}}}}
\fi
"""
_TIKZ_PREAMBLE = r"""\usepackage{tikz}
\usetikzlibrary{arrows,arrows.meta,calc,angles,quotes,intersections,patterns,decorations.markings,
  decorations.pathreplacing,decorations.pathmorphing,positioning,shapes,shapes.geometric,through,backgrounds}
"""
_STYLES = {
    "strong": "textbf",
    "emphasis": "emph",
    "underline": "underline",
    "strike": "sout",
    "superscript": "textsuperscript",
    "subscript": "textsubscript",
    "note": "footnote",
}
_HEADINGS = {1: "section*", 2: "section*", 3: "subsection*", 4: "subsubsection*", 5: "paragraph*", 6: "subparagraph*"}
_ROW_END = r" \\"
MAX_LIST_LEVELS = 4


def latex_document(blocks: list[Block]) -> str:
    """Write a whole document."""
    body = latex_body(blocks)
    preamble = _PREAMBLE + (_CJK_PREAMBLE if _CJK.search(body) else "")
    preamble += _TIKZ_PREAMBLE + tex_guard.CLOSED_FILES if "\\begin{tikzpicture}" in body else ""
    return f"{preamble}\\begin{{document}}\n{body}\n\\end{{document}}\n"


def latex_body(blocks: list[Block]) -> str:
    """Write blocks, without a preamble."""
    return _blocks(blocks, 0)


def _blocks(blocks: list[Block], level: int) -> str:
    """Write blocks that stand within so many lists."""
    return "\n\n".join(filter(None, (_block(block, level) for block in blocks)))


def _block(block: Block, level: int) -> str:
    kind = block.kind
    if kind == "title":
        return f"\\begin{{center}}\\LARGE {_line(block.inlines)}\\end{{center}}"
    if kind in ("author", "caption"):
        return f"\\begin{{center}}{_line(block.inlines)}\\end{{center}}" if block.inlines else ""
    if kind == "heading":
        return f"\\{_HEADINGS[max(1, min(block.level, 6))]}{{{_line(block.inlines)}}}"
    if kind == "formula":
        body = formula_to_latex(block.content[1])
        return f"\\[\n{body}\n\\]" if body else ""
    if kind == "table":
        return f"\\begin{{center}}\n{_table(block.content)}\n\\end{{center}}"
    if kind == "chart":
        title = f"\\textbf{{{escape_text(block.content.title)}}}\\par\n" if block.content.title else ""
        return f"\\begin{{center}}\n{title}{_table(charts.chart_table(block.content))}\n\\end{{center}}"
    if kind == "geometry":
        source = tex_guard.remove_comments(tikz.fix_tikz(str(block.content)))
        drawable = source.lstrip().startswith("\\begin{tikzpicture}") and _balanced(source)
        if not drawable or tex_guard.unsafe_command(source):
            return _verbatim(str(block.content))
        return f"\\begin{{center}}\n{source}\n\\end{{center}}"
    if kind == "molecule":
        return f"\\begin{{center}}\\texttt{{{escape_text(str(block.content))}}}\\end{{center}}"
    if kind in ("music", "code"):
        return _verbatim(str(block.content))
    if kind == "rule":
        return r"\noindent\rule{\linewidth}{0.4pt}"
    if kind == "list":
        return _list(block, level)
    if kind == "quote":
        return f"\\begin{{quote}}\n{_blocks(block.children, level)}\n\\end{{quote}}"
    if kind == "abstract":
        return f"\\begin{{abstract}}\n{_blocks(block.children, level)}\n\\end{{abstract}}"
    if block.children:
        return _blocks(block.children, level)
    return "" if kind == "figure" else _paragraph(block.inlines)


def _balanced(source: str) -> bool:
    """Say whether a piece of the model's own LaTeX closes what it opens, and nothing else."""
    stack: list[str] = []
    for brace, kind, name in re.findall(r"(?<!\\)([{}])(?<!begin\{)(?<!end\{)|\\(begin|end)\{([A-Za-z*]+)", source):
        if brace == "{" or kind == "begin":
            stack.append(name or "{")
        elif not kind:
            if not stack or stack.pop() != "{":
                return False
        elif not stack or stack.pop() != name:
            return False
        if kind:
            stack.append("{")  # The brace around the name, which is closed next.
    return not stack


def _list(block: Block, level: int) -> str:
    if level >= MAX_LIST_LEVELS:  # LaTeX nests lists four deep; what lies deeper stands as paragraphs.
        return "\n\n".join(_blocks(item.children, level) for item in block.children)
    name = "enumerate" if block.level else "itemize"
    items = []
    for item in block.children:
        mark = f"[{{{escape_text(str(item.content))}}}]" if block.level and item.content else ""
        items.append(f"\\item{mark or '{}'} {_blocks(item.children, level + 1)}")
    body = "\n".join(items) if items else "\\item{}"
    return f"\\begin{{{name}}}\n{body}\n\\end{{{name}}}"


def _verbatim(text: str) -> str:
    """Write lines as they are, without the verbatim environment, which its own end inside the text would close."""
    lines = [escape_text(line.expandtabs(4)).replace(" ", "~") or "~" for line in text.split("\n")]
    return (
        "\\begin{flushleft}\\ttfamily\\small\n" + "\\\\\n".join("{}" + line for line in lines) + "\n\\end{flushleft}"
    )


def _paragraph(pieces: list[Inline]) -> str:
    return _inlines(pieces, r"\\" + "\n")


def _line(pieces: list[Inline]) -> str:
    return _inlines(pieces, " ").replace("\\footnote", "\\textsuperscript")


def _inlines(pieces: list[Inline], line_break: str) -> str:
    written: list[str] = []
    breakable = False  # A line break needs text before it and no bracket after it.
    for piece in pieces:
        if piece.kind == "break":
            written.append(line_break + "{}" if breakable else " ")
            breakable = False
            continue
        written.append(_inline(piece))
        breakable = breakable or bool(written[-1].strip())
    return "".join(written)


def _inline(piece: Inline) -> str:
    if piece.kind == "text":
        return escape_text(piece.text)
    if piece.kind in _STYLES:
        return f"\\{_STYLES[piece.kind]}{{{_inlines(piece.children, ' ')}}}"
    if piece.kind == "formula":
        body = formula_to_latex(piece.content)
        return f"\\({body}\\)" if body else ""
    if piece.kind == "table":
        return _table(piece.content)
    return f"\\texttt{{{escape_text(piece.text)}}}"


def _table(table: Table) -> str:
    columns = _column_spec(table)
    covered: dict[int, dict[int, int]] = {}  # Row -> column under a span from above -> how many columns it covers.
    for index, row in enumerate(table.rows):
        for cell in row:
            for below in range(index + 1, index + cell.rows):
                covered.setdefault(below, {})[cell.column] = cell.columns
    rules, padded = _rules(table), table.is_padded
    lines = [rules.get(0, "")]
    for index, row in enumerate(table.rows):
        lines.append(_row(row, covered.get(index, {}), columns, padded) + _ROW_END)
        lines.append(rules.get(index + 1, ""))
    spec = "".join(columns)
    return f"\\begin{{tabular}}{{{spec}}}\n" + "\n".join(line for line in lines if line) + "\n\\end{tabular}"


def _row(row: list[Cell], covered: dict[int, int], columns: list[str], padded: bool) -> str:
    at = {cell.column: cell for cell in row}
    width = len(columns) if padded else min(len(columns), max([*at, *covered], default=0) + 1)
    cells: list[str] = []
    column = 0
    while column < width:
        cell = at.get(column)
        span = cell.columns if cell else max(1, covered.get(column, 1))
        if cell:
            cells.append(_cell(cell, columns))
        elif span > 1:
            cells.append(f"\\multicolumn{{{span}}}{{{_span_spec(columns, column, span)}}}{{}}")
        else:
            cells.append("")
        column += span
    return " & ".join(cells)


def _column_spec(table: Table) -> list[str]:
    """Find each column's letter, with the rules that most of its cells have beside them."""
    letters = ["l"] * table.width
    right, left = [0] * table.width, 0
    for row in table.rows:
        for cell in row:
            last = cell.column + cell.columns - 1
            if cell.columns == 1:
                letters[cell.column] = cell.align
            right[last] += "right" in cell.rules
            left += cell.column == 0 and "left" in cell.rules
    half = max(1, len(table.rows) / 3)
    spec = [letter + ("|" if right[column] >= half else "") for column, letter in enumerate(letters)]
    if left >= half:
        spec[0] = "|" + spec[0]
    return spec or ["l"]


def _span_spec(columns: list[str], column: int, span: int) -> str:
    first = "|" if columns[column].startswith("|") else ""
    return first + "c" + ("|" if columns[min(column + span, len(columns)) - 1].endswith("|") else "")


def _cell(cell: Cell, columns: list[str]) -> str:
    body = _inlines(cell.inlines, r"\\ ").strip()
    if r"\\ " in body and "\\begin{" not in body:
        body = f"\\shortstack{{{body}}}"
    if body.startswith("["):
        body = "{}" + body
    if cell.rows > 1:
        body = f"\\multirow{{{cell.rows}}}{{*}}{{{body}}}"
    if cell.columns > 1:
        spec = ("|" if columns[cell.column].startswith("|") else "") + cell.align
        spec += "|" if "right" in cell.rules else ""
        body = f"\\multicolumn{{{cell.columns}}}{{{spec}}}{{{body}}}"
    return body


def _rules(table: Table) -> dict[int, str]:
    """Write the horizontal rules: before each row a full one, or one for each stretch of ruled columns."""
    ruled: dict[int, set[int]] = {}
    for index, row in enumerate(table.rows):
        for cell in row:
            columns = range(cell.column, min(cell.column + cell.columns, table.width))
            if "top" in cell.rules:
                ruled.setdefault(index, set()).update(columns)
            if "bottom" in cell.rules:
                ruled.setdefault(index + cell.rows, set()).update(columns)
    return {boundary: _rule(sorted(columns), table.width) for boundary, columns in ruled.items()}


def _rule(columns: list[int], width: int) -> str:
    if len(columns) == width:
        return r"\hline"
    stretches: list[list[int]] = []
    for column in columns:
        if stretches and stretches[-1][1] == column - 1:
            stretches[-1][1] = column
        else:
            stretches.append([column, column])
    return " ".join(f"\\cline{{{first + 1}-{last + 1}}}" for first, last in stretches)
