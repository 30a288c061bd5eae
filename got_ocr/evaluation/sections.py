r"""A formatted page in its parts: formulas `\( \)` `\[ \]`, tables `\begin{tabular}`, and the text around them.

The published script takes inline formulas line by line, sticks the display formulas on without a break (so the last
inline formula and the first display formula run together), and lets a table that is not closed run to the page's end.
`convention="published"` does the same. The right convention lets a formula run over several lines and keeps formulas
apart, in the page's order, whether inline or display.
"""

import re
from dataclasses import dataclass

from .text_metrics import Convention

TABLE = re.compile(r"\\begin\{tabular\}(.+?)(?:\\end\{tabular\}|$)", re.DOTALL)
PUBLISHED_INLINE = re.compile(r"\\\((.*?)(?<!\\)\\\)")
PUBLISHED_DISPLAY = re.compile(r"\\\[(.+?)(?<!\\)\\\]")
FORMULA = re.compile(r"\\\((.*?)(?<!\\)\\\)|\\\[(.+?)(?<!\\)\\\]", re.DOTALL)
HTML_TABLE = re.compile(r"<table\b.*?(?:</table\s*>|$)", re.DOTALL | re.IGNORECASE)
TABLE_SPAN = re.compile(r"\\begin\{tabular\}.+?(?:\\end\{tabular\}|$)", re.DOTALL)

PARTS = ("all", "text", "formula", "table")


@dataclass(frozen=True)
class Sections:
    """The parts of a formatted page.

    Attributes:
        all: The whole page, stripped: what the published tables call "all text".
        text: The page without its formulas and tables.
        formulas: The LaTeX of each formula, without delimiters.
        tables: The LaTeX of each table, with its `tabular` or `<table>`.
        formula: The formulas as one text.
        table: The tables' contents as one text.
    """

    all: str
    text: str
    formulas: tuple[str, ...]
    tables: tuple[str, ...]
    formula: str
    table: str


def split_sections(page: str, convention: Convention = "right") -> Sections:
    """Split a page of Mathpix Markdown into its parts.

    Args:
        page: The page.
        convention: How `formula` is put together, and what ends a formula (see the module's docstring).

    Returns:
        The parts.
    """
    formulas = tuple(
        (inline or display).strip() for inline, display in FORMULA.findall(page) if (inline or display).strip()
    )
    tables = tuple(TABLE_SPAN.findall(page)) + tuple(HTML_TABLE.findall(page))
    if convention == "published":
        formula = "\n".join(PUBLISHED_INLINE.findall(page)) + "\n".join(PUBLISHED_DISPLAY.findall(page))
        table = "\n".join(TABLE.findall(page))
    else:
        formula = "\n".join(formulas)
        table = "\n".join((*TABLE.findall(page), *HTML_TABLE.findall(page)))
    rest = FORMULA.sub(" ", HTML_TABLE.sub(" ", TABLE_SPAN.sub(" ", page)))
    return Sections(
        all=page.strip(),
        text=re.sub(r"[ \t]+", " ", re.sub(r"\n[ \t]*(?:\n[ \t]*)+", "\n\n", rest)).strip(),
        formulas=formulas,
        tables=tables,
        formula=formula,
        table=table,
    )
