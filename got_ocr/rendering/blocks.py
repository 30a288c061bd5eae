"""What a page is made of, once read: blocks, the inline pieces within them, and tables."""

from dataclasses import dataclass, field
from typing import Any

# A row of 200 cells above thousands of rows of one would be written as hundreds of empty cells for each that was read.
MAX_EMPTY_PER_CELL = 6
MAX_EMPTY_CELLS = 100


@dataclass(slots=True)
class Inline:
    """A piece of a line.

    Attributes:
        kind: text, strong, emphasis, underline, strike, superscript, subscript, code, formula, molecule, table, note,
            break.
        text: The text, the formula's LaTeX or the molecule's SMILES.
        children: Pieces inside it.
        content: A formula's `Formula`, a table's `Table`.
    """

    kind: str
    text: str = ""
    children: list["Inline"] = field(default_factory=list)
    content: Any = None


@dataclass(slots=True)
class Cell:
    """A table's cell: what it holds, how many columns and rows it spans, its alignment (l, c, r) and its rules."""

    inlines: list[Inline]
    columns: int = 1
    rows: int = 1
    align: str = "l"
    rules: set[str] = field(default_factory=set)  # Of "top", "bottom", "left", "right".
    column: int = 0  # Where it starts.


@dataclass(slots=True)
class Table:
    """A table: its rows of cells (a cell stands in the row where it begins), its width and its heading rows."""

    rows: list[list[Cell]]
    width: int
    header_rows: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_padded(self) -> bool:
        """Whether writers fill short rows up to the table's width."""
        return is_padded(len(self.rows), self.width, sum(len(row) for row in self.rows))


def is_padded(num_rows: int, width: int, num_cells: int) -> bool:
    """Say whether a table's short rows are filled up, which a table of few cells in a huge grid must not be."""
    return num_rows * width <= MAX_EMPTY_PER_CELL * num_cells + MAX_EMPTY_CELLS


def strip_pieces(pieces: list[Inline]) -> list[Inline]:
    """Take the empty ends off a line."""
    first, last = 0, len(pieces)
    while first < last and _is_blank(pieces[first]):
        first += 1
    while last > first and _is_blank(pieces[last - 1]):
        last -= 1
    return pieces[first:last]


def _is_blank(piece: Inline) -> bool:
    return piece.kind == "break" or (piece.kind == "text" and not piece.text.strip())


@dataclass(slots=True)
class Block:
    """A piece of the page.

    Attributes:
        kind: title, author, heading, paragraph, list, quote, abstract, formula, table, figure, caption, note,
            molecule,
            music, geometry, chart, code, rule.
        source: The piece of the model's answer it was read from.
        inlines: Its text, for kinds that have text.
        children: Blocks inside it (quote, abstract, figure); for a list, one block of kind `item` an item.
        level: Of a heading (1 to 6), or 1 for an ordered list.
        content: Formula, Table or Chart; the source to draw for music, geometry, molecules.
        notes: What was damaged, and how it is shown.
    """

    kind: str
    source: str
    inlines: list[Inline] = field(default_factory=list)
    children: list["Block"] = field(default_factory=list)
    level: int = 0
    content: Any = None
    notes: list[str] = field(default_factory=list)
