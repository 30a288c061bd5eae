r"""Format mode of a page that is read in slices: its lines and their texts to Mathpix Markdown.

What is a heading, a paragraph, an item of a list or a table is told by the page's layout, and only in doubt by the
text (numbers of items and headings). The conventions are those of the data engine (formatted_source.py): `\title{}`,
`\section*{}` and `\subsection*{}`, a paragraph or an item a line, `- ` for any bullet, tables as `tabular`. Formulas
stand in the lines' texts as the model writes them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from ..layout.components import weighted_median
from ..layout.line import Line
from ..layout.tables import Table
from .formula_text import as_display, balance
from .joining import join_pieces, spread_slices
from .sliced_page import SlicedPage
from .table_text import CLOSING, SENTENCE_ENDS, escape, join_lines, write_table
from .thresholds import Headings, Items, Paragraphs

_NUMBER = re.compile(r"\(?(?:\d{1,3}[.)]|(?:[a-z]|[ivx]{2,4})\))(?=\s+\S)")
_BULLET = re.compile(r"(?:[•●○◦▪■□‣·∙*°\-‐–—−~>»¢©]{1,2}\s*|[^\saAI\d]\s+)(?=\S)")
_CAPTION = re.compile(r"(?:table|figure|fig\.|tab\.)\s*\d", re.IGNORECASE)
_ADDRESS = re.compile(r"\S@\S+\.\S|\bwww\.|https?:")
_BOX = re.compile(r"[\[(].{0,2}[\])]\s")  # such as `[X] yes`
_FOOT = re.compile(r"page \d+\b", re.IGNORECASE)
_LEVELS = re.compile(r"(\d{1,2}(?:\.\d{1,2})*)\.?\s+\S")


@dataclass(frozen=True)
class _Element:
    """A piece of the page: its kind (`title`, `author`, `heading`, `item`, `table`, ...), source and last line."""

    kind: str
    source: str
    last: Line


def join_formatted(page: SlicedPage, texts: Sequence[str | Sequence[str]]) -> str:
    """Put the slices' texts together as Mathpix Markdown.

    Args:
        page: of `slice_page` with `formatted`.
        texts: what each slice reads, in the order of `page.slices`, or what each of its pieces reads. Of fewer texts
            than slices only those pieces of the page are written that no text to come can change: the answer is a
            beginning of the whole page's.

    Returns:
        The page's Mathpix Markdown.

    Raises:
        ValueError: There are more texts than slices, or the page was not cut for format mode.
    """
    if page.natural and len(texts) <= 1:
        return "".join(text if isinstance(text, str) else "\n".join(text) for text in texts).strip()
    if not page.layout.is_structured:
        raise ValueError("the page was cut for plain text: call slice_page with formatted=True for format mode.")
    rest = max(0, len(page.slices) - len(texts))
    lines = join_pieces(page, [balance(part) for part in spread_slices(page, [*texts, *[""] * rest])])
    unread = [piece.line for piece in page.pieces if piece.slice_index >= len(texts)]
    ready = min(unread, default=len(lines))
    rows = [replace(line, text=text) for line, text in zip(page.layout.upright_lines, lines, strict=True)]
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


def _weigh(values: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted median; 0.0 of nothing."""
    if not len(values) or sum(weights) <= 0:
        return 0.0
    return weighted_median(np.asarray(values, dtype=float), np.asarray(weights, dtype=float))


class _Reader:
    """Reads pieces of a page from its lines.

    Args:
        rows: all lines of the page. Sizes are told by all of them, whether their text is known or not.
        tables: the page's.
    """

    def __init__(self, rows: Sequence[Line], tables: Sequence[Table]) -> None:
        self.rows = rows
        self.tables = tables
        body = [row for row in rows if row.table < 0]
        widths = [float(row.width_px) / row.em_px for row in body]
        self.em = _weigh([row.em_px for row in body], widths) or max((row.em_px for row in rows), default=1.0)
        self.stroke = _weigh([row.stroke_em for row in body], widths)
        pitches = [
            pitch
            for a, b in pairwise(body)
            for pitch in [(b.baseline_px - a.baseline_px) / self.em]
            if a.block == b.block and Paragraphs.PITCH_EM[0] < pitch < Paragraphs.PITCH_EM[1]
        ]
        self.pitch = float(np.median(pitches)) if pitches else Paragraphs.USUAL_PITCH_EM
        self.left: dict[int, int] = {}
        self.right: dict[int, int] = {}
        for row in body:
            self.left[row.block] = min(self.left.get(row.block, row.box[0]), row.box[0])
            self.right[row.block] = max(self.right.get(row.block, row.box[2]), row.box[2])
        self.is_prose = self._has_prose(body)
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
            if row.table >= 0:
                end = next((after for after in range(at, ready) if self.rows[after].table != row.table), ready)
                source = write_table(self.tables[row.table], self.rows[at:end])
                elements.append(_Element("table", source, self.rows[end - 1]))
                at = end
                continue
            if not row.text:
                at += 1
                continue
            end = self._heading_end(at, ready)
            if end and self._is_below_title(at, elements):
                kind = "author" if elements[-1].kind == "title" else "paragraph"
                text = escape(join_lines([line.text for line in self.rows[at:end]]))
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

    def _has_prose(self, body: Sequence[Line]) -> bool:
        """Whether the page has paragraphs: lines as wide as their block, of which all but the last ones are."""
        follow = [(above, below) for above, below in pairwise(body) if above.block == below.block]
        full = [
            above.box[2] > self.right[above.block] - Headings.FULL_EM * above.em_px
            and above.width_px > Headings.PROSE_EM * above.em_px
            for above, _ in follow
        ]
        return len(body) < Headings.PROSE_LINES or (bool(full) and float(np.mean(full)) > Headings.PROSE_SHARE)

    # ---- headings

    def _heading_runs(self) -> dict[int, int]:
        """Find lines that look like headings. Returns the number of the first line of each, and of the line behind."""
        runs: dict[int, int] = {}
        at = 0
        while at < len(self.rows):
            end = at
            while end < len(self.rows) and self._is_loud(end) and (end == at or self._goes_on(end, self.rows[at])):
                end += 1
            if at < end <= at + Headings.MOST_LINES and self._is_set_off(at) and self._is_apart(end):
                runs[at] = end
            at = max(end, at + 1)
        return runs

    def _is_loud(self, at: int) -> bool:
        row = self.rows[at]
        size, stroke = row.em_px / self.em, row.stroke_em / self.stroke if self.stroke else 1.0
        # A label in bold may begin a paragraph: a heading is bold to its end.
        is_bold = stroke > Headings.BOLD and row.end_stroke_em > Headings.BOLD_END * self.stroke
        is_bold &= size > Headings.BOLD_SIZE
        is_large = size > Headings.LARGE and (self.is_prose or at <= Headings.TITLE_PLACE or stroke > Headings.BOLD)
        return row.table < 0 and not row.bullet_px and (is_large or is_bold)

    def _goes_on(self, at: int, first: Line) -> bool:
        """Whether a heading goes on: the line has the same size and stands right below the one before."""
        row, before = self.rows[at], self.rows[at - 1]
        pitch = (row.baseline_px - before.baseline_px) / row.em_px
        strokes = (row.stroke_em * row.em_px) / max(first.stroke_em * first.em_px, 1e-6)
        size, size_ratio, stroke_ratio = row.em_px / first.em_px, Headings.SIZE_RATIO, Headings.STROKE_RATIO
        is_alike = 1 / size_ratio < size < size_ratio and 1 / stroke_ratio < strokes < stroke_ratio
        return Headings.PITCH_EM[0] < pitch < Headings.PITCH_EM[1] and is_alike

    def _is_set_off(self, at: int) -> bool:
        """Whether there is white over a line, or another column, a table or the page's edge."""
        if at == 0 or self.rows[at - 1].table >= 0:
            return True
        pitch = (self.rows[at].baseline_px - self.rows[at - 1].baseline_px) / self.em
        return pitch < Paragraphs.NEXT_COLUMN_EM or pitch > Headings.SET_OFF * self.pitch

    def _heads_something(self, at: int, end: int) -> bool:
        """Whether text stands below what looks like a heading, or white below a title.

        Labels of figures and maps, the rows of a form that is all in bold and a page's foot have none.
        """
        if at <= Headings.TITLE_PLACE:
            return True
        first, last = self.rows[at], self.rows[end - 1]
        left, right = min(row.box[0] for row in self.rows[at:end]), max(row.box[2] for row in self.rows[at:end])
        furthest_px = Headings.FURTHEST_EM * first.em_px
        return any(
            0 < row.baseline_px - last.baseline_px < furthest_px
            and (row.table >= 0 or self._is_lesser(number, first))
            and self._stands_under(row, left, right)
            for number, row in enumerate(self.rows)
        )

    @staticmethod
    def _stands_under(row: Line, left: int, right: int) -> bool:
        """Whether a line is in line with what ends above it: by an edge, its middle, or as a whole line of prose."""
        x1, _, x2, _ = row.box
        is_wide = row.width_px > Headings.PROSE_EM * row.em_px
        is_aligned = abs(x1 - left) < Headings.ALIGNED_EM[0] * row.em_px
        is_aligned |= abs(x1 + x2 - left - right) < 2 * Headings.ALIGNED_EM[1] * row.em_px
        return x2 > left and (is_wide or row.table >= 0 or (is_aligned and x1 < right))

    def _is_lesser(self, at: int, heading: Line) -> bool:
        """Whether a line is text, or a heading that is smaller or lighter than another."""
        row = self.rows[at]
        is_lighter = row.stroke_em * Headings.BOLD < heading.stroke_em and row.em_px < Headings.LARGE * heading.em_px
        return at not in self.headings or row.em_px * Headings.LEVEL_STEP < heading.em_px or is_lighter

    def _is_below_title(self, at: int, elements: Sequence[_Element]) -> bool:
        """Whether what may be a heading names authors or a date: light, in the middle, right after the title."""
        is_first = bool(elements) and elements[0].kind == "title" and len(elements) < Headings.AUTHORS
        behind = 0
        while behind in self.headings and behind < at:
            behind = self.headings[behind]
        is_first = is_first and behind == at
        return is_first and self.rows[at].stroke_em < Headings.BOLD * self.stroke and self._is_centred(at)

    def _is_apart(self, at: int) -> bool:
        """Whether the line behind a heading stands apart: lower than the usual pitch, or much smaller or lighter."""
        if at == len(self.rows) or self.rows[at].table >= 0:
            return True
        row, last = self.rows[at], self.rows[at - 1]
        pitch = (row.baseline_px - last.baseline_px) / self.em
        stroke = last.stroke_em / self.stroke if self.stroke else 1.0
        is_close = Paragraphs.NEXT_COLUMN_EM < pitch < Headings.APART * self.pitch
        return not is_close or last.em_px > Headings.CLEARLY_LARGE * self.em or stroke > Headings.BOLD

    def _is_centred(self, at: int) -> bool:
        """Whether a line stands in the middle of the page's text."""
        left, right = min(self.left.values()), max(self.right.values())
        box = self.rows[at].box
        return abs((box[0] - left) - (right - box[2])) < self.em

    def _levels(self) -> dict[int, str]:
        """Tell the headings' levels by their sizes. Returns the command of each by its first line."""
        sizes = {
            at: float(np.median([row.em_px for row in self.rows[at:end]])) / self.em
            for at, end in self.headings.items()
        }
        commands = dict.fromkeys(sizes, "section*")
        first = next(iter(sizes), None)
        if first is not None and first <= Headings.TITLE_PLACE:
            others = max((size for at, size in sizes.items() if at != first), default=0.0)
            is_centred = self._is_centred(first)
            step = Headings.LEVEL_STEP if is_centred else Headings.LEFT_TITLE
            least = Headings.LONE_TITLE
            if is_centred == bool(others):
                least = Headings.TITLE if is_centred else Headings.LONE_LEFT_TITLE
            if sizes[first] > max(step * others, least):
                commands[first] = "title"
        ordered = sorted(size for at, size in sizes.items() if commands[at] != "title")
        steps = [upper / lower for lower, upper in pairwise(ordered)]
        if steps and max(steps) > Headings.LEVEL_STEP:
            split = ordered[int(np.argmax(steps))]
            commands |= {at: "subsection*" for at, size in sizes.items() if size <= split}
        return commands

    def _heading_end(self, at: int, ready: int) -> int:
        """Where a heading that begins here ends, 0 if there is none."""
        end = self.headings.get(at, at + 1 if self._is_plain_heading(at) else 0)
        if not 0 < end <= ready:
            return 0
        text = " ".join(row.text for row in self.rows[at:end])
        if text[0].islower() and not self._is_ended(at - 1):
            return 0  # a line that goes on, and looks larger than it is
        if not _LEVELS.match(text):
            has_cells = max(row.gap_em for row in self.rows[at:end]) > Headings.GAP_EM
            is_lonely = at in self.headings and not self._heads_something(at, end)
            if has_cells or self._runs_on(end, ready) or is_lonely:
                return 0
        return end if self._reads_like_heading(at, text) else 0

    def _reads_like_heading(self, at: int, text: str) -> bool:
        """Whether words may be a heading: no formula, caption, sentence, date, price, row, list of names or choice."""
        letters = sum(map(str.isalpha, text))
        if len(text) > Headings.MOST_CHARACTERS or text.count(",") > Headings.MOST_COMMAS:
            return False
        if letters < max(Headings.LEAST_LETTERS, Headings.LETTERS * len(text.replace(" ", ""))):
            return False
        is_sentence = text[-1:] in ".,;:" and not text.endswith("...") and len(text) > Headings.SENTENCE_CHARACTERS
        if is_sentence and self.rows[at].em_px / self.em < Headings.TITLE:
            return False
        if _ADDRESS.search(text) and at > Headings.TITLE_PLACE:
            return False
        return as_display(text) == text and not any(kind.match(text) for kind in (_BOX, _CAPTION, _FOOT))

    def _runs_on(self, end: int, ready: int) -> bool:
        """Whether the next line, no lower than lines of text are, goes on with a small letter."""
        is_large = self.rows[end - 1].em_px > Headings.LONE_TITLE * self.em
        if end >= ready or self.rows[end].table >= 0 or is_large:
            return False
        pitch = (self.rows[end].baseline_px - self.rows[end - 1].baseline_px) / self.em
        is_close = Paragraphs.NEXT_COLUMN_EM < pitch < Headings.SET_OFF * self.pitch
        return is_close and self.rows[end].text[:1].islower()

    def _is_plain_heading(self, at: int) -> bool:
        """Whether a line that looks like the text is a heading: short, no sentence, more white above than below."""
        row = self.rows[at]
        if not self.is_prose:
            return False
        if row.table >= 0 or self._begins_item(at) or at + 1 >= len(self.rows) or _CAPTION.match(row.text):
            return False
        if not (row.text[:1].isupper() or row.text[:1].isdigit()) or row.text[-1] in ".,;:":
            return False
        following = self.rows[at + 1]
        under = (following.baseline_px - row.baseline_px) / self.em
        is_apart = Headings.APART * self.pitch < under < Headings.PLAIN_PITCH * self.pitch
        if following.table >= 0 or not is_apart or not self._is_set_off(at):
            return False
        if following.width_px < Headings.PROSE_EM * following.em_px:
            return False
        over = (row.baseline_px - self.rows[at - 1].baseline_px) / self.em if at else 0.0
        number = _LEVELS.match(row.text)
        is_numbered = (
            number is not None and number.end() < Headings.NUMBER_CHARACTERS and row.text[number.end() - 1].isupper()
        )
        is_higher = over < Paragraphs.NEXT_COLUMN_EM or self.rows[at - 1].table >= 0
        is_higher = is_higher or over > under + Headings.PLAIN_WHITE * self.pitch
        width = max(self.right.values()) - min(self.left.values())
        return (is_numbered or is_higher) and row.width_px < Headings.PLAIN_WIDTH * width

    def _heading(self, at: int, end: int) -> _Element:
        text, command = join_lines([row.text for row in self.rows[at:end]]), self.commands.get(at, self.plain_command)
        text = escape(text)
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
        text_px = first.bullet_px if has_bullet else first.box[0] + Items.NUMBER_EM * first.em_px
        end = at + 1
        while end < ready and self._stays(end):
            row = self.rows[end]
            # A number that stands below the item's text is text, unless it could have stood behind it.
            is_inside = not self._has_bullet(end) and row.box[0] > text_px - Items.INSIDE_EM * row.em_px
            if self._begins_item(end) and not (is_inside and self._is_full(end - 1, row.text)):
                break
            furthest = Items.HANGING_EM[1] if has_bullet else Items.NUMBER_HANGING_EM
            hangs = Items.HANGING_EM[0] < (row.box[0] - text_px) / row.em_px < furthest
            flush = abs(row.box[0] - first.box[0]) < Items.FLUSH_EM * row.em_px and self._is_full(end - 1, row.text)
            if not (hangs or flush):
                break
            end += 1
        return end

    def _begins_item(self, at: int) -> bool:
        """Whether a line has a list's mark."""
        return self._has_bullet(at) or bool(_NUMBER.match(self.rows[at].text))

    def _has_bullet(self, at: int) -> bool:
        """Whether a line has a bullet; a number in old style is as low as one."""
        row = self.rows[at]
        return row.is_dot or (row.bullet_px > 0 and not _NUMBER.match(self.rows[at].text))

    def _item(self, at: int, end: int) -> str:
        text = join_lines([row.text for row in self.rows[at:end]])
        if self._has_bullet(at):
            found = None if self.rows[at].is_dot else _BULLET.match(text)
            return "- " + escape(text[found.end() :] if found else text)
        return escape(text)

    # ---- paragraphs

    def _paragraph_end(self, at: int, ready: int) -> int:
        end = at + 1
        while end < ready and self._stays(end) and not self._begins_paragraph(end, at):
            end += 1
        return end

    def _stays(self, at: int) -> bool:
        """Whether a line may belong to the same piece as the line before: right below it, and no heading or cell."""
        row, before = self.rows[at], self.rows[at - 1]
        if at in self.headings or self._is_plain_heading(at) or row.table >= 0 or before.table >= 0:
            return False
        pitch = (row.baseline_px - before.baseline_px) / self.em
        beside = min(row.box[2], before.box[2]) > max(row.box[0], before.box[0])
        if not beside or not Paragraphs.NEXT_COLUMN_EM < pitch < Paragraphs.MOST_PITCH * self.pitch:
            return False
        return row.block == before.block or pitch < Paragraphs.SAME_PITCH * self.pitch

    def _begins_paragraph(self, at: int, first: int) -> bool:
        """Whether a line right below another begins a paragraph: by its indent or mark, or as that one ended early."""
        row, before = self.rows[at], self.rows[at - 1]
        left, right = self._edges(first, at)
        indent = (row.box[0] - left) / row.em_px
        is_centred = abs((row.box[0] - left) - (right - row.box[2])) < Paragraphs.CENTRED_EM * row.em_px
        is_centred &= row.width_px < Paragraphs.CENTRED_WIDTH * (right - left)
        is_below_edge = before.box[0] - left < Paragraphs.EDGE_EM * row.em_px
        is_indented = Paragraphs.INDENT_EM[0] < indent < Paragraphs.INDENT_EM[1]
        if is_indented and not is_centred and (is_below_edge or self._is_ended(at - 1)):
            return True
        if self._begins_item(at):
            # A line of prose may begin with a dash or a number, but it stands below the others then.
            return abs(row.box[0] - before.box[0]) > Items.MARK_EM * row.em_px or not self._is_full(at - 1, row.text)
        return self._is_ended(at - 1) and not self._is_full(at - 1, row.text)

    def _edges(self, first: int, at: int) -> tuple[int, int]:
        """Left and right edge of the column around some lines."""
        blocks = {row.block for row in self.rows[first : at + 1]}
        return min(self.left[block] for block in blocks), max(self.right[block] for block in blocks)

    def _is_ended(self, at: int) -> bool:
        """Whether a line ends a sentence, or the one before the page's first does."""
        text = self.rows[at].text.rstrip(CLOSING) if at >= 0 else ""
        return not text or text[-1] in SENTENCE_ENDS

    def _is_full(self, at: int, following: str) -> bool:
        """Whether the first word of the next line had no room any more at a line's end."""
        row = self.rows[at]
        _, right = self._edges(at, at)
        letter = row.width_px / max(len(row.text), 1)
        word = len(following.split(" ", 1)[0]) + 1
        return row.box[2] + word * letter + Paragraphs.FULL_EM * row.em_px > right

    def _add_paragraph(self, elements: list[_Element], at: int, end: int) -> None:
        """Add a paragraph, to the one before where a column's end parts them."""
        text, first = escape(join_lines([row.text for row in self.rows[at:end]])), self.rows[at]
        before = elements[-1] if elements else None
        if before is not None and before.kind in ("paragraph", "item") and text[:1].islower():
            is_next_column = first.baseline_px < before.last.baseline_px
            place = self.rows.index(before.last)
            if is_next_column and not self._is_ended(place) and self._is_full(place, text):
                joined = join_lines([before.source, text])
                elements[-1] = _Element(before.kind, joined, self.rows[end - 1])
                return
        elements.append(_Element("paragraph", as_display(text), self.rows[end - 1]))
