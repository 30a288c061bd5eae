r"""TEDS: similarity of tables by tree edit distance (arXiv 1911.10683), for LaTeX, HTML and Markdown tables.

A table is a tree: table, rows, cells. Inserting or deleting a node costs 1; turning a cell into another costs 1 if
they span otherwise, else the normalised edit distance of their texts. TEDS = 1 - distance / nodes of the larger tree,
the root not counted. TEDS-S leaves the texts out. As in today's benchmarks `<th>` is a cell and `<thead>` / `<tbody>`
are no nodes, so that a table scores the same from LaTeX as from HTML.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from .distances import normalized_edit_distance, pair_cheapest

RULES = re.compile(r"\\(?:hline|toprule|midrule|bottomrule)\b|\\(?:cline|cmidrule)\s*(?:\([^)]*\))?\s*\{[^{}]*\}")
SPAN = re.compile(r"\\(multicolumn|multirow)\s*(?:\[[^\]]*\]\s*)?\{\s*(\d+)\s*\}\s*(?:\[[^\]]*\]\s*)?\{")
WRAPPER = re.compile(r"\\(?:textbf|textit|textrm|text|emph|underline|makecell)\s*\{([^{}]*)\}")
_FORMULA = re.compile(r"(\\\(.*?\\\)|\\\[.*?\\\]|(?<!\\)\$.*?(?<!\\)\$)", re.DOTALL)
_ESCAPED = re.compile(r"\\([%&$#_{}])")
MAX_NODES = 1000  # of a tree: beyond it the tables are compared as texts (the distance grows with the product)


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text and how many rows and columns it covers."""

    text: str
    rows: int = 1
    columns: int = 1


Table = tuple[tuple[Cell, ...], ...]


def parse_table(source: str) -> Table:
    """Parse a table from LaTeX (`tabular`), HTML (`<table>`) or Markdown (pipes), whichever it is.

    Args:
        source: The table's source; a table cut off in the middle is read as far as it goes.

    Returns:
        Its rows of cells, white space in the cells made even.
    """
    if re.search(r"<t(?:able|r|d)\b", source, re.IGNORECASE):
        return _parse_html(source)
    if "\\begin{tabular}" not in source and re.search(r"^\s*\|", source, re.MULTILINE):
        return _parse_markdown(source)
    return _parse_latex(source)


def _parse_html(source: str) -> Table:
    parser = _TableParser()
    parser.feed(source)
    parser.close()
    return tuple(tuple(row) for row in parser.rows)


class _TableParser(HTMLParser):
    """Collects the rows of cells of the outermost table; a table within a cell gives its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[Cell]] = []
        self._depth = 0
        self._text: list[str] | None = None
        self._span = (1, 1)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._depth += 1
        elif self._depth <= 1 and tag == "tr":
            self._close_cell()
            self.rows.append([])
        elif self._depth <= 1 and tag in ("td", "th"):
            self._close_cell()
            spans = dict(attributes)
            self._span = (_positive(spans.get("rowspan")), _positive(spans.get("colspan")))
            self._text = []
        elif tag == "br" and self._text is not None:
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            if self._depth <= 1:
                self._close_cell()
            self._depth = max(0, self._depth - 1)
        elif self._depth <= 1 and tag in ("td", "th", "tr"):
            self._close_cell()

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def close(self) -> None:
        super().close()
        self._close_cell()

    def _close_cell(self) -> None:
        if self._text is None:
            return
        if not self.rows:
            self.rows.append([])
        self.rows[-1].append(Cell(" ".join("".join(self._text).split()), *self._span))
        self._text = None


def _positive(value: str | None) -> int:
    return max(1, min(1000, int(value))) if value and value.strip().isdecimal() else 1


def _parse_latex(source: str) -> Table:
    body = re.sub(r"(?<!\\)%[^\n]*", "", source)
    body = re.sub(r"^.*?\\begin\{tabular\}\s*(?:\[[^\]]*\])?\s*", "", body, count=1, flags=re.DOTALL)
    if body.startswith("{"):
        body = body[_closing_brace(body, 0) + 1 :]
    body = re.sub(r"\\end\{tabular\}.*$", "", body, flags=re.DOTALL)
    body = RULES.sub(" ", body)
    rows = [[_latex_cell(cell) for cell in _split_outside_braces(row, "&")] for row in _split_rows(body)]
    return tuple(tuple(row) for row in rows)


def _split_rows(body: str) -> list[str]:
    rows = _split_outside_braces(body, "\\\\")
    rows = [re.sub(r"^\s*\[[^\]]*\]", "", row) if index else row for index, row in enumerate(rows)]
    if rows and not rows[-1].strip():
        rows.pop()
    return rows


def _split_outside_braces(text: str, separator: str) -> list[str]:
    pieces, start, depth, place = [], 0, 0, 0
    while place < len(text):
        if depth <= 0 and text.startswith(separator, place):
            pieces.append(text[start:place])
            place += len(separator)
            start = place
            continue
        if text[place] == "\\":
            place += 2
            continue
        depth += (text[place] == "{") - (text[place] == "}")
        place += 1
    return [*pieces, text[start:]]


def _closing_brace(text: str, opening: int) -> int:
    """Find the brace that closes the one at `opening`, or the text's last character if none does."""
    depth = 0
    for place in range(opening, len(text)):
        if text[place] in "{}" and (place == 0 or text[place - 1] != "\\"):
            depth += 1 if text[place] == "{" else -1
            if depth == 0:
                return place
    return len(text) - 1


def _latex_cell(source: str) -> Cell:
    rows = columns = 1
    for _ in range(2):  # \multicolumn around \multirow, or the other way round
        found = SPAN.search(source)
        if found is None:
            break
        count = max(1, min(1000, int(found[2])))
        rows, columns = (count, columns) if found[1] == "multirow" else (rows, count)
        end_of_second = _closing_brace(source, found.end() - 1)
        opening = source.find("{", end_of_second + 1)
        if opening < 0:
            source = source[: found.start()] + source[end_of_second + 1 :]
        else:
            closing = _closing_brace(source, opening)
            source = source[: found.start()] + source[opening + 1 : closing] + source[closing + 1 :]
    while (bare := WRAPPER.sub(r"\1", source)) != source:
        source = bare
    parts = _FORMULA.split(source)  # formulas are compared as they are
    text = "".join(part if number % 2 else _ESCAPED.sub(r"\1", part) for number, part in enumerate(parts))
    return Cell(" ".join(text.split()), rows, columns)


def _parse_markdown(source: str) -> Table:
    rows = []
    for line in source.strip().splitlines():
        if "|" not in line or re.fullmatch(r"[\s|:-]+", line):
            continue
        pieces = re.split(r"(?<!\\)\|", line.strip())
        pieces = pieces[1:] if pieces and not pieces[0].strip() else pieces
        pieces = pieces[:-1] if pieces and not pieces[-1].strip() else pieces
        rows.append(tuple(Cell(" ".join(piece.replace("\\|", "|").split())) for piece in pieces))
    return tuple(rows)


def teds(truth: Table, prediction: Table, *, structure_only: bool = False) -> float:
    """Compare two tables.

    Args:
        truth: The true table.
        prediction: The predicted table.
        structure_only: Leave the cells' texts out (TEDS-S).

    Returns:
        1 for the same table, 0 for nothing in common; two tables without rows are the same.
    """
    nodes = max(_count_nodes(truth), _count_nodes(prediction))
    if not nodes:
        return 1.0
    if structure_only:
        truth, prediction = _without_text(truth), _without_text(prediction)
    if truth == prediction:
        return 1.0
    if nodes > MAX_NODES:
        return 1.0 - normalized_edit_distance(_nodes(truth), _nodes(prediction))
    return max(0.0, 1.0 - tree_edit_distance(truth, prediction) / nodes)


def tables_similarity(
    truths: Sequence[str], predictions: Sequence[str], *, structure_only: bool = False
) -> float | None:
    """Compare the tables of two pages, paired so as to be most similar.

    Args:
        truths: Sources of the true page's tables.
        predictions: Sources of the predicted page's tables.
        structure_only: Leave the cells' texts out.

    Returns:
        The pairs' TEDS added up, divided by the larger number of tables; None if neither page has any.
    """
    if not truths and not predictions:
        return None
    true_tables, other_tables = [parse_table(one) for one in truths], [parse_table(one) for one in predictions]
    costs = [[1.0 - teds(one, other, structure_only=structure_only) for other in other_tables] for one in true_tables]
    return sum(1.0 - costs[row][column] for row, column in pair_cheapest(costs)) / max(len(truths), len(predictions))


def _count_nodes(table: Table) -> int:
    return sum(1 + len(row) for row in table)


def _without_text(table: Table) -> Table:
    return tuple(tuple(Cell("", cell.rows, cell.columns) for cell in row) for row in table)


def _nodes(table: Table) -> list[Cell | str | None]:
    """List the tree's nodes in postorder: a cell for a cell, "tr" for a row, None for the table."""
    nodes: list[Cell | str | None] = []
    for row in table:
        nodes += row
        nodes.append("tr")
    return [*nodes, None]


def _change_cost(one: Cell | str | None, other: Cell | str | None) -> float:
    if isinstance(one, Cell) and isinstance(other, Cell):
        if (one.rows, one.columns) != (other.rows, other.columns):
            return 1.0
        return 0.0 if one.text == other.text else normalized_edit_distance(one.text, other.text)
    return 0.0 if one == other else 1.0


def tree_edit_distance(truth: Table, prediction: Table) -> float:
    """Compute the tree edit distance of two tables (Zhang and Shasha 1989).

    Args:
        truth: A table.
        prediction: Another.

    Returns:
        The least cost of turning one tree into the other.
    """
    nodes_a, leaf_a, key_roots_a = _tree(truth)
    nodes_b, leaf_b, key_roots_b = _tree(prediction)
    change = [[_change_cost(one, other) for other in nodes_b] for one in nodes_a]
    distance = [[0.0] * len(nodes_b) for _ in nodes_a]
    for root_a in key_roots_a:
        for root_b in key_roots_b:
            if leaf_a[root_a] == root_a and leaf_b[root_b] == root_b:  # cell against cell: nearly all pairs
                distance[root_a][root_b] = min(2.0, change[root_a][root_b])
                continue
            _forest_distance(root_a, root_b, leaf_a, leaf_b, change, distance)
    return distance[-1][-1]


def _tree(table: Table) -> tuple[list[Cell | str | None], list[int], list[int]]:
    """Give the nodes in postorder, each one's leftmost leaf, and the key roots (last nodes of their leftmost leaf)."""
    nodes = _nodes(table)
    leaves, start = [], 0
    for row in table:
        leaves += list(range(start, start + len(row)))
        leaves.append(start)  # a row without cells is its own leaf
        start += len(row) + 1
    leaves.append(0)
    key_roots = sorted({leaf: place for place, leaf in enumerate(leaves)}.values())
    return nodes, leaves, key_roots


def _forest_distance(
    root_a: int,
    root_b: int,
    leaf_a: list[int],
    leaf_b: list[int],
    change: list[list[float]],
    distance: list[list[float]],
) -> None:
    """Fill `distance` for all pairs of subtrees whose leftmost leaves are those of the two key roots."""
    start_a, start_b = leaf_a[root_a], leaf_b[root_b]
    width = root_b - start_b + 2
    above = [float(column) for column in range(width)]
    rows = [above]
    for place_a in range(start_a, root_a + 1):
        row = [above[0] + 1.0] + [0.0] * (width - 1)
        whole_a = leaf_a[place_a] == start_a
        changes, distances = change[place_a], distance[place_a]
        before_a = rows[leaf_a[place_a] - start_a]
        for column in range(1, width):
            place_b = start_b + column - 1
            best = min(above[column], row[column - 1]) + 1.0
            if whole_a and leaf_b[place_b] == start_b:
                best = min(best, above[column - 1] + changes[place_b])
                distances[place_b] = best
            else:
                best = min(best, before_a[leaf_b[place_b] - start_b] + distances[place_b])
            row[column] = best
        rows.append(row)
        above = row
