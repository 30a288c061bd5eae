r"""Read a LaTeX formula, however damaged, into a tree that can be written as MathML, LaTeX or text.

Nothing makes the reader fail: what is unbalanced is closed or opened (and said in the notes), what is unknown is kept
as `unknown`. It reads each token once, so time is linear in the formula's length.

Why a reader of our own: of the Python packages, only latex2mathml turns LaTeX into MathML, and it raises on what a
model truncates (``\left(`` without ``\right``, ``x_``), loses the columns of ``aligned``, leaves ``<`` of ``\text{}``
unescaped and writes attributes browsers have dropped (tests/rendering/measure.py counts).
"""

import re

from got_ocr.rendering import math_symbols as symbols
from got_ocr.rendering.formula_nodes import (
    BIG,
    BIG_SIZES_EM,
    BINOMIALS,
    ENCLOSURES,
    FRACTIONS,
    IGNORED,
    INFIX,
    LENGTH,
    STYLES,
    TABLES,
    TEXT_COMMANDS,
    TOKEN,
    TRANSPARENT,
    Formula,
    Node,
    character_node,
    chemistry_to_latex,
    length_em,
    letters_of,
    plain_text,
    row_node,
    scripts_options,
    table_node,
)

MAX_DEPTH = 40  # Groups deeper than this are flattened: no page needs them, and recursion stays bounded.


def parse_formula(tex: str) -> Formula:
    r"""Read LaTeX mathematics (without its ``\( \)``); never fails."""
    reader = _Reader(tex, depth=0)
    return Formula(reader.read_all(), tuple(dict.fromkeys(reader.notes)))


class _Reader:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, tex: str, depth: int) -> None:
        self.tex = tex
        self.depth = depth
        self.notes: list[str] = []
        self.tokens: list[str] = []
        self.starts: list[int] = []
        for match in TOKEN.finditer(tex):
            if not match[0].isspace():
                self.tokens.append(match[0])
                self.starts.append(match.start())
        self.index = 0
        self.brace_ends = self._match_braces()

    def _match_braces(self) -> dict[int, int]:
        ends, stack = {}, []
        for index, token in enumerate(self.tokens):
            if token == "{":
                stack.append(index)
            elif token == "}" and stack:
                ends[stack.pop()] = index
        if stack or self.tokens.count("}") != len(ends):
            self.notes.append("unbalanced braces")
        return ends

    def _peek(self) -> str:
        return self.tokens[self.index] if self.index < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self.index += 1
        return token

    def read_all(self) -> Node:
        """Read the whole formula; several lines without an environment become one."""
        rows: list[list[Node]] = [[]]
        columns = False
        while True:
            rows[-1].append(self._read_row(frozenset({"\\\\", "&", "\\cr"})))
            token = self._take()
            if not token:
                break
            if token == "&":
                columns = True
            else:
                self._skip_optional()
                rows.append([])
        if len(rows) > 1 and not any(cell.children or cell.value for cell in rows[-1]):
            rows.pop()
        if len(rows) == 1 and not columns:
            return rows[0][0]
        cells = [[Node("cell", children=[cell]) for cell in row] for row in rows]
        return table_node("aligned" if columns else "gathered", cells)

    def _read_row(self, stops: frozenset[str]) -> Node:
        nodes: list[Node] = []
        while self.index < len(self.tokens):
            token = self._peek()
            if token in stops or (token == "\\end" and self.depth > 0):
                break
            if token in ("}", "\\end"):
                self._take()
                if token == "\\end":
                    self._raw_group()
                    self.notes.append("an \\end without its \\begin")
                continue
            if token == "\\right":
                self._take()
                self.notes.append("a \\right without its \\left")
                delimiter = self._delimiter()
                if delimiter:
                    nodes.append(Node("operator", delimiter))
                continue
            name = token[1:] if len(token) > 1 and token[0] == "\\" else ""
            if name in INFIX:
                self._take()
                bar, left, right = INFIX[name]
                below = self._read_rest(stops)
                options = {"bar": bar, "left": left, "right": right, "style": ""}
                return Node("fraction", children=[row_node(nodes), below], options=options)
            if name in STYLES:
                self._take()
                nodes.append(Node("style", name, [self._read_rest(stops)]))
            elif name == "color":
                self._take()
                nodes.append(Node("color", self._raw_group(), [self._read_rest(stops)]))
            elif name in symbols.FONTS and name in ("rm", "bf", "it", "cal", "sf", "tt", "frak", "bold"):
                self._take()
                nodes.append(Node("font", symbols.FONTS[name], [self._read_rest(stops)]))
            else:
                self._read_scripted(nodes, stops)
        return row_node(nodes)

    def _read_rest(self, stops: frozenset[str]) -> Node:
        r"""Read what a switch such as \bf or \over holds for: the rest of the row."""
        if self.depth >= MAX_DEPTH:
            return Node("row")
        self.depth += 1
        row = self._read_row(stops)
        self.depth -= 1
        return row

    def _read_scripted(self, nodes: list[Node], stops: frozenset[str]) -> None:
        base = Node("row") if self._peek() in ("^", "_", "'") else self._read_atom(stops)
        if base is None:
            return
        limits: bool | None = None
        nested = 0
        while self._peek() in ("\\limits", "\\nolimits"):
            limits = self._take() == "\\limits"
        under: Node | None = None
        over: Node | None = None
        while self._peek() in ("^", "_", "'", "’"):
            token = self._take()
            if token in ("'", "’"):
                primes = 1
                while self._peek() in ("'", "’"):
                    self._take()
                    primes += 1
                script = Node("operator", {1: "′", 2: "″", 3: "‴"}.get(primes, "′" * primes))
                if self._peek() == "^" and over is None:
                    self._take()
                    script = Node("row", children=[script, self._read_argument(stops)])
            else:
                script = self._read_argument(stops)
            if (under if token == "_" else over) is not None:  # A second one belongs to all that came before.
                base = Node("scripts", children=[base], options=scripts_options(under, over, limits))
                under = over = None
                nested += 1
                if nested > MAX_DEPTH // 2:
                    nodes.append(base)
                    base, nested = Node("row"), 0
            if token == "_":
                under = script
            else:
                over = script
        if under is not None or over is not None:
            base = Node("scripts", children=[base], options=scripts_options(under, over, limits))
        nodes.append(base)

    def _read_argument(self, stops: frozenset[str] = frozenset()) -> Node:
        token = self._peek()
        if not token or token in stops or token in ("}", "&", "\\\\", "\\end", "\\right"):
            self.notes.append("an argument was missing")
            return Node("row")
        if token.isdigit():
            self._take()
            return Node("number", token)
        if token in ("^", "_"):
            return Node("row")
        return self._read_atom(stops) or Node("row")

    def _read_group(self, stops: frozenset[str]) -> Node:
        closed = self.index in self.brace_ends
        self._take()
        if self.depth >= MAX_DEPTH:
            return Node("row")
        self.depth += 1
        row = self._read_row(frozenset({"}"}) if closed else stops | {"}"})
        self.depth -= 1
        if self._peek() == "}":
            self._take()
        return row if row.kind != "row" or not row.children else Node("row", children=row.children)

    def _raw_group(self) -> str:
        """Take a group as the source it is; nothing where no group follows."""
        if self._peek() != "{":
            return ""
        start = self.index
        end = self.brace_ends.get(start)
        if end is None:  # Truncated: the group goes on to the end.
            self.index = len(self.tokens)
            return self.tex[self.starts[start] + 1 :]
        self.index = end + 1
        return self.tex[self.starts[start] + 1 : self.starts[end]]

    def _skip_optional(self) -> str:
        """Take ``[...]`` if one follows at once, and no more than a length or a word."""
        if self._peek() != "[":
            return ""
        for end in range(self.index + 1, min(self.index + 24, len(self.tokens))):
            if self.tokens[end] == "]":
                content = self.tex[self.starts[self.index] + 1 : self.starts[end]]
                if not re.fullmatch(r"\s*(-?[\d.]+\s*[a-z]{2}|[a-zA-Z]?)\s*", content):
                    return ""
                self.index = end + 1
                return content
        return ""

    def _delimiter(self) -> str:
        token = self._peek()
        if not token or token in ("{", "}", "&", "\\\\", "^", "_", "\\end", "\\left", "\\right"):
            return ""
        name = token[1:] if token[0] == "\\" and len(token) > 1 else ""
        if name:
            if name not in symbols.DELIMITERS:
                return ""
            self._take()
            return symbols.DELIMITERS[name]
        if token.isalnum():
            return ""
        self._take()
        return {".": "", "<": "⟨", ">": "⟩"}.get(token, token)

    def _read_atom(self, stops: frozenset[str]) -> Node | None:
        token = self._peek()
        if token == "{":
            return self._read_group(stops)
        self._take()
        if token[0] == "\\" and len(token) > 1:
            if self.depth >= MAX_DEPTH:
                return Node("unknown", token)
            self.depth += 1
            node = self._read_command(token[1:], stops)
            self.depth -= 1
            return node
        if token.isdigit():
            while self._peek().isdigit() or (
                self._peek() == "." and self.index + 1 < len(self.tokens) and self.tokens[self.index + 1].isdigit()
            ):
                token += self._take()
            return Node("number", token)
        if token == "~":
            return Node("space", "0.25")
        return character_node(token)

    def _read_command(self, name: str, stops: frozenset[str]) -> Node | None:
        r"""Read what follows ``\name``, which has been taken."""
        for reader in (self._read_symbol, self._read_structure, self._read_text, self._read_layout):
            done, node = reader(name, stops)
            if done:
                return node
        self.notes.append(f"unknown command \\{name}")
        return Node("unknown", f"\\{name}")

    def _read_symbol(self, name: str, stops: frozenset[str]) -> tuple[bool, Node | None]:
        if name in symbols.IDENTIFIERS:
            return True, Node("identifier", symbols.IDENTIFIERS[name])
        if name in symbols.OPERATORS:
            return True, Node("operator", symbols.OPERATORS[name], options={"name": name})
        if name in symbols.LARGE_OPERATORS:
            return True, Node("large", symbols.LARGE_OPERATORS[name], options={"limits": True})
        if name in symbols.INTEGRALS:
            return True, Node("large", symbols.INTEGRALS[name], options={"limits": False})
        if name in symbols.FUNCTIONS or name in symbols.LIMIT_FUNCTIONS:
            word = symbols.FUNCTION_WORDS.get(name, name)
            return True, Node("function", word, options={"limits": name in symbols.LIMIT_FUNCTIONS})
        if name in symbols.DELIMITERS:
            return True, Node("operator", symbols.DELIMITERS[name])
        if name in symbols.SPACES_EM:
            return True, Node("space", str(symbols.SPACES_EM[name]))
        if name in "#$%&_":
            return True, character_node(name)
        if name in ("bmod", "mod", "pmod", "pod"):
            if name == "bmod":
                return True, Node("operator", "mod")
            argument = self._read_argument(stops)
            inner = [Node("function", "mod"), Node("space", "0.3"), argument]
            if name == "pmod":
                inner = [Node("operator", "("), *inner, Node("operator", ")")]
            return True, Node("row", children=[Node("space", "0.5"), *inner])
        return False, None

    def _read_structure(self, name: str, stops: frozenset[str]) -> tuple[bool, Node | None]:
        if name in FRACTIONS or name in BINOMIALS:
            if name == "cfrac":
                self._skip_optional()
            bar = name in FRACTIONS
            options = {"bar": bar, "left": "" if bar else "(", "right": "" if bar else ")"}
            options["style"] = FRACTIONS.get(name, BINOMIALS.get(name, ""))
            children = [self._read_argument(stops), self._read_argument(stops)]
            return True, Node("fraction", children=children, options=options)
        if name == "genfrac":
            left, right, thickness, style = (self._raw_group().strip() for _ in range(4))
            options = {
                "bar": not re.match(r"0*\.?0+\s*(pt|em|ex|mm|px)?$", thickness),
                "left": symbols.DELIMITERS.get(left.lstrip("\\"), left)[:1],
                "right": symbols.DELIMITERS.get(right.lstrip("\\"), right)[:1],
                "style": {"0": "display", "1": "text"}.get(style, ""),
            }
            children = [self._read_argument(stops), self._read_argument(stops)]
            return True, Node("fraction", children=children, options=options)
        if name in ("sqrt", "root"):
            index = self._read_bracket() if name == "sqrt" else None
            body = self._read_argument(stops)
            return True, Node("root", children=[body] if index is None else [body, index])
        if name == "left":
            return True, self._read_fenced(stops)
        if name == "middle":
            return True, Node("operator", self._delimiter() or "|")
        big = BIG.match(name)
        if big:
            delimiter = self._delimiter()
            if not delimiter:
                return True, None
            return True, Node("big", delimiter, options={"size_em": BIG_SIZES_EM[big[1]], "name": name})
        if name in symbols.ACCENTS_OVER or name in symbols.ACCENTS_UNDER:
            under = name in symbols.ACCENTS_UNDER
            character, stretchy = (symbols.ACCENTS_UNDER if under else symbols.ACCENTS_OVER)[name]
            options = {"under": under, "stretchy": stretchy, "name": name}
            return True, Node("accent", character, [self._read_argument(stops)], options)
        if name in symbols.EXTENSIBLE_ARROWS:
            below = self._read_bracket()
            children = [self._read_argument(stops)] + ([below] if below is not None else [])
            return True, Node("arrow", symbols.EXTENSIBLE_ARROWS[name], children, {"name": name})
        if name in ("overset", "stackrel", "underset"):
            script, base = self._read_argument(stops), self._read_argument(stops)
            return True, Node("stack", children=[base, script], options={"under": name == "underset"})
        if name == "sideset":
            before, after = self._raw_group(), self._raw_group()
            parts = [self._sub_read("{}" + before), self._read_argument(stops), self._sub_read("{}" + after)]
            return True, Node("row", children=parts)
        if name == "begin":
            return True, self._read_environment(stops)
        if name == "substack":
            return True, self._read_substack()
        return False, None

    def _read_text(self, name: str, stops: frozenset[str]) -> tuple[bool, Node | None]:
        if name in TEXT_COMMANDS:
            if name == "tag" and self._peek() == "*":
                self._take()
            if self._peek() != "{":
                return True, self._read_argument(stops)
            text = self._raw_group()
            if name == "tag":
                return True, Node("tag", plain_text(text).strip())
            return True, self._text_nodes(text, TEXT_COMMANDS[name])
        if name in ("operatorname", "mathop", "DeclareMathOperator"):
            limits = name == "mathop"
            if self._peek() == "*":
                self._take()
                limits = True
            body = self._read_argument(stops)
            word = letters_of(body)
            if word is not None and (name == "operatorname" or len(word) > 1):
                return True, Node("function", word, options={"limits": limits})
            return True, Node("large", "", [body], {"limits": limits}) if limits else body
        if name in symbols.FONTS:
            return True, Node("font", symbols.FONTS[name], [self._read_argument(stops)])
        if name in ("ce", "cee", "pu"):
            return True, Node("font", "normal", [self._sub_read(chemistry_to_latex(self._raw_group()))])
        if name in ("label", "cite", "ref", "eqref", "hphantom", "vphantom", "phantom"):
            if name.endswith("phantom"):
                return True, Node("phantom", name, [self._read_argument(stops)])
            content = self._raw_group()
            if name == "label":
                return True, None
            return True, Node("text", f"({content})" if name == "eqref" else content)
        return False, None

    def _read_layout(self, name: str, stops: frozenset[str]) -> tuple[bool, Node | None]:
        if name in IGNORED:
            return True, None
        if name in ("hspace", "hskip", "kern", "mkern", "mskip", "vspace", "phantomspace"):
            if self._peek() == "*":
                self._take()
            length = self._raw_group() if self._peek() == "{" else self._bare_length()
            if name == "vspace":
                return True, None
            return True, Node("space", f"{length_em(length):.3g}")
        if name in ("rule", "raisebox", "resizebox", "scalebox"):
            self._skip_optional()
            self._raw_group()
            if name == "rule":
                self._raw_group()
                return True, Node("operator", "▬")
            return True, self._text_nodes(self._raw_group(), "")
        if name in ENCLOSURES:
            return True, Node("enclose", name, [self._read_argument(stops)])
        if name in ("mathbin", "mathrel", "mathord", "mathopen", "mathclose", "mathpunct", "mathinner", "smash"):
            self._skip_optional()
            return True, self._read_argument(stops)
        if name in ("mathllap", "mathrlap", "mathclap", "llap", "rlap", "clap", "ensuremath", "hat@", "vcenter"):
            return True, self._read_argument(stops)
        if name == "textcolor":
            return True, Node("color", self._raw_group(), [self._read_argument(stops)])
        if name in ("href", "url", "class", "style", "cssId"):
            link = self._raw_group()
            if name == "url":
                return True, Node("text", link)
            return True, self._read_argument(stops)
        if name == "not":
            node = self._read_argument(stops)
            negated = symbols.NEGATIONS.get(node.value) if node.kind in ("operator", "identifier") else None
            return True, Node("operator", negated) if negated else Node("enclose", "cancel", [node])
        if name in ("multicolumn", "multirow"):
            span, spec = self._raw_group(), self._raw_group()
            if name == "multirow" and spec.strip() == "*" and self._peek() == "[":
                self._skip_optional()
            body = self._read_argument(stops)
            count = int(span) if span.strip().isdigit() and len(span) < 4 else 1
            key = "columns" if name == "multicolumn" else "rows"
            return True, Node("cell", spec, [body], {key: max(1, count)})
        if name in ("hline", "cline", "toprule", "midrule", "bottomrule", "hdashline", "noalign", "cmidrule"):
            self._raw_group()
            return True, None
        if name == "char" or not name.strip() or name in "/-@*)(":
            return True, None
        if name in "[]":
            return True, None
        return False, None

    def _bare_length(self) -> str:
        match = LENGTH.match(self.tex, self.starts[self.index]) if self.index < len(self.tokens) else None
        if not match:
            return ""
        while self.index < len(self.tokens) and self.starts[self.index] < match.end():
            self.index += 1
        return match[0]

    def _read_bracket(self) -> Node | None:
        """Read an optional argument in square brackets."""
        if self._peek() != "[":
            return None
        self._take()
        self.depth += 1
        node = self._read_row(frozenset({"]", "}", "&", "\\\\", "{"}))
        self.depth -= 1
        if self._peek() == "]":
            self._take()
        return node

    def _read_fenced(self, stops: frozenset[str]) -> Node | None:
        left = self._delimiter()
        body = self._read_row(stops | {"\\right"})
        if self._peek() == "\\right":
            self._take()
            return Node("fenced", children=[body], options={"left": left, "right": self._delimiter()})
        self.notes.append("a \\left without its \\right")
        return Node("row", children=[Node("operator", left), body] if left else [body])

    def _sub_read(self, tex: str) -> Node:
        if self.depth >= MAX_DEPTH:
            return Node("text", tex)
        reader = _Reader(tex, self.depth + 1)
        node = reader._read_row(frozenset())
        self.notes += reader.notes
        return node

    def _text_nodes(self, text: str, font: str) -> Node:
        r"""Turn the inside of ``\text{}`` into text, and formulas where it has ``$``."""
        parts = re.split(r"\$([^$]*)\$|\\\((.*?)\\\)", text, flags=re.DOTALL)
        nodes: list[Node] = []
        for position, part in enumerate(parts):
            if not part:
                continue
            if position % 3:
                nodes.append(self._sub_read(part))
            else:
                nodes.append(Node("text", plain_text(part), options={"font": font}))
        return row_node(nodes)

    def _read_substack(self) -> Node:
        closed = self.index in self.brace_ends
        if self._peek() == "{":
            self._take()
        rows = []
        while True:
            rows.append([Node("cell", children=[self._read_row(frozenset({"\\\\", "}"}))])])
            if self._take() != "\\\\" or not closed:
                break
        return table_node("substack", rows)

    def _read_environment(self, stops: frozenset[str]) -> Node | None:
        name = self._raw_group().strip()
        if name not in TABLES:
            body = self._read_row(stops)
            if self._peek() == "\\end":
                self._take()
                self._raw_group()
            else:
                self.notes.append(f"\\begin{{{name}}} was not closed")
            if name not in TRANSPARENT:
                self.notes.append(f"unknown environment {name}")
            return body
        self._skip_optional()
        spec = self._raw_group() if name in ("array", "tabular", "subarray", "darray", "alignat", "alignedat") else ""
        rows: list[list[Node]] = []
        rules: dict[int, list[tuple[int, int]]] = {}
        closed = False
        while self.index < len(self.tokens):
            self._read_rules(rules.setdefault(len(rows), []))
            row, more = self._read_table_row()
            rows.append(row)
            if not more:
                closed = self._peek() == "\\end"
                break
        if closed:
            self._take()
            self._raw_group()
        else:
            self.notes.append(f"\\begin{{{name}}} was not closed")
        if rows and len(rows[-1]) == 1 and not rows[-1][0].children[0].children and not rows[-1][0].children[0].value:
            rows.pop()
        return table_node(name, rows, spec, rules)

    def _read_table_row(self) -> tuple[list[Node], bool]:
        row: list[Node] = []
        while True:
            body = self._read_row(frozenset({"&", "\\\\", "\\cr", "\\end", "\\tabularnewline"}))
            row.append(body if body.kind == "cell" else Node("cell", children=[body]))
            token = self._peek()
            if token == "&":
                self._take()
                continue
            if token in ("\\\\", "\\cr", "\\tabularnewline"):
                self._take()
                self._skip_optional()
                return row, True
            return row, False

    def _read_rules(self, rules: list[tuple[int, int]]) -> None:
        while self._peek() in ("\\hline", "\\cline", "\\toprule", "\\midrule", "\\bottomrule", "\\hdashline"):
            token = self._take()
            if token == "\\cline":
                match = re.fullmatch(r"\s*(\d{1,3})\s*-\s*(\d{1,3})\s*", self._raw_group())
                rules += [(int(match[1]), int(match[2]))] if match else []
            else:
                rules.append((1, 999))
