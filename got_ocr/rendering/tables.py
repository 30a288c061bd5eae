"""Read tables: LaTeX's tabular with its spans and rules, and Markdown's pipe tables."""

import re
from collections.abc import Callable

from got_ocr.rendering.blocks import Cell, Inline, Table, is_padded, strip_pieces
from got_ocr.rendering.column_spec import MAX_COLUMNS, parse_columns
from got_ocr.rendering.source import Source

ReadCell = Callable[[Source, int, int, list[str], int], list[Inline]]
_TOKEN = re.compile(
    r"\\\\\*?(?:\s*\[\s*-?[\d.]+\s*[a-z]{2}\s*\])?|\\tabularnewline\b|\\begin\s*\{|\\\(|\\\[|\\.|[{&\n]", re.DOTALL
)
_RULE = re.compile(
    r"\s*\\(?:(?P<full>hline|toprule|midrule|bottomrule|hdashline|Xhline|specialrule|endhead|endfirsthead|endfoot|"
    r"endlastfoot)\b|(?P<part>cline|cmidrule|cdashline)\b(?:\([lr]*\))?)\s*(?:\{(?P<range>[^{}\n]{0,20})\})?"
)
_SPAN_OPTION = re.compile(r"\s*\[[^\]\n]{0,12}\]")
_SPAN = re.compile(r"\s*\\(?P<name>multicolumn|multirow)\b\s*(?:\[[^\]\n]{0,10}\])?")


def read_tabular(
    source: Source, name: str, start: int, end: int, notes: list[str], read_cell: ReadCell, depth: int = 0
) -> Table:
    """Read the inside of a ``tabular``.

    Args:
        source: The page.
        name: The environment's name: `tabularx` has a width before its columns.
        start: Start of the inside, where the column specification stands.
        end: Its end.
        notes: Takes what was damaged.
        read_cell: Reads a cell's text; gets the page, start, end, notes and depth.
        depth: How deep the table is nested.

    Returns:
        The table. Cells under a spanning one are gone; spans never leave the table.
    """
    text = source.text
    position = start
    optional = re.compile(r"\s*\[[a-zA-Z]?\]").match(text, position, end)
    position = optional.end() if optional else position
    group = source.group(position, end)
    if group and name.startswith(("tabularx", "tabulary", "tabular*", "xltabular")):
        following = source.group(group[2], end)
        group = following or group
    spec = ""
    if group:
        spec, position = text[group[0] : group[1]], group[2]
    columns, lines = parse_columns(spec)
    rows: list[list[Cell]] = []
    rules: dict[int, set[int]] = {}
    for row_start, row_end, cells in _split_rows(source, position, end):
        row_start = _read_rules(text, row_start, row_end, rules.setdefault(len(rows), set()))
        if len(cells) == 1 and not text[row_start:row_end].strip():
            continue
        cells[0] = (row_start, cells[0][1])
        rows.append([_read_cell(source, first, last, notes, read_cell, depth) for first, last in cells])
    return _place(rows, columns[:MAX_COLUMNS], lines, rules, notes)


def _split_rows(source: Source, start: int, end: int) -> list[tuple[int, int, list[tuple[int, int]]]]:
    r"""Cut the body at ``\\`` and ``&``, leaving groups, formulas and nested environments whole."""
    rows, cells = [], []
    row_start = cell_start = position = start
    while True:
        match = _TOKEN.search(source.text, position, end)
        if match is None:
            break
        token, position = match[0], match.end()
        if token == "{":
            close = source.brace_ends.get(match.start(), -1)
            position = close + 1 if 0 <= close < end else position
        elif token.startswith("\\begin"):
            after = source.environments.get(match.start(), ("", 0, -1, -1))[3]
            position = after if 0 <= after <= end else position
        elif token in ("\\(", "\\["):
            closing = "\\)" if token == "\\(" else "\\]"
            close = source.find(closing, position, end)
            if close >= 0 and source.find("&", position, close) < 0:
                position = close + 2
        elif token == "&":
            cells.append((cell_start, match.start()))
            cell_start = position
        elif token.startswith(("\\\\", "\\tabularnewline")):
            cells.append((cell_start, match.start()))
            rows.append((row_start, match.start(), cells))
            row_start = cell_start = position
            cells = []
    cells.append((cell_start, end))
    rows.append((row_start, end, cells))
    return rows


def _read_rules(text: str, start: int, end: int, ruled: set[int]) -> int:
    """Take the rules before a row: adds the columns under them to `ruled`; returns where the row's text begins."""
    while match := _RULE.match(text, start, end):
        if match["full"]:
            if not match["full"].startswith("end"):
                ruled.update(range(MAX_COLUMNS))
            start = match.end() if match["full"] in ("Xhline", "specialrule") else match.end("full")
        else:
            span = re.fullmatch(r"(\d{1,3})\s*-\s*(\d{1,3})", (match["range"] or "").strip())
            if span:
                ruled.update(range(int(span[1]) - 1, min(int(span[2]), MAX_COLUMNS)))
            start = match.end()
    return start


def _read_cell(source: Source, start: int, end: int, notes: list[str], read_cell: ReadCell, depth: int) -> Cell:
    cell = Cell([], align="")
    for _ in range(2):  # \\multicolumn around \\multirow, or the other way round.
        body = _read_span(source, start, end, cell)
        if body is None:
            break
        if source.text[body[2] : end].strip():  # Text after the span belongs to the cell too.
            cell.inlines = read_cell(source, body[0], body[1], notes, depth)
            start = body[2]
            break
        start, end = body[0], body[1]
    cell.inlines += read_cell(source, start, end, notes, depth)
    _strip(cell)
    return cell


def _read_span(source: Source, start: int, end: int, cell: Cell) -> tuple[int, int, int] | None:
    r"""Read a \multicolumn or \multirow at a cell's beginning into the cell.

    Returns:
        Start and end of the text in it and the position after it, or None where none stands there.
    """
    match = _SPAN.match(source.text, start, end)
    count = source.group(match.end(), end) if match else None
    if match is None or count is None:
        return None
    after = count[2]
    if source.text[after : after + 1] == "*":
        middle: tuple[int, int, int] | None = (after, after + 1, after + 1)
    else:
        middle = source.group(after, end)
    if middle is None:
        return None
    after = middle[2]
    option = _SPAN_OPTION.match(source.text, after, end)
    body = source.group(option.end() if option else after, end)
    if body is None:
        return None
    number = re.fullmatch(r"-?\d{1,3}", source.text[count[0] : count[1]].strip())
    span = max(1, min(int(number[0]), MAX_COLUMNS)) if number else 1
    if match["name"] == "multirow":
        cell.rows = span
        return body
    cell.columns = span
    columns, lines = parse_columns(source.text[middle[0] : middle[1]])
    cell.align = columns[0] if columns else "c"
    cell.rules |= ({"left"} if 0 in lines else set()) | ({"right"} if 1 in lines else set())
    return body


def _strip(cell: Cell) -> None:
    cell.inlines = pieces = strip_pieces(cell.inlines)
    if pieces and pieces[0].kind == "text":
        pieces[0].text = pieces[0].text.lstrip(" ")
    if pieces and pieces[-1].kind == "text":
        pieces[-1].text = pieces[-1].text.rstrip(" ")


def _place(
    rows: list[list[Cell]],
    columns: list[str],
    lines: set[int],
    rules: dict[int, set[int]],
    notes: list[str],
) -> Table:
    """Give each cell its column, drop the cells that a span covers, clamp spans, set alignment and rules."""
    width = max([len(columns), *(sum(cell.columns for cell in row) for row in rows)], default=1)
    width = max(1, min(width, MAX_COLUMNS))
    covered: dict[int, tuple[int, Cell, int]] = {}  # Column -> first row free again, the cell above, its first row.
    placed_rows: list[list[Cell]] = []
    for index, row in enumerate(rows):
        covered = {column: span for column, span in covered.items() if span[0] > index}
        placed_rows.append(_place_row(row, index, len(rows), width, covered, notes))
    for index, placed in enumerate(placed_rows):
        for cell in placed:
            _dress(cell, index, columns, lines, rules)
    return Table(placed_rows, width)


def _place_row(
    row: list[Cell],
    index: int,
    num_rows: int,
    width: int,
    covered: dict[int, tuple[int, Cell, int]],
    notes: list[str],
) -> list[Cell]:
    """Give the cells of one row their columns.

    Args:
        row: The cells as they were read.
        index: The row's.
        num_rows: Of the table.
        width: Of the table, in columns.
        covered: Columns under spans from above -> (first row free again, the cell above, its first row); the row's own
            spans are added.
        notes: Takes what was damaged.

    Returns:
        The cells that are shown.
    """
    taken = set(covered)
    omitted = taken and sum(cell.columns for cell in row) == width - len(taken)
    placed: list[Cell] = []
    column = 0
    for cell in row:
        while omitted and column in taken:
            column += 1
        if column >= width:
            notes.append("a table row had more cells than columns")
            if placed:
                placed[-1].inlines += cell.inlines
            continue
        cell.column = column
        cell.columns = min(cell.columns, width - column)
        span = range(column, column + cell.columns)
        column += cell.columns
        if any(position in taken for position in span):
            if not cell.inlines:
                continue
            for position in span:  # Text where a span should be: the span above ends here.
                if position in taken:
                    _, above, first = covered[position]
                    above.rows = max(1, index - first)
                    taken -= set(range(above.column, above.column + above.columns))
        cell.rows = min(cell.rows, num_rows - index)
        if cell.rows > 1:
            for position in span:
                covered[position] = (index + cell.rows, cell, index)
        placed.append(cell)
    return placed


def _dress(
    cell: Cell,
    row: int,
    columns: list[str],
    lines: set[int],
    rules: dict[int, set[int]],
) -> None:
    own_spec = bool(cell.align)
    if not own_spec:
        letter = columns[cell.column] if cell.column < len(columns) else "l"
        cell.align = letter
    if cell.align not in "lcr":
        cell.align = "l"
    after = cell.column + cell.columns
    if not own_spec and cell.column == 0 and 0 in lines:
        cell.rules.add("left")
    if not own_spec and after in lines:
        cell.rules.add("right")
    for edge, index in (("top", row), ("bottom", row + cell.rows)):
        if cell.column in rules.get(index, ()):
            cell.rules.add(edge)


def read_pipes(rows: list[str], notes: list[str], read_text: Callable[[str, list[str]], list[Inline]]) -> Table:
    """Read a Markdown table.

    Args:
        rows: Its lines.
        notes: Takes what was damaged.
        read_text: Reads a cell's text; gets the text and the notes.

    Returns:
        The table; one heading row where a line of dashes follows the first.
    """
    cut = [_split_pipes(row) for row in rows]
    aligns: list[str] = []
    header_rows = 0
    if len(cut) > 1 and is_pipe_separator(rows[1]):
        header_rows = 1
        aligns = [
            "c" if cell.startswith(":") and cell.endswith(":") else "r" if cell.endswith(":") else "l"
            for cell in cut[1]
        ]
        del cut[1]
    width = max(1, min(max((len(row) for row in cut), default=1), MAX_COLUMNS))
    placed = []
    padded = is_padded(len(cut), width, sum(len(row) for row in cut))
    for index, row in enumerate(cut):
        cells = []
        for column in range(width if padded else min(width, len(row))):
            text = " ".join(row[column:] if column == width - 1 else row[column : column + 1])
            align = aligns[column] if column < len(aligns) else "l"
            text = re.sub(r"<br\s*/?>", r"\\\\", text)
            cell = Cell(read_text(text, notes), align=align, column=column, rules={"bottom"})
            if index == 0:
                cell.rules.add("top")
            cells.append(cell)
        placed.append(cells)
    return Table(placed, width, header_rows=header_rows)


def is_pipe_separator(line: str) -> bool:
    """Say whether a line is the row of dashes under a Markdown table's heading."""
    cells = line.strip().removeprefix("|").removesuffix("|").split("|")
    return "|" in line and all(re.fullmatch(r":?-+:?", cell.strip()) for cell in cells)


def _split_pipes(line: str) -> list[str]:
    line = line.strip()
    line = line[1:] if line.startswith("|") else line
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)]
