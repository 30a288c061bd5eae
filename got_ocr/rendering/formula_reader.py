r"""Read the rows, groups, scripts and tables of a formula; what a command means is told by `formula_commands`.

Each token is read once, and what is nested deeper than `MAX_DEPTH` is flattened: time is linear in the formula's
length.
"""

import re
from collections.abc import Callable

from got_ocr.rendering import math_symbols as symbols
from got_ocr.rendering.formula_nodes import (
    INFIX,
    STYLES,
    TABLES,
    TRANSPARENT,
    Node,
    character_node,
    plain_text,
    row_node,
    scripts_options,
    table_node,
)
from got_ocr.rendering.formula_tokens import TokenReader, split_text

MAX_DEPTH = 40  # Groups deeper than this are flattened: no page needs them, and recursion stays bounded.
MAX_INNER_READERS = 4  # Text within a formula within text ...: each level reads its piece again.
MAX_STACKED_SCRIPTS = (
    2  # x^a^b^c^d: beyond these, on an empty base beside the others, so that recursion stays bounded.
)
MAX_RULES = 40  # Different stretches of rules between two rows of a table.
SWITCHED_FONTS = frozenset({"rm", "bf", "it", "cal", "sf", "tt", "frak", "bold"})
Stops = frozenset[str]
_LINE_ENDS: Stops = frozenset({"\\\\", "&", "\\cr"})
_CELL_ENDS: Stops = frozenset({"&", "\\\\", "\\cr", "\\end", "\\tabularnewline"})
_ROW_ENDS = ("\\\\", "\\cr", "\\tabularnewline")
_NO_ARGUMENTS = frozenset({"}", "&", "\\\\", "\\end", "\\right"})
_RULES = frozenset({"\\hline", "\\cline", "\\toprule", "\\midrule", "\\bottomrule", "\\hdashline"})
_SPECIFIED = frozenset({"array", "tabular", "subarray", "darray", "alignat", "alignedat"})
_ALL_COLUMNS = (1, 999)


class FormulaReader(TokenReader):
    r"""Recursive descent over the tokens of one formula.

    Args:
        tex: The formula.
        read_command: Reads what follows ``\name``, which has been taken: gets the reader, the name and the tokens at
            which the row ends; returns the node, or None for what shows nothing.
        depth: How deep the formula itself is nested.
        inner: In how many other formulas it stands.
    """

    def __init__(
        self, tex: str, read_command: "Callable[[FormulaReader, str, Stops], Node | None]", depth: int, inner: int = 0
    ) -> None:
        super().__init__(tex)
        self.read_command = read_command
        self.depth = depth
        self.inner = inner

    def read_all(self) -> Node:
        """Read the whole formula; several lines without an environment become one table."""
        rows: list[list[Node]] = [[]]
        columns = False
        while True:
            rows[-1].append(self.read_row(_LINE_ENDS))
            token = self.take()
            if not token:
                break
            if token == "&":
                columns = True
            else:
                self.skip_option()
                rows.append([])
        if len(rows) > 1 and not any(cell.children or cell.value for cell in rows[-1]):
            rows.pop()
        if len(rows) == 1 and not columns:
            return rows[0][0]
        cells = [[Node("cell", children=[cell]) for cell in row] for row in rows]
        return table_node("aligned" if columns else "gathered", cells)

    def read_row(self, stops: Stops) -> Node:
        """Read up to one of the tokens in `stops`, which is not taken."""
        nodes: list[Node] = []
        while self.index < len(self.tokens):
            token = self.peek()
            if token in stops or (token == "\\end" and self.depth > 0):
                break
            if token in ("}", "\\end", "\\right"):
                self._read_stray(nodes)
                continue
            name = token[1:] if len(token) > 1 and token[0] == "\\" else ""
            if name in INFIX and self.depth < MAX_DEPTH:
                self.take()
                bar, left, right = INFIX[name]
                options = {"bar": bar, "left": left, "right": right, "style": ""}
                return Node("fraction", children=[row_node(nodes), self._read_rest(stops)], options=options)
            switch = self._read_switch(name, stops)
            if switch is not None:
                nodes.append(switch)
            else:
                self._read_scripted(nodes, stops)
        return row_node(nodes)

    def _read_stray(self, nodes: list[Node]) -> None:
        """Take a token that closes what was never opened."""
        token = self.take()
        if token == "\\end":
            self.take_source()
            self.notes.append("an \\end without its \\begin")
        elif token == "\\right":
            self.notes.append("a \\right without its \\left")
            delimiter = self.take_delimiter()
            if delimiter:
                nodes.append(Node("operator", delimiter))

    def _read_switch(self, name: str, stops: Stops) -> Node | None:
        """Read a command that holds for the rest of its row; None where it is another."""
        if self.depth >= MAX_DEPTH:
            return None
        if name in STYLES:
            self.take()
            return Node("style", name, [self._read_rest(stops)])
        if name == "color":
            self.take()
            return Node("color", self.take_source(), [self._read_rest(stops)])
        if name in SWITCHED_FONTS:
            self.take()
            return Node("font", symbols.FONTS[name], [self._read_rest(stops)])
        return None

    def _read_rest(self, stops: Stops) -> Node:
        r"""Read what a switch such as \bf or \over holds for: the rest of the row."""
        self.depth += 1
        row = self.read_row(stops)
        self.depth -= 1
        return row

    def _read_scripted(self, nodes: list[Node], stops: Stops) -> None:
        """Read an atom and its scripts; a second script of a kind belongs to all that came before."""
        base = Node("row") if self.peek() in ("^", "_", "'") else self.read_atom(stops)
        if base is None:
            return
        stacked = 0
        limits: bool | None = None
        while self.peek() in ("\\limits", "\\nolimits"):
            limits = self.take() == "\\limits"
        under: Node | None = None
        over: Node | None = None
        while self.peek() in ("^", "_", "'", "’"):
            token = self.take()
            script = self._read_primes(over, stops) if token in ("'", "’") else self.read_argument(stops)
            if (under if token == "_" else over) is not None:
                base = Node("scripts", children=[base], options=scripts_options(under, over, limits))
                under = over = limits = None
                stacked += 1
                if stacked > MAX_STACKED_SCRIPTS:
                    nodes.append(base)
                    base, stacked = Node("row"), 0
            if token == "_":
                under = script
            else:
                over = script
        if under is not None or over is not None:
            base = Node("scripts", children=[base], options=scripts_options(under, over, limits))
        nodes.append(base)

    def _read_primes(self, over: Node | None, stops: Stops) -> Node:
        primes = 1
        while self.peek() in ("'", "’"):
            self.take()
            primes += 1
        script = Node("operator", {1: "′", 2: "″", 3: "‴"}.get(primes, "′" * primes))
        if over is None and self.skip("^"):
            script = Node("row", children=[script, self.read_argument(stops)])
        return script

    def read_argument(self, stops: Stops = frozenset()) -> Node:
        """Read what a command or a script takes: a group, a command with its own, or one character."""
        token = self.peek()
        if not token or token in stops or token in _NO_ARGUMENTS:
            self.notes.append("an argument was missing")
            return Node("row")
        if token.isdigit():
            self.take()
            return Node("number", token)
        if token in ("^", "_"):
            return Node("row")
        return self.read_atom(stops) or Node("row")

    def _read_group(self, stops: Stops) -> Node:
        closed = self.index in self.brace_ends
        self.take()
        if self.depth >= MAX_DEPTH:
            return Node("row")
        self.depth += 1
        row = self.read_row(frozenset({"}"}) if closed else stops | {"}"})
        self.depth -= 1
        self.skip("}")
        return row if row.kind != "row" or not row.children else Node("row", children=row.children)

    def read_atom(self, stops: Stops) -> Node | None:
        """Read a group, a command, a number or a character; None for a command that shows nothing."""
        token = self.peek()
        if token == "{":
            return self._read_group(stops)
        self.take()
        if token[0] == "\\" and len(token) > 1:
            if self.depth >= MAX_DEPTH:
                return Node("unknown", token)
            self.depth += 1
            node = self.read_command(self, token[1:], stops)
            self.depth -= 1
            return node
        if token.isdigit():
            return Node("number", token + self._take_digits())
        if token == "~":
            return Node("space", "0.25")
        return character_node(token)

    def _take_digits(self) -> str:
        start = self.index
        while self.peek().isdigit() or (
            self.peek() == "." and self.index + 1 < len(self.tokens) and self.tokens[self.index + 1].isdigit()
        ):
            self.index += 1
        return "".join(self.tokens[start : self.index])

    def read_bracket(self) -> Node | None:
        """Read an optional argument in square brackets; None where there is none."""
        if not self.skip("["):
            return None
        self.depth += 1
        node = self.read_row(frozenset({"]", "}", "&", "\\\\", "{"}))
        self.depth -= 1
        self.skip("]")
        return node

    def read_fenced(self, stops: Stops) -> Node:
        r"""Read what stands between \left and \right."""
        left = self.take_delimiter()
        body = self.read_row(stops | {"\\right"})
        if self.skip("\\right"):
            return Node("fenced", children=[body], options={"left": left, "right": self.take_delimiter()})
        self.notes.append("a \\left without its \\right")
        return Node("row", children=[Node("operator", left), body] if left else [body])

    def read_inner(self, tex: str) -> Node:
        """Read a piece of source as a formula of its own within this one."""
        if self.depth >= MAX_DEPTH or self.inner >= MAX_INNER_READERS:
            return Node("text", tex)
        reader = FormulaReader(tex, self.read_command, self.depth + 1, self.inner + 1)
        node = reader.read_row(frozenset())
        self.notes += reader.notes
        return node

    def read_text(self, text: str, font: str) -> Node:
        r"""Turn the inside of ``\text{}`` into text, and formulas where it has some."""
        nodes = [
            self.read_inner(piece) if is_formula else Node("text", plain_text(piece), options={"font": font})
            for piece, is_formula in split_text(text)
        ]
        return row_node(nodes)

    def read_substack(self) -> Node:
        r"""Read the lines of a \substack."""
        closed = self.index in self.brace_ends
        self.skip("{")
        rows = []
        while True:
            rows.append([Node("cell", children=[self.read_row(frozenset({"\\\\", "}"}))])])
            if self.take() != "\\\\" or not closed:
                break
        return table_node("substack", rows)

    def read_environment(self, stops: Stops) -> Node:
        r"""Read what follows \begin: a table, or an environment that is shown as its inside."""
        name = self.take_source().strip()
        if name not in TABLES:
            body = self.read_row(stops)
            self._read_end(name)
            if name not in TRANSPARENT:
                self.notes.append(f"unknown environment {name[:40]}")
            return body
        self.skip_option()
        spec = self.take_source() if name in _SPECIFIED else ""
        rows: list[list[Node]] = []
        rules: dict[int, list[tuple[int, int]]] = {}
        while self.index < len(self.tokens):
            self._read_rules(rules.setdefault(len(rows), []))
            row, more = self._read_table_row()
            rows.append(row)
            if not more:
                break
        self._read_end(name)
        if rows and len(rows[-1]) == 1 and not rows[-1][0].children[0].children and not rows[-1][0].children[0].value:
            rows.pop()
        return table_node(name, rows, spec, rules)

    def _read_end(self, name: str) -> None:
        if self.skip("\\end"):
            self.take_source()
        else:
            self.notes.append(f"\\begin{{{name[:40]}}} was not closed")

    def _read_table_row(self) -> tuple[list[Node], bool]:
        row: list[Node] = []
        while True:
            body = self.read_row(_CELL_ENDS)
            row.append(body if body.kind == "cell" else Node("cell", children=[body]))
            if self.skip("&"):
                continue
            if self.peek() in _ROW_ENDS:
                self.take()
                self.skip_option()
                return row, True
            return row, False

    def _read_rules(self, rules: list[tuple[int, int]]) -> None:
        while self.peek() in _RULES:
            rule: tuple[int, int] | None = _ALL_COLUMNS
            if self.take() == "\\cline":
                match = re.fullmatch(r"(\d{1,3})\s*-\s*(\d{1,3})", self.take_source()[:40].strip())
                rule = (int(match[1]), int(match[2])) if match else None
            if rule and len(rules) < MAX_RULES and rule not in rules:
                rules.append(rule)
