r"""Format mode of a page that is read in slices: its lines and their texts to Mathpix Markdown.

What is a heading, a paragraph, an item of a list or a table is told by the page's layout, and only in doubt by the
text (numbers of items and headings). The conventions are those of the data engine (formatted_source.py): `\title{}`,
`\section*{}` and `\subsection*{}`, a paragraph or an item a line, `- ` for any bullet, tables as `tabular`. Formulas
stand in the lines' texts as the model writes them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..layout.line_facts import LineFacts, weigh
from ..layout.tables import TableLayout
from .formula_text import as_display, balance, join_formulas
from .pieces import is_broken
from .sliced_page import SlicedPage, join_pieces, spread_slices

LARGE, BOLD = 1.14, 1.24  # Size and stroke width of a heading, by the body's.
TITLE, LONE_TITLE = 1.28, 1.45  # Least size of a title in the middle by the body's: over other headings, and alone.
LEFT_TITLE, LONE_LEFT_TITLE = 1.3, 1.75  # Of one at the left: by the other headings', and by the body's.
LEVEL_STEP = 1.09  # Headings of two levels differ in size by this factor.
HEADING_LINES, HEADING_CHARACTERS = 4, 220  # Most of one heading.
SET_OFF = 1.12  # White over a heading: from baseline to baseline, by the usual pitch.
APART, CLEARLY_LARGE = 1.06, 1.3  # White under a heading likewise, but for one that is larger than this by the body's.
INDENT_EM = (0.8, 4.5)  # Of a paragraph's first line.
USUAL_PITCH_EM = 1.3
SAME_PITCH = 1.25  # By how much the pitch of lines that belong together may exceed the usual one.

_NUMBER = re.compile(r"\(?(?:\d{1,3}[.)]|(?:[a-z]|[ivx]{2,4})\))(?=\s+\S)")
_BULLET = re.compile(r"(?:[•●○◦▪■□‣·∙*°\-‐–—−~>»¢©]{1,2}\s*|[^\saAI\d]\s+)(?=\S)")
_CAPTION = re.compile(r"(?:table|figure|fig\.|tab\.)\s*\d", re.IGNORECASE)
_LEVELS = re.compile(r"(\d{1,2}(?:\.\d{1,2})*)\.?\s+\S")
_FORMULA = re.compile(r"(\\\(.*?\\\)|\\\[.*?\\\])", re.DOTALL)
_CELL_MARKS = "&%$#_"
_SENTENCE_ENDS = ".!?:;"
_CLOSING = "\"'”’)]»"


@dataclass(frozen=True)
class _Row:
    """A line of the page with its text."""

    text: str
    box: tuple[int, int, int, int]
    facts: LineFacts
    block: int

    @property
    def em(self) -> float:
        return self.facts.em_px


@dataclass(frozen=True)
class _Element:
    """A piece of the page: its kind (`title`, `author`, `heading`, `item`, `table`, ...), source and last line."""

    kind: str
    source: str
    last: _Row


def join_formatted(page: SlicedPage, texts: Sequence[str]) -> str:
    """Put the slices' texts together as Mathpix Markdown.

    Args:
        page: of `slice_page` with `formatted`.
        texts: what each slice reads, in the order of `page.slices`. Of fewer texts than slices only those pieces of
            the page are written that no text to come can change: the answer is a beginning of the whole page's.

    Returns:
        The page's Mathpix Markdown.

    Raises:
        ValueError: There are more texts than slices, or the page was not cut for format mode.
    """
    if page.natural and len(texts) <= 1:
        return "".join(texts).strip()
    if page.layout is None:
        raise ValueError("the page was cut for plain text: call slice_page with formatted=True for format mode.")
    rest = max(0, len(page.slices) - len(texts))
    lines = join_pieces(page, [balance(part) for part in spread_slices(page, [*texts, *[""] * rest])])
    unread = [piece.line for piece in page.pieces if piece.slice_index >= len(texts)]
    ready = min(unread, default=len(lines))
    rows = [_Row(*row) for row in zip(lines, page.line_boxes, page.layout.lines, page.line_blocks, strict=True)]
    elements = _Reader(rows, page.layout.tables).read(ready)
    if rest:
        elements = elements[:-1]
    if rest and elements and _is_abstract(elements[-1]):
        elements = elements[:-1]
    return _write(_with_abstract(elements))


def _is_abstract(element: _Element) -> bool:
    return element.kind == "heading" and re.fullmatch(r"\\\w+\*\{abstract[.:]?\}", element.source.lower()) is not None


def _with_abstract(elements: Sequence[_Element]) -> list[_Element]:
    """Make a heading `Abstract` and the paragraph below it one piece."""
    joined: list[_Element] = []
    for element in elements:
        if joined and _is_abstract(joined[-1]) and element.kind == "paragraph":
            source = f"\\begin{{abstract}}\n{element.source}\n\\end{{abstract}}"
            joined[-1] = _Element("abstract", source, element.last)
        else:
            joined.append(element)
    return joined


def _write(elements: Sequence[_Element]) -> str:
    """Part pieces by an empty line, the items of a list by a line's end."""
    text = ""
    for number, element in enumerate(elements):
        if number:
            text += "\n" if element.kind == elements[number - 1].kind == "item" else "\n\n"
        text += element.source
    return text


class _Reader:
    """Reads pieces of a page from its lines.

    Args:
        rows: all lines of the page. Sizes are told by all of them, whether their text is known or not.
        tables: the page's.
    """

    def __init__(self, rows: Sequence[_Row], tables: Sequence[TableLayout]) -> None:
        self.rows = rows
        self.tables = tables
        body = [row for row in rows if row.facts.table < 0]
        widths = [float(row.box[2] - row.box[0]) / row.em for row in body]
        self.em = weigh([row.em for row in body], widths) or max((row.em for row in rows), default=1.0)
        self.stroke = weigh([row.facts.stroke_em for row in body], widths)
        pitches = [
            (b.facts.baseline_px - a.facts.baseline_px) / self.em
            for a, b in pairwise(body)
            if a.block == b.block and 0.7 < (b.facts.baseline_px - a.facts.baseline_px) / self.em < 2.6
        ]
        self.pitch = float(np.median(pitches)) if pitches else USUAL_PITCH_EM
        self.left: dict[int, int] = {}
        self.right: dict[int, int] = {}
        for row in body:
            self.left[row.block] = min(self.left.get(row.block, row.box[0]), row.box[0])
            self.right[row.block] = max(self.right.get(row.block, row.box[2]), row.box[2])
        self.headings = self._heading_runs()
        self.commands = self._levels()
        # A heading that looks like the text is below those that don't.
        self.plain_command = "subsection*" if "section*" in self.commands.values() else "section*"

    def read(self, ready: int) -> list[_Element]:
        """Read the pieces of the first `ready` lines."""
        elements: list[_Element] = []
        at = 0
        while at < ready:
            row = self.rows[at]
            if row.facts.table >= 0:
                end = next(
                    (after for after in range(at, ready) if self.rows[after].facts.table != row.facts.table), ready
                )
                source = _write_table(self.tables[row.facts.table], self.rows[at:end])
                elements.append(_Element("table", source, self.rows[end - 1]))
                at = end
                continue
            if not row.text:
                at += 1
                continue
            end = self._heading_end(at, ready)
            if end and self._is_below_title(at, elements):
                kind = "author" if elements[-1].kind == "title" else "paragraph"
                text = _escape(_join_lines([line.text for line in self.rows[at:end]]))
                source = f"\\author{{\n{text}\n}}" if kind == "author" else text
                elements.append(_Element(kind, source, self.rows[end - 1]))
            elif end:
                elements.append(self._heading(at, end))
            elif self._begins_item(at):
                end = self._item_end(at, ready)
                elements.append(_Element("item", self._item(at, end), self.rows[end - 1]))
            else:
                end = self._paragraph_end(at, ready)
                self._add_paragraph(elements, at, end)
            at = end
        return elements

    # ---- headings

    def _heading_runs(self) -> dict[int, int]:
        """Find lines that look like headings. Returns the number of the first line of each, and of the line behind."""
        runs: dict[int, int] = {}
        at = 0
        while at < len(self.rows):
            end = at
            while end < len(self.rows) and self._is_loud(end) and (end == at or self._goes_on(end, self.rows[at])):
                end += 1
            if at < end <= at + HEADING_LINES and self._is_set_off(at) and self._is_apart(end):
                runs[at] = end
            at = max(end, at + 1)
        return runs

    def _is_loud(self, at: int) -> bool:
        facts = self.rows[at].facts
        size, stroke = facts.em_px / self.em, facts.stroke_em / self.stroke if self.stroke else 1.0
        return facts.table < 0 and not facts.bullet_px and (size > LARGE or (stroke > BOLD and size > 0.9))

    def _goes_on(self, at: int, first: _Row) -> bool:
        """Whether a heading goes on: the line has the same size and stands right below the one before."""
        row, before = self.rows[at], self.rows[at - 1]
        pitch = (row.facts.baseline_px - before.facts.baseline_px) / row.em
        strokes = (row.facts.stroke_em * row.em) / max(first.facts.stroke_em * first.em, 1e-6)
        return 0.8 < pitch < 1.75 and 1 / 1.13 < row.em / first.em < 1.13 and 1 / 1.3 < strokes < 1.3

    def _is_set_off(self, at: int) -> bool:
        """Whether there is white over a line, or another column, a table or the page's edge."""
        if at == 0 or self.rows[at - 1].facts.table >= 0:
            return True
        pitch = (self.rows[at].facts.baseline_px - self.rows[at - 1].facts.baseline_px) / self.em
        return pitch < 0.3 or pitch > SET_OFF * self.pitch

    def _is_below_title(self, at: int, elements: Sequence[_Element]) -> bool:
        """Whether what may be a heading names authors or a date: light, in the middle, right after the title."""
        is_first = bool(elements) and elements[0].kind == "title" and len(elements) < 4
        behind = 0
        while behind in self.headings and behind < at:
            behind = self.headings[behind]
        is_first = is_first and behind == at
        return is_first and self.rows[at].facts.stroke_em < BOLD * self.stroke and self._is_centred(at)

    def _is_apart(self, at: int) -> bool:
        """Whether the line behind a heading stands apart: lower than the usual pitch, or much smaller or lighter."""
        if at == len(self.rows) or self.rows[at].facts.table >= 0:
            return True
        row, last = self.rows[at], self.rows[at - 1]
        pitch = (row.facts.baseline_px - last.facts.baseline_px) / self.em
        stroke = last.facts.stroke_em / self.stroke if self.stroke else 1.0
        return not 0.3 < pitch < APART * self.pitch or last.em > CLEARLY_LARGE * self.em or stroke > BOLD

    def _is_centred(self, at: int) -> bool:
        """Whether a line stands in the middle of the page's text."""
        left, right = min(self.left.values()), max(self.right.values())
        box = self.rows[at].box
        return abs((box[0] - left) - (right - box[2])) < self.em

    def _levels(self) -> dict[int, str]:
        """Tell the headings' levels by their sizes. Returns the command of each by its first line."""
        sizes = {
            at: float(np.median([row.em for row in self.rows[at:end]])) / self.em for at, end in self.headings.items()
        }
        commands = dict.fromkeys(sizes, "section*")
        first = next(iter(sizes), None)
        if first is not None and first <= 1:
            others = max((size for at, size in sizes.items() if at != first), default=0.0)
            is_centred = self._is_centred(first)
            step = LEVEL_STEP if is_centred else LEFT_TITLE
            least = (TITLE if others else LONE_TITLE) if is_centred else (LONE_TITLE if others else LONE_LEFT_TITLE)
            if sizes[first] > max(step * others, least):
                commands[first] = "title"
        ordered = sorted(size for at, size in sizes.items() if commands[at] != "title")
        steps = [upper / lower for lower, upper in pairwise(ordered)]
        if steps and max(steps) > LEVEL_STEP:
            split = ordered[int(np.argmax(steps))]
            commands |= {at: "subsection*" for at, size in sizes.items() if size <= split}
        return commands

    def _heading_end(self, at: int, ready: int) -> int:
        """Where a heading that begins here ends, 0 if there is none."""
        end = self.headings.get(at, at + 1 if self._is_plain_heading(at) else 0)
        if not 0 < end <= ready:
            return 0
        text = " ".join(row.text for row in self.rows[at:end])
        is_sentence = text[-1:] in ".,;" and not text.endswith("...")
        size = self.rows[at].em / self.em
        if len(text) > HEADING_CHARACTERS or not any(character.isalpha() for character in text):
            return 0
        if as_display(text) != text:
            return 0
        return 0 if _CAPTION.match(text) or (is_sentence and size < TITLE and len(text) > 30) else end

    def _is_plain_heading(self, at: int) -> bool:
        """Whether a line that looks like the text is a heading: short, no sentence, more white above than below."""
        row = self.rows[at]
        if row.facts.table >= 0 or self._begins_item(at) or at + 1 >= len(self.rows) or _CAPTION.match(row.text):
            return False
        if not (row.text[:1].isupper() or row.text[:1].isdigit()) or row.text[-1] in ".,;:":
            return False
        following = self.rows[at + 1]
        under = (following.facts.baseline_px - row.facts.baseline_px) / self.em
        if following.facts.table >= 0 or not APART * self.pitch < under < 2.2 * self.pitch or not self._is_set_off(at):
            return False
        over = (row.facts.baseline_px - self.rows[at - 1].facts.baseline_px) / self.em if at else 0.0
        number = _LEVELS.match(row.text)
        is_numbered = number is not None and number.end() < 12 and row.text[number.end() - 1].isupper()
        is_higher = over < 0.3 or self.rows[at - 1].facts.table >= 0 or over > under + 0.1 * self.pitch
        width = max(self.right.values()) - min(self.left.values())
        return (is_numbered or is_higher) and row.box[2] - row.box[0] < 0.7 * width

    def _heading(self, at: int, end: int) -> _Element:
        text, command = _join_lines([row.text for row in self.rows[at:end]]), self.commands.get(at, self.plain_command)
        text = _escape(text)
        if command == "title":
            return _Element("title", f"\\title{{\n{text}\n}}", self.rows[end - 1])
        numbered = _LEVELS.match(text)
        if numbered:
            command = "subsection*" if "." in numbered[1] else "section*"
        return _Element("heading", f"\\{command}{{{text}}}", self.rows[end - 1])

    # ---- lists

    def _item_end(self, at: int, ready: int) -> int:
        """Where an item ends: before the next mark, and where lines no longer stand below its text."""
        first = self.rows[at]
        has_bullet = self._has_bullet(at)
        text_px = first.facts.bullet_px if has_bullet else first.box[0] + 0.7 * first.em
        end = at + 1
        while end < ready and self._stays(end):
            row = self.rows[end]
            # A number that stands below the item's text is text, unless it could have stood behind it.
            is_inside = not self._has_bullet(end) and row.box[0] > text_px - 0.3 * row.em
            if self._begins_item(end) and not (is_inside and self._is_full(end - 1, row.text)):
                break
            hangs = -0.6 < (row.box[0] - text_px) / row.em < (2.0 if has_bullet else 3.5)
            flush = abs(row.box[0] - first.box[0]) < 0.5 * row.em and self._is_full(end - 1, row.text)
            if not (hangs or flush):
                break
            end += 1
        return end

    def _begins_item(self, at: int) -> bool:
        """Whether a line has a list's mark."""
        return self._has_bullet(at) or bool(_NUMBER.match(self.rows[at].text))

    def _has_bullet(self, at: int) -> bool:
        """Whether a line has a bullet; a number in old style is as low as one."""
        facts = self.rows[at].facts
        return facts.is_dot or (facts.bullet_px > 0 and not _NUMBER.match(self.rows[at].text))

    def _item(self, at: int, end: int) -> str:
        text = _join_lines([row.text for row in self.rows[at:end]])
        if self._has_bullet(at):
            found = None if self.rows[at].facts.is_dot else _BULLET.match(text)
            return "- " + _escape(text[found.end() :] if found else text)
        return _escape(text)

    # ---- paragraphs

    def _paragraph_end(self, at: int, ready: int) -> int:
        end = at + 1
        while end < ready and self._stays(end) and not self._begins_paragraph(end, at):
            end += 1
        return end

    def _stays(self, at: int) -> bool:
        """Whether a line may belong to the same piece as the line before: right below it, and no heading or cell."""
        row, before = self.rows[at], self.rows[at - 1]
        if at in self.headings or self._is_plain_heading(at) or row.facts.table >= 0 or before.facts.table >= 0:
            return False
        pitch = (row.facts.baseline_px - before.facts.baseline_px) / self.em
        beside = min(row.box[2], before.box[2]) > max(row.box[0], before.box[0])
        if not beside or not 0.3 < pitch < 1.9 * self.pitch:
            return False
        return row.block == before.block or pitch < SAME_PITCH * self.pitch

    def _begins_paragraph(self, at: int, first: int) -> bool:
        """Whether a line right below another begins a paragraph: by its indent or mark, or as that one ended early."""
        row, before = self.rows[at], self.rows[at - 1]
        left, right = self._edges(first, at)
        indent = (row.box[0] - left) / row.em
        is_centred = abs((row.box[0] - left) - (right - row.box[2])) < 0.8 * row.em
        is_centred &= row.box[2] - row.box[0] < 0.75 * (right - left)
        is_below_edge = before.box[0] - left < 0.4 * row.em
        if INDENT_EM[0] < indent < INDENT_EM[1] and not is_centred and (is_below_edge or self._is_ended(at - 1)):
            return True
        if self._begins_item(at):
            # A line of prose may begin with a dash or a number, but it stands below the others then.
            return abs(row.box[0] - before.box[0]) > 0.5 * row.em or not self._is_full(at - 1, row.text)
        return self._is_ended(at - 1) and not self._is_full(at - 1, row.text)

    def _edges(self, first: int, at: int) -> tuple[int, int]:
        """Left and right edge of the column around some lines."""
        blocks = {row.block for row in self.rows[first : at + 1]}
        return min(self.left[block] for block in blocks), max(self.right[block] for block in blocks)

    def _is_ended(self, at: int) -> bool:
        text = self.rows[at].text.rstrip(_CLOSING)
        return not text or text[-1] in _SENTENCE_ENDS

    def _is_full(self, at: int, following: str) -> bool:
        """Whether the first word of the next line had no room any more at a line's end."""
        row = self.rows[at]
        _, right = self._edges(at, at)
        letter = (row.box[2] - row.box[0]) / max(len(row.text), 1)
        word = len(following.split(" ", 1)[0]) + 1
        return row.box[2] + word * letter + 0.8 * row.em > right

    def _add_paragraph(self, elements: list[_Element], at: int, end: int) -> None:
        """Add a paragraph, to the one before where a column's end parts them."""
        text, first = _escape(_join_lines([row.text for row in self.rows[at:end]])), self.rows[at]
        before = elements[-1] if elements else None
        if before is not None and before.kind in ("paragraph", "item") and text[:1].islower():
            is_next_column = first.facts.baseline_px < before.last.facts.baseline_px
            place = self.rows.index(before.last)
            if is_next_column and not self._is_ended(place) and self._is_full(place, text):
                joined = _join_lines([before.source, text])
                elements[-1] = _Element(before.kind, joined, self.rows[end - 1])
                return
        elements.append(_Element("paragraph", as_display(text), self.rows[end - 1]))


def _write_table(table: TableLayout, rows: Sequence[_Row]) -> str:
    """Write a table as the data engine spells tables (got_ocr/synthesis/tables/kind.py)."""
    cells = [[""] * table.columns for _ in range(table.rows)]
    for row in rows:
        facts = row.facts
        cells[facts.row][facts.column] = _join_lines([cells[facts.row][facts.column], row.text])
    aligns = _settled_aligns(table.aligns, cells)
    spec = "|" + "|".join(aligns) + "|" if table.uprights else aligns
    lines = [f"\\begin{{tabular}}{{{spec}}}"]
    for number, texts in enumerate(cells):
        lines += ["\\hline"] * (number in table.rules)
        lines.append(" & ".join(_escape(text, _CELL_MARKS) for text in texts).strip().replace("  ", " ") + " \\\\")
    lines += ["\\hline"] * (table.rows in table.rules)
    return "\n".join([*lines, "\\end{tabular}"])


def _settled_aligns(aligns: str, cells: Sequence[Sequence[str]]) -> str:
    """Decide on columns whose cells are all of one width: as most others are set, else numbers to the right."""
    known = aligns.replace("?", "")
    if known.count("c") > len(known) / 2:
        return aligns.replace("?", "c")
    texts = ["".join(row[column] for row in cells[len(cells) > 2 :]) for column in range(len(aligns))]
    usual = ["r" if sum(map(str.isdigit, text)) > len(text) / 2 else "l" for text in texts]
    return "".join(own if letter == "?" else letter for letter, own in zip(aligns, usual, strict=True))


def _join_lines(texts: Sequence[str]) -> str:
    """Join lines by spaces, and words that are broken over two lines."""
    joined = ""
    for text in texts:
        if joined and text and is_broken(joined, text):
            joined = joined[:-1] + text
        else:
            joined += (" " if joined and text else "") + text
    return join_formulas(joined)


def _escape(text: str, marks: str = "$") -> str:
    r"""Write marks that Mathpix Markdown gives a meaning with a backslash, formulas left as they are."""
    parts = _FORMULA.split(text)
    pattern = re.compile(rf"(?<!\\)([{re.escape(marks)}])")
    return "".join(part if number % 2 else pattern.sub(r"\\\1", part) for number, part in enumerate(parts))
