r"""The source of a formatted page: an endless run of pieces in Mathpix Markdown, as GOT's format mode writes pages.

How the format mode writes what a page shows (the conventions of this data engine):

- ``\title{}``, ``\author{}``, ``\begin{abstract}``; headings of every level as ``\section*{}`` or
  ``\subsection*{}``, their printed numbers kept; a paragraph is one line, whatever its lines in print;
- formulas between ``\( \)`` and ``\[ \]``, a printed number as ``\tag{}``;
- list items with their printed numbers, ``1. ``, or ``- `` for any bullet;
- tables as ``tabular``; a caption is a paragraph where it stands; bold words as ``**bold**``, italic ones as
  ``*italic*``; a footnote as ``\footnotetext{}``, after all else;
- pieces are parted by an empty line.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from got_ocr.rendering.parsing import parse
from got_ocr.synthesis.formulas.grammar import random_formula
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.tables.kind import random_table

PIECE_BREAK = "\n\n"
# Characters that Mathpix Markdown or LaTeX gives a meaning of its own: sentences with any of them are not used.
_MARKUP = re.compile(r"[\\`*_$#|<>~\[\]{}^&]|''|--")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"'(])")
_THEOREMS = ("Theorem", "Lemma", "Proposition", "Corollary", "Definition", "Remark", "Example")
_LEADS = ("where", "which gives", "that is,", "so that", "Here,", "with", "It follows that", "and hence")
_NAMES = (
    "Adams",
    "Chen",
    "Duarte",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Ito",
    "Kim",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Xu",
)
_PIECES = re.compile(r"\\[A-Za-z]+|[A-Za-z]+|\d|[^\sA-Za-z\d]|\n+")


@dataclass(frozen=True)
class Piece:
    """A piece of a page, in the order of reading.

    Attributes:
        role: title, author, abstract, heading, paragraph, formula, list, table (with its caption) or footnote.
        source: its Mathpix Markdown.
    """

    role: str
    source: str


@dataclass(frozen=True)
class PlacedPiece:
    """A piece on a page.

    Attributes:
        piece: the piece.
        boxes: (x1, y1, x2, y2) in px of the picture, one for each column that it reaches into; none by LaTeX.
    """

    piece: Piece
    boxes: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class FormattedPage:
    """A page and its source.

    Attributes:
        image: RGB, clean.
        placed: what it shows, in the order of reading; never nothing.
        taken: how many of the pieces offered it used up, shown or left out; the next page goes on from there.
        left_out: how many of them were too wide for it.
        look: JSON-ready: the page's style.
    """

    image: Image.Image
    placed: tuple[PlacedPiece, ...]
    taken: int
    left_out: int
    look: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The page's Mathpix Markdown."""
        return join_pieces([placed.piece for placed in self.placed])


@dataclass(frozen=True)
class Plan:
    """What a document is like.

    Attributes:
        math: how many formulas it has: 0 for none, 1 for a paper full of them.
        tables: share of tables among the pieces.
        lists: share of lists.
        numbered_headings: whether headings have numbers.
        numbered_formulas: share of display formulas with a number.
        emphasis: share of paragraphs with bold or italic words.
        front: whether it begins with a title.
        paragraph_words: words of a paragraph on the average.
    """

    math: float
    tables: float
    lists: float
    numbered_headings: bool
    numbered_formulas: float
    emphasis: float
    front: bool
    paragraph_words: float


def draw_plan(rng: np.random.Generator) -> Plan:
    """Choose what a document is like.

    Args:
        rng: decides.

    Returns:
        The plan.
    """
    has_math = rng.random() < 0.7
    return Plan(
        math=float(rng.uniform(0.2, 1.0)) if has_math else 0.0,
        tables=float(rng.choice([0.0, 0.06, 0.14, 0.3], p=[0.25, 0.35, 0.25, 0.15])),
        lists=float(rng.choice([0.0, 0.06, 0.15], p=[0.3, 0.4, 0.3])),
        numbered_headings=bool(rng.random() < 0.5),
        numbered_formulas=float(rng.choice([0.0, 0.5, 1.0], p=[0.4, 0.3, 0.3])),
        emphasis=float(rng.choice([0.0, 0.15, 0.4], p=[0.5, 0.3, 0.2])),
        front=bool(rng.random() < 0.45),
        paragraph_words=float(rng.uniform(25.0, 80.0)),
    )


def estimate_tokens(text: str) -> int:
    """Estimate, from its characters alone, how many tokens of the published vocabulary a text takes.

    A word counts one token for each begun five letters, a LaTeX command one for each begun four, a digit or any other
    visible character one, a run of line ends one. Of pages of this engine it is rarely less than their tokens.

    Args:
        text: plain text or Mathpix Markdown.

    Returns:
        The estimate.
    """
    count = 0
    for piece in _PIECES.findall(text):
        size = 4 if piece[0] == "\\" else 5
        count += -(-len(piece) // size) if piece[0].isalpha() or piece[0] == "\\" else 1
    return count


def join_pieces(pieces: Sequence[Piece]) -> str:
    """Write pieces as a page.

    Args:
        pieces: in the order of reading.

    Returns:
        The page's Mathpix Markdown.
    """
    return PIECE_BREAK.join(piece.source for piece in pieces)


class SourceWriter:
    """Writes one document's pieces, one after the other, without end.

    Attributes:
        footnotes: what stands at the foot of the first page, known once `pieces` has come to the text.

    Args:
        rng: the document's chance.
        resources: text.
        plan: what the document is like.
        table_columns: most columns that a table may have.
    """

    def __init__(self, rng: np.random.Generator, resources: Resources, plan: Plan, table_columns: int = 8) -> None:
        self.rng, self.corpus, self.plan = rng, resources.corpus, plan
        self.footnotes: list[Piece] = []
        self._table_columns = table_columns
        self._at = int(rng.integers(len(self.corpus.paragraphs)))
        self._section = self._subsection = self._equation = self._theorem = self._tables = 0

    def pieces(self) -> Iterator[Piece]:
        """Yield pieces without end, each of which is read as it is written: the parser has nothing to mend."""
        for piece in self._drafts():
            blocks, notes = parse(piece.source)
            if not notes and not any(block.notes for block in blocks):
                yield piece

    def _drafts(self) -> Iterator[Piece]:
        rng, plan = self.rng, self.plan
        if plan.front:
            yield from self._front()
        elif rng.random() < 0.7:
            yield self._paragraph()
        while True:
            yield self._heading()
            for _ in range(int(rng.integers(2, 7))):
                yield from self._body()

    def prose(self, words: int, cut: bool = False) -> str:
        """Draw running text.

        Args:
            words: about how many words; whole sentences are drawn.
            cut: cut to exactly that many words instead.

        Returns:
            The text. It means in Mathpix Markdown what it says.
        """
        rng, paragraphs = self.rng, self.corpus.paragraphs
        drawn: list[str] = []
        while len(drawn) < words:
            # Neighbours of the corpus are of one language, and mostly of one text.
            leap = rng.random() < 0.1
            self._at = int(rng.integers(len(paragraphs))) if leap else (self._at + 1) % len(paragraphs)
            for sentence in _SENTENCE_END.split(paragraphs[self._at]):
                if len(drawn) >= words or len(sentence.split()) > 1.5 * words + 12:
                    break
                if _is_plain(sentence):
                    drawn += sentence.split()
        return " ".join(drawn[:words] if cut else drawn)

    # ---- pieces

    def _front(self) -> Iterator[Piece]:
        rng = self.rng
        yield Piece("title", f"\\title{{\n{self._head(int(rng.integers(3, 11)))}\n}}")
        if rng.random() < 0.6:
            names = [
                f"{chr(int(rng.integers(65, 91)))}. {_NAMES[rng.integers(len(_NAMES))]}"
                for _ in range(rng.integers(1, 5))
            ]
            if rng.random() < 0.4:
                names = [f"{name} \\({{}}^{{{number}}}\\)" for number, name in enumerate(names, 1)]
                places = [f"\\({{}}^{{{number}}}\\) {self._head(4)}." for number in range(1, len(names) + 1)]
                self.footnotes.append(Piece("footnote", f"\\footnotetext{{\n{' '.join(places)}\n}}"))
            yield Piece("author", f"\\author{{\n{', '.join(names)}\n}}")
        if rng.random() < 0.5:
            text = self._sentences(int(rng.integers(30, 90)), self.plan.math * 0.3)
            yield Piece("abstract", f"\\begin{{abstract}}\n{text}\n\\end{{abstract}}")

    def _head(self, words: int) -> str:
        text = self.prose(words, cut=True).rstrip(".,;:!?")
        style = self.rng.random()
        if style < 0.35:
            return " ".join(word[:1].upper() + word[1:] for word in text.split())
        return text.upper() if style < 0.42 else text[:1].upper() + text[1:]

    def _heading(self) -> Piece:
        rng = self.rng
        is_sub = self._section > 0 and rng.random() < 0.35
        if is_sub:
            self._subsection += 1
        else:
            self._section, self._subsection = self._section + 1, 0
        number = ""
        if self.plan.numbered_headings:
            number = f"{self._section}.{self._subsection} " if is_sub else f"{self._section} "
        command = "subsection*" if is_sub else "section*"
        return Piece("heading", f"\\{command}{{{number}{self._head(int(rng.integers(1, 7)))}}}")

    def _body(self) -> Iterator[Piece]:
        rng, plan = self.rng, self.plan
        kind = rng.random()
        if kind < plan.tables:
            yield self._captioned_table()
        elif kind < plan.tables + plan.lists:
            yield self._list()
        elif rng.random() < 0.15 * plan.math:
            yield self._theorem_piece()
        else:
            yield self._paragraph()
        if rng.random() < 0.75 * plan.math:
            yield self._display()
            if rng.random() < 0.6:
                lead = str(rng.choice(_LEADS))
                text = self._sentences(int(rng.integers(5, 25)), plan.math)
                yield Piece("paragraph", f"{lead} {text[:1].lower()}{text[1:]}")

    def _paragraph(self) -> Piece:
        rng, plan = self.rng, self.plan
        words = max(6, int(rng.normal(plan.paragraph_words, plan.paragraph_words * 0.5)))
        text = self._sentences(min(words, 160), plan.math)
        if rng.random() < plan.emphasis:
            text = self._emphasise(text)
        return Piece("paragraph", text)

    def _sentences(self, words: int, math: float) -> str:
        """Draw prose with formulas, amounts and references between its words."""
        rng = self.rng
        drawn: list[str] = []
        for word in self.prose(words).split():
            drawn.append(word)
            chance = rng.random()
            if chance < 0.06 * math:
                drawn.append(f"\\({random_formula(rng, display=False, depth=1)}\\)")
            elif chance < 0.064 + 0.06 * (math - 1.0) and word[-1].isalpha():
                drawn.append(f"[{rng.integers(1, 60)}]")
            elif chance > 0.997:
                drawn.append(f"\\${rng.integers(1, 900)}" if rng.random() < 0.5 else f"{rng.integers(1, 100)}%")
        return " ".join(drawn)

    def _emphasise(self, text: str) -> str:
        """Set a run of plain words in bold or italics."""
        words = text.split(" ")
        mark = "**" if self.rng.random() < 0.5 else "*"
        first = int(self.rng.integers(len(words)))
        last = min(first + int(self.rng.integers(1, 4)), len(words))
        if not all(word.isalpha() and word.isascii() for word in words[first:last]):
            return text
        words[first] = mark + words[first]
        words[last - 1] += mark
        return " ".join(words)

    def _theorem_piece(self) -> Piece:
        rng = self.rng
        self._theorem += 1
        name = f"{_THEOREMS[rng.integers(len(_THEOREMS))]} {self._theorem}."
        name = f"**{name}**" if self.plan.emphasis else name
        return Piece("paragraph", f"{name} {self._sentences(int(rng.integers(10, 40)), 1.0)}")

    def _display(self) -> Piece:
        rng = self.rng
        source = random_formula(rng, depth=int(rng.integers(1, 4)))
        if "\\tag" not in source and rng.random() < self.plan.numbered_formulas:
            self._equation += 1
            section = f"{self._section}." if self.plan.numbered_headings and self._section else ""
            source = f"{source} \\tag{{{section}{self._equation}}}"
        return Piece("formula", f"\\[\n{source}\n\\]")

    def _list(self) -> Piece:
        rng = self.rng
        numbered = rng.random() < 0.5
        items = []
        for number in range(1, int(rng.integers(3, 7))):
            mark = f"{number}. " if numbered else "- "
            items.append(mark + self._sentences(int(rng.integers(3, 18)), self.plan.math * 0.6))
        return Piece("list", "\n".join(items))

    def _captioned_table(self) -> Piece:
        rng = self.rng
        table = random_table(rng, self.corpus, max_columns=self._table_columns, formulas=self.plan.math > 0.0)
        self._tables += 1
        caption = f"Table {self._tables}: {self.prose(int(rng.integers(3, 14)))}"
        style = rng.random()
        parts = [caption, table] if style < 0.5 else [table, caption] if style < 0.75 else [table]
        return Piece("table", PIECE_BREAK.join(parts))


def _is_plain(sentence: str) -> bool:
    """Tell whether a sentence means in Mathpix Markdown, wherever it stands, just what it says."""
    if _MARKUP.search(sentence) or not sentence[:1].isalpha():
        return False
    blocks, notes = parse(sentence)
    if notes or len(blocks) != 1 or blocks[0].kind != "paragraph":
        return False
    pieces = blocks[0].inlines
    return len(pieces) == 1 and pieces[0].kind == "text" and pieces[0].text == sentence
