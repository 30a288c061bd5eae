"""Cut a page into blocks: everything GOT writes, mixed in any order, none of which makes it fail."""

import re

from got_ocr.rendering import charts, inlines, tables
from got_ocr.rendering.blocks import Block, Inline, strip_pieces
from got_ocr.rendering.formulas import parse_formula
from got_ocr.rendering.repetition import cut_repeated_tail
from got_ocr.rendering.source import Source, clean

KINDS = ("markdown", "plain", "formula", "table", "molecule", "music", "geometry", "chart")
MAX_DEPTH = 10
MAX_CHART_TRIES = 8

# Where something other than running text begins.
_START = re.compile(
    r"""
    (?P<display>\\\[|\$\$)
    | \\begin\s*\{(?P<environment>[A-Za-z]+\*?)\}
    | \\(?P<command>title|author|date|section|subsection|subsubsection|paragraph|subparagraph|chapter|part|caption|
        footnotetext|includegraphics)(?P<star>\*?)(?=\s*[\[{])
    | ^[ \t]*(?P<fence>```+|~~~+)[^\n`]*$
    | ^[ \t]*(?P<music>\*\*kern\b|!!![A-Z]{3}\S*:)
    | ^[ \t]*(?P<chart>\{)(?=\s*['"]\s*\S)
    | ^[ \t]*(?P<molecule><smiles>)
    """,
    re.VERBOSE | re.MULTILINE,
)
_HEADINGS = {
    "part": 1,
    "chapter": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "paragraph": 5,
    "subparagraph": 6,
}
_MUSIC_LINE = re.compile(r"[*!=.\t]|[\[({&_]*\d+%?\d*\.*|[^\s]*\t")
_LIST_ITEM = re.compile(r"(?P<indent>[ \t]*)(?P<mark>[-*+•]|\d{1,9}[.)])[ \t]+(?=\S)")
_HEADING = re.compile(r"(#{1,6})[ \t]+")
_LANGUAGES = frozenset(
    ["", "bash", "c", "cpp", "css", "go", "html", "java", "javascript", "js", "json", "kern", "latex"]
)
_LANGUAGES |= {"markdown", "python", "py", "r", "rust", "sh", "smiles", "sql", "tex", "text", "tikz", "xml", "yaml"}
_RULE = re.compile(r"[ \t]*(?:-[ \t]*){3,}$|[ \t]*(?:\*[ \t]*){3,}$|[ \t]*(?:_[ \t]*){3,}$")


def parse(text: str, kind: str | None = None) -> tuple[list[Block], list[str]]:
    """Read a page.

    Args:
        text: What the model wrote.
        kind: What it is, one of `KINDS`; None finds out.

    Returns:
        Its blocks, and notes about the page as a whole.

    Raises:
        ValueError: If `kind` is unknown.
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, or None to find out, got {kind!r}.")
    text, note = cut_repeated_tail(clean(text))
    blocks = _parse_as(text, kind) if kind not in (None, "markdown") else PageReader(text).read()
    return blocks, [note] if note else []


def _parse_as(text: str, kind: str) -> list[Block]:
    stripped = text.strip()
    if kind == "plain":
        pieces = []
        for paragraph in re.split(r"\n\s*\n", stripped):
            lines: list[Inline] = []
            for index, line in enumerate(paragraph.split("\n")):
                lines += [Inline("break")] if index else []
                lines += [Inline("text", line)] if line else []
            pieces.append(Block("paragraph", paragraph, lines))
        return [block for block in pieces if block.inlines]
    if kind == "formula":
        tex = re.sub(r"^(\\\[|\\\(|\$\$?)|(\\\]|\\\)|\$\$?)$", "", stripped).strip()
        formula = parse_formula(tex)
        return [Block("formula", stripped, content=(tex, formula), notes=list(formula.notes))]
    if kind == "molecule":
        smiles = re.sub(r"</?smiles>", "", stripped).strip()
        return [Block("molecule", stripped, content=smiles)]
    if kind == "music":
        return [Block("music", stripped, content=stripped)]
    if kind == "geometry":
        return [Block("geometry", stripped, content=stripped)]
    if kind == "chart":
        found = charts.read_chart(stripped, max(stripped.find("{"), 0))
        chart = found[0] if found else charts.read_chart_rows(stripped.split("\n"))
        if chart:
            return [Block("chart", stripped, content=chart, notes=chart.notes)]
        return [Block("code", stripped, content=stripped, notes=["no chart could be read from this"])]
    return PageReader(text).read()


class PageReader:
    """Reader of one page in Mathpix Markdown with everything GOT mixes into it."""

    def __init__(self, text: str, chart_tries: int = MAX_CHART_TRIES) -> None:
        self.source = Source(text)
        self.text = text
        self.chart_tries = chart_tries  # Braces that turn out to open no chart; each try may read to the page's end.

    def read(self) -> list[Block]:
        """Read the whole page."""
        rows = self._chart_rows()
        return rows if rows else self._read(0, len(self.text), 0)

    def _chart_rows(self) -> list[Block]:
        """Read an answer that is nothing but PP-Chart2Table's rows."""
        stripped = self.text.strip()
        lines = stripped.split("\n")
        if len(lines) < 2 or stripped.startswith("|") or any("|" not in line for line in lines if line.strip()):
            return []
        chart = charts.read_chart_rows(lines)
        return [Block("chart", stripped, content=chart, notes=chart.notes)] if chart else []

    def _read(self, start: int, end: int, depth: int) -> list[Block]:
        blocks: list[Block] = []
        position = plain_from = start
        while True:
            match = _START.search(self.text, position, end)
            if match is None:
                break
            found = self._read_special(match, end, depth)
            if found is None:
                position = match.end()
                continue
            block_list, after = found
            blocks += self._read_text(plain_from, match.start(), depth)
            blocks += block_list
            position = plain_from = max(after, match.end())
        return blocks + self._read_text(plain_from, end, depth)

    def _read_special(self, match: re.Match[str], end: int, depth: int) -> tuple[list[Block], int] | None:
        kind = match.lastgroup
        if kind == "display":
            return self._read_display(match, end)
        if kind == "environment":
            return self._read_environment(match, end, depth)
        if kind in ("command", "star"):
            return self._read_command(match, end)
        if kind == "fence":
            close = re.compile(rf"^[ \t]*{re.escape(match['fence'])}[ \t]*$", re.MULTILINE).search(
                self.text, match.end(), end
            )
            inside, after = (close.start(), close.end()) if close else (end, end)
            body = self.text[match.end() : inside].strip("\n")
            said = match[0].strip().lstrip("`~").strip()  # A language's name, or words the page had there.
            body = body if said.lower() in _LANGUAGES else f"{said}\n{body}".strip("\n")
            notes = [] if close else ["the code block was not closed"]
            return [Block("code", self.text[match.start() : after], content=body, notes=notes)], after
        if kind == "music":
            return self._read_music(match, end)
        if kind == "chart":
            found = charts.read_chart(self.text, match.start("chart")) if self.chart_tries else None
            if found is None or found[1] > end:
                self.chart_tries = max(0, self.chart_tries - 1)
                return None
            chart, after = found
            return [Block("chart", self.text[match.start() : after], content=chart, notes=chart.notes)], after
        return self._read_molecule(match, end)

    def _read_molecule(self, match: re.Match[str], end: int) -> tuple[list[Block], int] | None:
        """Read a molecule that stands alone on its line, or at the end of the text; None where it does not."""
        line_end = self.source.find("\n", match.end(), end)
        line_end = end if line_end < 0 else line_end
        inside, closing, behind = self.text[match.end() : line_end].partition("</smiles>")
        if "<" in inside or behind.strip(" \t") or not (closing or line_end == end):
            return None
        after = line_end - len(behind)
        source = self.text[match.start() : after].strip()
        notes = [] if closing else ["</smiles> was missing"]
        return [Block("molecule", source, content=inside.strip(), notes=notes)], after

    def _read_display(self, match: re.Match[str], end: int) -> tuple[list[Block], int] | None:
        opening = match["display"]
        closing = "\\]" if opening == "\\[" else "$$"
        limit = self.source.find("\n\n", match.end(), end)
        close = self.source.find(closing, match.end(), end if limit < 0 else min(end, limit + 4000))
        notes: list[str] = []
        after = close + 2
        if close < 0:
            if opening == "$$" and self.text[match.end() : match.end() + 1] in ("", " ", "\n"):
                return None
            close = after = end if limit < 0 else limit
            notes.append(f"the formula's {closing} was missing")
        tex = self.text[match.end() : close].strip()
        following = re.compile(
            r"\s*(\\tag\s*\{[^{}\n]*\}|\(\d{1,3}(?:\.\d{1,3})?[a-z]?\)(?=\s*$))", re.MULTILINE
        ).match(self.text, after, end)
        if following and tex and not notes and "\n\n" not in following[0]:
            tag = re.sub(r"^\\tag\s*\{|[{}()]", "", following[1])
            tex, after = f"{tex} \\tag{{{tag}}}", following.end()
        if not tex:
            return [], after
        formula = parse_formula(tex)
        source = self.text[match.start() : after]
        return [Block("formula", source, content=(tex, formula), notes=notes + list(formula.notes))], after

    def _read_command(self, match: re.Match[str], end: int) -> tuple[list[Block], int] | None:
        name = match["command"]
        position = match.end()
        if self.text[position : position + 1] == "[":
            close = self.text.find("]", position, min(end, position + 100))
            position = close + 1 if close > 0 else position
        group = self.source.group(position, end)
        if group is None:
            return None
        start, close, after = group
        source = self.text[match.start() : after]
        notes = [] if self.text[close : close + 1] == "}" else [f"\\{name} was not closed"]
        if name == "includegraphics":
            return [Block("figure", source, notes=notes)], after
        pieces = inlines.read_inlines(self.source, start, close, notes)
        pieces = strip_pieces(pieces)
        if name in ("title", "author", "date"):
            return [Block("title" if name == "title" else "author", source, pieces, notes=notes)], after
        if name in ("caption", "footnotetext"):
            return [Block("caption" if name == "caption" else "note", source, pieces, notes=notes)], after
        return [Block("heading", source, pieces, level=_HEADINGS[name], notes=notes)], after

    def _read_music(self, match: re.Match[str], end: int) -> tuple[list[Block], int]:
        """Take the lines from ``**kern`` to the last ``*-``, or as long as lines look like music."""
        position = last = match.start()
        while position < end:
            line_end = self.source.find("\n", position, end)
            line_end = end if line_end < 0 else line_end
            line = self.text[position:line_end].strip()
            if line and not _MUSIC_LINE.match(line):
                break
            if line:
                last = line_end
            position = line_end + 1
            if line and all(field in ("*-", "*") for field in line.split()) and "*-" in line:
                break
        source = self.text[match.start() : last].strip()
        notes = [] if "*-" in source else ["the music was truncated"]
        return [Block("music", source, content=source, notes=notes)], last

    def _read_environment(self, match: re.Match[str], end: int, depth: int) -> tuple[list[Block], int] | None:
        start = match.start()
        if start not in self.source.environments or depth > MAX_DEPTH:
            return None
        name, inside, close, after, closed = self.source.environment(start, end)
        base = name.rstrip("*")
        if base in ("tikzpicture", "tikzcd") and not closed:
            close = after = end
        source = self.text[start:after]
        notes = [] if closed else [f"\\begin{{{name}}} was not closed"]
        if base in ("tikzpicture", "tikzcd"):
            return [Block("geometry", source, content=source, notes=notes)], after
        if inlines.is_math_environment(name):
            formula = parse_formula(source)
            notes = list(dict.fromkeys([*formula.notes, *notes]))
            return [Block("formula", source, content=(source, formula), notes=notes)], after
        if inlines.is_table_environment(name):
            table = tables.read_tabular(self.source, name, inside, close, notes, inlines.read_cell_text)
            return [Block("table", source, content=table, notes=list(dict.fromkeys(notes)))], after
        if base in ("itemize", "enumerate", "description", "enumi", "list"):
            return [self._read_list(base, source, inside, close, depth, notes)], after
        if base in ("verbatim", "lstlisting", "minted", "alltt", "algorithmic"):
            return [Block("code", source, content=self.text[inside:close].strip("\n"), notes=notes)], after
        options = re.compile(r"\s*\[[^\]\n]{0,60}\]").match(self.text, inside, close)
        inside = options.end() if options else inside
        if base in ("abstract", "quote", "quotation", "figure", "table", "wrapfigure"):
            kind = {"quotation": "quote", "wrapfigure": "figure", "table": "figure"}.get(base, base)
            if base == "wrapfigure":
                group = self.source.group(inside, close)
                inside = group[2] if group else inside
            children = self._read(inside, close, depth + 1)
            return [Block(kind, source, children=children, notes=notes)], after
        if base in ("theorem", "lemma", "proof", "definition", "corollary", "proposition", "remark", "example"):
            title = Block("paragraph", name, [Inline("strong", children=[Inline("text", f"{base.title()}.")])])
            return [title, *self._read(inside, close, depth + 1)], after
        if base in ("minipage", "multicols", "adjustbox", "thebibliography"):
            group = self.source.group(inside, close)
            inside = group[2] if group else inside
        return self._read(inside, close, depth + 1), after

    def _read_list(self, name: str, source: str, start: int, end: int, depth: int, notes: list[str]) -> Block:
        items: list[Block] = []
        positions = []
        position = start
        pattern = re.compile(r"\\item\b[ \t]*(\[[^\]\n]{0,80}\])?|\\begin\s*\{")
        while match := pattern.search(self.text, position, end):
            position = match.end()
            if match[0].startswith("\\begin"):
                position = max(self.source.environments.get(match.start(), ("", 0, 0, -1))[3], position)
                continue
            positions.append((match.start(), match.end(), match[1]))
        bounds = [first for first, _, _ in positions[1:]] + [end] if positions else []
        for (_, body, label), stop in zip(positions, bounds, strict=True):
            children = self._read(body, stop, depth + 1)
            if label:
                children.insert(0, Block("paragraph", label, inlines.inlines_of(label[1:-1], notes)))
            items.append(Block("item", self.text[body:stop], children=children))
        before = self.text[start : positions[0][0] if positions else end].strip()
        if before:
            items.insert(
                0, Block("item", before, children=self._read(start, positions[0][0] if positions else end, depth + 1))
            )
        return Block("list", source, children=items, level=int(name == "enumerate"), notes=notes)

    def _read_text(self, start: int, end: int, depth: int) -> list[Block]:
        """Read a stretch of Markdown: lines that are headings, items, table rows, quotes, else paragraphs."""
        blocks: list[Block] = []
        paragraph: list[tuple[int, int]] = []

        def flush() -> None:
            if paragraph:
                blocks.extend(self._paragraph(paragraph[0][0], paragraph[-1][1]))
                paragraph.clear()

        lines = self._lines(start, end)
        index = 0
        while index < len(lines):
            first, last = lines[index]
            line = self.text[first:last]
            if not line.strip():
                flush()
                index += 1
                continue
            taken = self._read_line(line, lines, index, depth, bool(paragraph))
            if taken is None:
                paragraph.append((first, last))
                index += 1
                continue
            flush()
            found, index = taken
            blocks += found
        flush()
        return blocks

    def _lines(self, start: int, end: int) -> list[tuple[int, int]]:
        lines = []
        while start < end:
            line_end = self.source.find("\n", start, end)
            line_end = end if line_end < 0 else line_end
            lines.append((start, line_end))
            start = line_end + 1
        return lines

    def _read_line(
        self, line: str, lines: list[tuple[int, int]], index: int, depth: int, in_paragraph: bool
    ) -> tuple[list[Block], int] | None:
        first, _last = lines[index]
        heading = _HEADING.match(line)
        if heading:
            notes: list[str] = []
            stop = first + len(line.rstrip("#").rstrip(" \t"))  # Signs behind a heading close it.
            pieces = inlines.read_inlines(self.source, first + heading.end(), max(stop, first + heading.end()), notes)
            return [Block("heading", line, pieces, level=len(heading[1]), notes=notes)], index + 1
        if _RULE.match(line) and not in_paragraph:
            return [Block("rule", line)], index + 1
        if line.lstrip().startswith("|") and line.count("|") > 1:
            stop = index
            while stop < len(lines) and self.text[slice(*lines[stop])].lstrip().startswith("|"):
                stop += 1
            rows = [self.text[slice(*bounds)] for bounds in lines[index:stop]]
            if len(rows) > 1:
                notes = []
                table = tables.read_pipes(rows, notes, inlines.inlines_of)
                return [Block("table", "\n".join(rows), content=table, notes=notes)], stop
        if line.lstrip().startswith("> ") and depth < MAX_DEPTH:
            stop = index
            while stop < len(lines) and self.text[slice(*lines[stop])].lstrip().startswith(">"):
                stop += 1
            rows = [self.text[slice(*bounds)] for bounds in lines[index:stop]]
            inner = "\n".join(re.sub(r"^\s*>\s?", "", row) for row in rows)
            quoted = PageReader(inner, self.chart_tries)
            children = quoted._read(0, len(inner), depth + 1)
            self.chart_tries = quoted.chart_tries
            return [Block("quote", "\n".join(rows), children=children)], stop
        item = _LIST_ITEM.match(line)
        if item and not (in_paragraph and item["mark"][0].isdigit() and not item["mark"].startswith("1")):
            return self._read_items(lines, index, depth)
        return None

    def _read_items(self, lines: list[tuple[int, int]], index: int, depth: int) -> tuple[list[Block], int]:
        """Read a Markdown list; items indented further than the first make a list within."""
        first = _LIST_ITEM.match(self.text[slice(*lines[index])])
        assert first is not None
        indent, ordered = len(first["indent"].expandtabs(4)), first["mark"][0].isdigit()
        block = Block("list", "", level=int(ordered), content=first["mark"])
        start = lines[index][0]
        while index < len(lines):
            line_start, line_end = lines[index]
            line = self.text[line_start:line_end]
            item = _LIST_ITEM.match(line)
            own_indent = len(item["indent"].expandtabs(4)) if item else 0
            if item and own_indent >= indent + 2 and block.children and depth < MAX_DEPTH:
                inner, index = self._read_items(lines, index, depth + 1)
                block.children[-1].children += inner
                continue
            if item and item["mark"][0].isdigit() == ordered and (own_indent >= indent or depth == 0):
                stop = index + 1
                while stop < len(lines):  # Lines that go on with the item.
                    following = self.text[slice(*lines[stop])]
                    if not following.strip() or _LIST_ITEM.match(following) or not following.startswith((" ", "\t")):
                        break
                    stop += 1
                bounds = (line_start + item.end(), lines[stop - 1][1])
                notes: list[str] = []
                pieces = strip_pieces(inlines.read_inlines(self.source, *bounds, notes))
                paragraph = Block("paragraph", self.text[slice(*bounds)], pieces, notes=notes)
                block.children.append(Block("item", line, children=[paragraph], content=item["mark"]))
                index = stop
                continue
            if not line.strip() and index + 1 < len(lines):
                following_item = _LIST_ITEM.match(self.text[slice(*lines[index + 1])])
                if following_item and following_item["mark"][0].isdigit() == ordered:
                    index += 1
                    continue
            break
        block.source = self.text[start : lines[index - 1][1]]
        return [block], index

    def _paragraph(self, start: int, end: int) -> list[Block]:
        notes: list[str] = []
        pieces = strip_pieces(inlines.read_inlines(self.source, start, end, notes))
        if not pieces:
            return []
        source = self.text[start:end]
        if len(pieces) == 1 and pieces[0].kind == "molecule":
            return [Block("molecule", source, content=pieces[0].text, notes=notes)]
        return [Block("paragraph", source, pieces, notes=list(dict.fromkeys(notes)))]
