r"""The unit tests of olmOCR-bench: what a page's Markdown must hold, in which order, beside what, and what not.

Verdicts are those of the official checker (olmocr 0.4), but for formulas: it renders both by KaTeX in a browser and
looks for the reference's symbols in their places; here both are put into canonical LaTeX tokens, and the reference's
must stand in one piece in a formula of the page. That is stricter on spelling (`\frac` and `\dfrac` are one, two
arrangements that look alike are not) and needs no browser.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..formulas import formula_tokens
from .olmocr_tables import BenchTable, find_tables

KINDS = ("present", "absent", "order", "table", "math", "baseline")
LEAST_SIMILARITY = 0.5  # Of a table's cell, however many differences are allowed.
MAX_REPEATS = 30  # Of the last characters of a page.
LONGEST_REPEATED = 5
_NEIGHBOURS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
_TEXTS = {
    "present": ("text",),
    "absent": ("text",),
    "order": ("before", "after"),
    "table": ("cell",),
    "math": ("math",),
    "baseline": (),
}
_ASCII = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "＿": "_", "–": "-", "—": "-", "‑": "-", "‒": "-"}
    | {"−": "-", "\u00b5": "\u03bc"}
)
_FORMULAS = (r"\\\((.+?)\\\)", r"\\\[(.+?)\\\]")
_DOLLAR_FORMULAS = (r"\$\$(.+?)\$\$", r"\$(.+?)\$")
# Scripts that the benchmark's English pages don't have: Chinese, Japanese, pictographs.
_FOREIGN = re.compile("[\u4e00-\u9fff\u3040-\u309f\U0001f600-\U0001f64f\U0001f300-\U0001f6ff\U0001f1e0-\U0001f1ff]")


@dataclass(frozen=True)
class PageTest:
    """One test of one page.

    Attributes:
        id: Its name, unique in the benchmark.
        pdf: Its file, relative to the benchmark's `pdfs/`.
        page: Counted from 1.
        kind: One of KINDS.
        fields: All that its line says.
        group: The file that it stands in, without the suffix.
    """

    id: str
    pdf: str
    page: int
    kind: str
    fields: Mapping[str, Any]
    group: str

    @classmethod
    def from_line(cls, line: Mapping[str, Any], group: str, where: str) -> "PageTest":
        """Check a line of a test file.

        Args:
            line: Its object.
            group: The file's name without the suffix.
            where: How to call the line in an error.

        Returns:
            The test.

        Raises:
            ValueError: If it is none; the message says what is wrong.
        """
        kind = line.get("type")
        if kind not in KINDS:
            raise ValueError(f"{where}: type must be one of {', '.join(KINDS)}, got {kind!r}.")
        for key, wanted in (("id", str), ("pdf", str), ("page", int), *((name, str) for name in _TEXTS[kind])):
            value = line.get(key)
            if not isinstance(value, wanted) or (isinstance(value, str) and not value.strip()):
                raise ValueError(f"{where}: {key} must be {'a text' if wanted is str else 'a number'}, got {value!r}.")
        differences = line.get("max_diffs", 0)
        if not isinstance(differences, int) or differences < 0:
            raise ValueError(f"{where}: max_diffs must be 0 or more, got {differences!r}.")
        return cls(line["id"], line["pdf"], line["page"], kind, dict(line), group)

    def run(self, page: str) -> str:
        """Test a page.

        Args:
            page: Its Markdown.

        Returns:
            Why it fails; empty if it passes.
        """
        return _RUNNERS[self.kind](self, page)

    def field(self, name: str, default: Any = None) -> Any:
        """One value of the line."""
        value = self.fields.get(name)
        return default if value is None else value

    def least_similarity(self, text: str) -> float:
        """How similar a text must be to pass for `text`: what the allowed differences leave of it."""
        return 1.0 - int(self.field("max_diffs", 0)) / max(1, len(text))


def normalize(text: str) -> str:
    """Fold what the benchmark doesn't tell apart: white space, bold and italics, dashes, quotation marks."""
    text = re.sub(r"<br/?>", " ", text)
    text = re.sub(r"\s+", " ", text)
    for pattern in (r"\*\*(.*?)\*\*", r"__(.*?)__"):
        text = re.sub(pattern, r"\1", text)
    text = re.sub(r"</?[bi]>", "", text)
    for pattern in (r"\*(.*?)\*", r"_(.*?)_"):
        text = re.sub(pattern, r"\1", text)
    return unicodedata.normalize("NFC", text).translate(_ASCII)


def _similarity(wanted: str, found: str) -> float:
    from rapidfuzz import fuzz

    return float(fuzz.ratio(wanted, found)) / 100


# ---- present, absent, order


def _run_text(test: PageTest, page: str) -> str:
    from rapidfuzz import fuzz

    wanted, page = normalize(test.field("text")), normalize(page)
    if not test.field("case_sensitive", True):
        wanted, page = wanted.lower(), page.lower()
    first, last = int(test.field("first_n", 0)), int(test.field("last_n", 0))
    if first or last:
        page = page[:first] + (page[-last:] if last else "")
    found = float(fuzz.partial_ratio(wanted, page)) / 100
    is_there = found >= test.least_similarity(wanted)
    if is_there == (test.kind == "present"):
        return ""
    return f"{'missing' if test.kind == 'present' else 'there'}: {_short(wanted)} (similarity {found:.2f})"


def _run_order(test: PageTest, page: str) -> str:
    page, differences = normalize(page), int(test.field("max_diffs", 0))
    places = {}
    for name in ("before", "after"):
        wanted = normalize(test.field(name))
        places[name] = _find_near(wanted, page, differences)
        if not places[name]:
            return f"missing: {_short(wanted)}"
    if min(places["before"]) < max(places["after"]):
        return ""
    return f"out of order: {_short(test.field('before'))} stands after {_short(test.field('after'))}"


def _find_near(wanted: str, page: str, differences: int) -> list[int]:
    """Where a text begins on a page, within so many insertions, deletions and substitutions."""
    from fuzzysearch import find_near_matches

    return [match.start for match in find_near_matches(wanted, page, max_l_dist=differences)]


# ---- tables


def _run_table(test: PageTest, page: str) -> str:
    tables = find_tables(page, markdown=not test.field("ignore_markdown_tables", False))
    if not tables:
        return "no table"
    reason = f"no cell {_short(test.field('cell'))}"
    wanted = normalize(test.field("cell"))
    least = max(LEAST_SIMILARITY, test.least_similarity(wanted))
    for table in tables:
        for row, texts in enumerate(table.rows):
            for column, text in enumerate(texts):
                if _similarity(wanted, normalize(text)) >= least:
                    trouble = _cell_trouble(test, table, row, column)
                    if not trouble:
                        return ""
                    reason = trouble
    return reason


def _cell_trouble(test: PageTest, table: BenchTable, row: int, column: int) -> str:
    for name, (down, right) in _NEIGHBOURS.items():
        wanted = normalize(test.field(name, ""))
        other = row + down, column + right
        if not wanted or not (0 <= other[0] < len(table.rows) and 0 <= other[1] < len(table.rows[0])):
            continue
        found = normalize(table.rows[other[0]][other[1]])
        if _similarity(wanted, found) < max(LEAST_SIMILARITY, test.least_similarity(wanted)):
            return f"{name} of {_short(test.field('cell'))} stands {_short(found)}, not {_short(wanted)}"
    above = [(index, table.rows[index][column]) for index in range(row)]
    beside = list(enumerate(table.rows[row][:column]))
    headings = (
        ("top_heading", table.column_headings.get(column, []), table.header_rows, above),
        ("left_heading", table.row_headings.get(row, []), table.header_columns, beside),
    )
    for name, own, header_places, before in headings:
        wanted = normalize(test.field(name, ""))
        least = max(LEAST_SIMILARITY, test.least_similarity(wanted))
        if wanted and _best_heading(wanted, least, own, header_places, before) < least:
            return f"{name} of {_short(test.field('cell'))} is not {_short(wanted)}"
    return ""


def _best_heading(
    wanted: str, least: float, own: Iterable[str], header_places: set[int], before: list[tuple[int, str]]
) -> float:
    """The best likeness among the cell's headings; then among header cells before it; then, for want, all before."""
    best = max((_similarity(wanted, normalize(text)) for text in own), default=0.0)
    if best < least:
        headers = [text for index, text in before if index in header_places and text.strip()]
        best = max([best, *(_similarity(wanted, normalize(text)) for text in headers)])
    if best == 0:
        best = max((_similarity(wanted, normalize(text)) for _, text in before if text.strip()), default=0.0)
    return best


# ---- formulas


def _run_math(test: PageTest, page: str) -> str:
    wanted = test.field("math")
    formulas = _formulas(page, dollars=not test.field("ignore_dollar_delimited", False))
    if wanted in formulas:
        return ""
    tokens = formula_tokens(wanted)
    if tokens and any(_holds(formula_tokens(formula), tokens) for formula in formulas):
        return ""
    return f"no formula {_short(wanted)}"


def _formulas(page: str, dollars: bool) -> list[str]:
    found: list[str] = []
    for pattern in (*_FORMULAS, *(_DOLLAR_FORMULAS if dollars else ())):
        found += [formula.strip() for formula in re.findall(pattern, page, re.DOTALL)]
        page = re.sub(pattern, "", page, flags=re.DOTALL)
    return found


def _holds(tokens: list[str], wanted: list[str]) -> bool:
    return any(tokens[start : start + len(wanted)] == wanted for start in range(len(tokens) - len(wanted) + 1))


# ---- baseline


def _run_baseline(test: PageTest, page: str) -> str:
    longest = test.field("max_length")
    counted = re.sub(r"!\[.*?\]\(.*?\)", "", page) if test.field("max_length_skips_image_alt_tags", False) else page
    num_characters = sum(character.isalnum() for character in (page if longest is None else counted))
    if longest is not None:
        return "" if num_characters <= longest else f"{num_characters} characters on a blank page"
    if not num_characters:
        return "empty"
    repeats = count_repeats(page)
    if repeats > int(test.field("max_repeats", MAX_REPEATS)):
        return f"ends with {repeats} repeats"
    if test.field("check_disallowed_characters", True) and (foreign := _FOREIGN.search(page)):
        return f"holds {foreign[0]!r}"
    return ""


def count_repeats(page: str) -> int:
    """How often a page's last 1 to 5 characters repeat at its end, whichever repeat most."""
    text = re.sub(r"\s+", " ", page)
    most = 0
    for size in range(1, min(LONGEST_REPEATED, len(text)) + 1):
        last, count = text[-size:], 1
        while text.startswith(last, max(0, len(text) - (count + 1) * size)) and (count + 1) * size <= len(text):
            count += 1
        most = max(most, count)
    return most


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 40 else text[:39] + "…")


_RUNNERS: dict[str, Callable[[PageTest, str], str]] = {
    "present": _run_text,
    "absent": _run_text,
    "order": _run_order,
    "table": _run_table,
    "math": _run_math,
    "baseline": _run_baseline,
}
