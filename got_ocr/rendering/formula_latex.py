"""Write a formula's tree back as LaTeX that compiles (amsmath, amssymb, mathtools), or as one line of plain text."""

import re
from collections.abc import Callable

from got_ocr.rendering import formula_nodes
from got_ocr.rendering import math_symbols as symbols
from got_ocr.rendering.column_spec import parse_columns
from got_ocr.rendering.formula_nodes import Formula, Node

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\u00a0": "~",
    "\ufffd": "?",
}
_SPACE_COMMANDS = {"0.167": r"\,", "0.222": r"\:", "0.278": r"\;", "1.0": r"\quad", "2.0": r"\qquad", "0.25": "~"}
_ROW_END = r" \\ "
_COMMAND_END = re.compile(r"\\[A-Za-z]+$")
_MAX_COMMAND = 30
_LINE_ENDS = re.compile(r"\s*\n\s*")  # An empty line would end the formula.
_ENVIRONMENTS = {"dcases*": "dcases", "cases*": "cases", "subarray": "array", "darray": "array", "tabular": "array"}


def _commands() -> dict[str, str]:
    """Unicode character -> command, the first name of each."""
    table: dict[str, str] = {}
    for family in (
        symbols.IDENTIFIERS,
        symbols.OPERATORS,
        symbols.LARGE_OPERATORS,
        symbols.INTEGRALS,
        symbols.DELIMITERS,
    ):
        for name, character in family.items():
            if name.isalpha():
                table.setdefault(character, f"\\{name}")
    return table | {
        "′": "'",
        "″": "''",
        "‴": "'''",
        "−": "-",
        "{": r"\{",
        "}": r"\}",
        "|": "|",
        "‖": r"\|",
        "\\": "\\backslash",
    }


_COMMANDS = _commands()
_COMMANDS |= {"∼": r"\sim", "[": "[", "]": "]", ":": ":", ".": ".", "◊": r"\lozenge", "▬": r"\rule{1em}{0.5pt}"}


def escape_text(text: str) -> str:
    """Escape text for LaTeX's text mode."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def formula_to_latex(formula: Formula) -> str:
    """Write the formula's LaTeX, without delimiters."""
    return re.sub(r"  +", " ", _write(formula.root)).strip()


def _write(node: Node) -> str:
    return _WRITERS[node.kind](node)


def _group(node: Node) -> str:
    return "{" + _write(node).strip() + "}"


def _row(node: Node) -> str:
    pieces: list[str] = []
    end = ""  # Of what is written: long enough to hold a command.
    for child in node.children:
        piece = _write(child)
        if child.kind in ("style", "color") and child is not node.children[-1]:
            piece = "{" + piece + "}"
        if piece[:1].isalpha() and _COMMAND_END.search(end):
            pieces.append(" ")
        pieces.append(piece)
        end = (end + piece)[-_MAX_COMMAND:] if len(piece) < _MAX_COMMAND else piece[-_MAX_COMMAND:]
    return "".join(pieces)


def _character(node: Node) -> str:
    return "".join(_symbol(character) for character in node.value)


def _symbol(character: str) -> str:
    if character in _COMMANDS:
        return _COMMANDS[character]
    if character.isascii():
        escaped = _SPECIAL.get(character, character)
        if character in "<>|":
            return character
        if character in "\\^~":
            return r"\text{" + escaped + "}"
        return escaped if character.isprintable() else ""
    return r"\text{" + escape_text(character) + "}"


def _function(node: Node) -> str:
    name = node.value.replace(" ", "")
    known = name in symbols.FUNCTIONS or name in symbols.LIMIT_FUNCTIONS
    if known and name not in symbols.NOT_IN_LATEX:
        return f"\\{name}"
    star = "*" if node.options.get("limits") else ""
    return f"\\operatorname{star}{{{escape_text(node.value)}}}"


def _large(node: Node) -> str:
    if node.children:
        return r"\mathop" + _group(node.children[0])
    return _symbol(node.value)


def _text(node: Node) -> str:
    command = {"bold": "textbf", "italic": "textit", "monospace": "texttt"}.get(node.options.get("font", ""), "text")
    return f"\\{command}{{{escape_text(re.sub(_LINE_ENDS, ' ', node.value))}}}"


def _space(node: Node) -> str:
    return _SPACE_COMMANDS.get(str(float(node.value)), f"\\hspace{{{node.value}em}}")


def _scripts(node: Node) -> str:
    base, options = node.children[0], node.options
    written = _write(base)
    simple = base.kind in ("identifier", "number", "operator", "large", "function", "accent", "fenced", "big", "font")
    if not simple:
        written = "{" + written + "}"
    if options["limits"] is not None and base.kind in ("large", "function"):
        written += r"\limits" if options["limits"] else r"\nolimits"
    if options["under"] is not None:
        written += "_" + _group(options["under"])
    if options["over"] is not None:
        written += "^" + _prime_free(options["over"])
    return written


def _prime_free(node: Node) -> str:
    r"""Write a superscript; primes as \prime, since ``^{'}`` would be a second superscript."""
    return _group(node).replace("'", r"\prime ")


def _fraction(node: Node) -> str:
    above, below = _group(node.children[0]), _group(node.children[1])
    left, right, bar, style = (node.options[key] for key in ("left", "right", "bar", "style"))
    prefix = {"display": "d", "text": "t"}.get(style, "")
    if bar and not left and not right:
        return f"\\{prefix}frac{above}{below}"
    if not bar and (left, right) == ("(", ")"):
        return f"\\{prefix}binom{above}{below}"
    thickness = "" if bar else "0pt"
    return f"\\genfrac{{{_delimiter(left, '')}}}{{{_delimiter(right, '')}}}{{{thickness}}}{{}}{above}{below}"


def _delimiter(character: str, empty: str = ".") -> str:
    if not character:
        return empty
    known = set(symbols.DELIMITERS.values()) | set("()[]|/.")
    if character not in known:
        return empty
    return {"[": "[", "]": "]", "(": "(", ")": ")", "|": "|", "‖": r"\|", "/": "/"}.get(
        character, _COMMANDS.get(character, empty)
    )


def _root(node: Node) -> str:
    body = _group(node.children[0])
    if len(node.children) == 2:
        return f"\\sqrt[{_group(node.children[1])}]{body}"
    return f"\\sqrt{body}"


def _fenced(node: Node) -> str:
    left, right = _delimiter(node.options["left"]), _delimiter(node.options["right"])
    return f"\\left{left} {_write(node.children[0])} \\right{right} "


def _big(node: Node) -> str:
    return f"\\{node.options['name']}{_delimiter(node.value, '')} " if _delimiter(node.value, "") else ""


def _accent(node: Node) -> str:
    name = node.options["name"]
    return f"\\{'overline' if name in symbols.NOT_IN_AMSMATH else name}{_group(node.children[0])}"


def _font(node: Node) -> str:
    return f"\\{symbols.FONT_COMMANDS[node.value]}{_group(node.children[0])}"


def _style(node: Node) -> str:
    return f"\\{node.value} {_write(node.children[0])}"


def _color(node: Node) -> str:
    if not re.fullmatch(
        r"red|green|blue|black|white|cyan|magenta|yellow|gray|orange|purple|brown", node.value.strip()
    ):
        return _write(node.children[0])
    return f"\\textcolor{{{node.value.strip()}}}{_group(node.children[0])}"


def _enclose(node: Node) -> str:
    return (
        r"\boxed" + _group(node.children[0]) if node.value in ("boxed", "fbox") else r"\not" + _group(node.children[0])
    )


def _stack(node: Node) -> str:
    command = "underset" if node.options["under"] else "overset"
    return f"\\{command}{_group(node.children[1])}{_group(node.children[0])}"


def _arrow(node: Node) -> str:
    name = node.options["name"]
    below = f"[{_group(node.children[1])}]" if len(node.children) == 2 else ""
    return f"\\{name}{below}{_group(node.children[0])}"


def _cell(node: Node) -> str:
    body = "".join(_write(child) for child in node.children).strip()
    if body.startswith("["):  # After \\ it would be read as a length.
        body = "{}" + body
    if node.options.get("columns", 1) > 1:
        columns, _ = parse_columns(node.value)
        return f"\\multicolumn{{{node.options['columns']}}}{{{(columns or ['c'])[0]}}}{{{body}}}"
    return body


def _table(node: Node) -> str:
    name, rows, rules = node.value, node.options["rows"], node.options["rules"]
    width = max((sum(cell.options.get("columns", 1) for cell in row) for row in rows), default=1)
    lines = []
    for row in rows:
        lines.append(" & ".join(_cell(cell) for cell in row))
    if (
        (name in formula_nodes.MATRIX_FENCES and width <= 10)
        or name in ("substack",)
        or (name in formula_nodes.CASES and width <= 2)
    ):
        name = _ENVIRONMENTS.get(name, name)
        if name == "substack":
            return r"\substack{" + r" \\ ".join(lines) + "}"
        return f"\\begin{{{name}}} {_ROW_END.join(lines)} \\end{{{name}}}"
    if name in formula_nodes.ALIGNED and not name.startswith(("eqnarray", "IEEE")):
        return f"\\begin{{aligned}} {_ROW_END.join(lines)} \\end{{aligned}}"
    if name in formula_nodes.GATHERED and width == 1:
        return f"\\begin{{gathered}} {_ROW_END.join(lines)} \\end{{gathered}}"
    columns, verticals = parse_columns(node.options["spec"])
    if name.startswith(("eqnarray", "IEEE")):
        columns = ["r", "c", "l"]
    columns = [column if column in "lcr" else "l" for column in columns][:width]
    columns += ["c"] * (width - len(columns))
    spec = "".join(("|" if index in verticals else "") + column for index, column in enumerate(columns))
    spec += "|" if len(columns) in verticals else ""
    body = ""
    for index in range(len(rows) + 1):
        for first, last in rules.get(index, ()):
            body += r"\hline " if last >= width else f"\\cline{{{max(1, first)}-{max(first, 1, last)}}} "
        body += f"{lines[index]} \\\\ " if index < len(rows) else ""
    return f"\\begin{{array}}{{{spec}}} {body}\\end{{array}}"


def _plain_children(node: Node) -> str:
    return "".join(_write(child) for child in node.children)


_WRITERS: dict[str, Callable[[Node], str]] = {
    "row": _row,
    "identifier": _character,
    "number": _character,
    "operator": lambda node: r"\bmod " if node.value == "mod" else _character(node),
    "large": _large,
    "function": _function,
    "text": _text,
    "space": _space,
    "scripts": _scripts,
    "fraction": _fraction,
    "root": _root,
    "fenced": _fenced,
    "big": _big,
    "accent": _accent,
    "font": _font,
    "style": _style,
    "color": _color,
    "enclose": _enclose,
    "phantom": lambda node: f"\\{node.value}" + _group(node.children[0]),
    "table": _table,
    "cell": lambda node: _plain_children(node),
    "arrow": _arrow,
    "stack": _stack,
    "tag": lambda node: r"\qquad\text{(" + escape_text(node.value) + ")}",
    "unknown": lambda node: r"\texttt{" + escape_text(node.value) + "}",
}


def formula_to_text(formula: Formula) -> str:
    """Write the formula on one line of Unicode text, as a person would type it."""
    return re.sub(r"\s+", " ", _plain(formula.root)).strip()


def _plain(node: Node) -> str:
    kind, options = node.kind, node.options
    if kind == "scripts":
        written = _plain(node.children[0])
        for mark, script in (("_", options["under"]), ("^", options["over"])):
            if script is not None:
                inner = _plain(script).strip()
                primes = inner and not inner.strip("′″‴")
                written += inner if primes else mark + (inner if len(inner) <= 1 or inner.isdigit() else f"({inner})")
        return written
    if kind == "fraction":
        above, below = (_wrapped(child) for child in node.children)
        written = f"{above}/{below}" if options["bar"] else f"{above} over {below}"
        return f"{options['left']}{written}{options['right']}"
    if kind == "root":
        index = _plain(node.children[1]).strip() if len(node.children) == 2 else ""
        sign = {"": "√", "2": "√", "3": "∛", "4": "∜"}.get(index, f"{index}√")
        return f"{sign}{_wrapped(node.children[0])}"
    if kind == "fenced":
        return f"{options['left']}{_plain(node.children[0]).strip()}{options['right']}"
    if kind == "table":
        fences = (
            ("{", "") if node.value in formula_nodes.CASES else formula_nodes.MATRIX_FENCES.get(node.value, ("", ""))
        )
        joint = " " if node.value in formula_nodes.ALIGNED else ", "
        body = "; ".join(joint.join(_plain(cell).strip() for cell in row) for row in options["rows"])
        return f"{fences[0]}{body}{fences[1]}"
    if kind == "space":
        return " " if float(node.value) > 0.2 else ""
    if kind == "function":
        return f" {node.value} "
    if kind == "operator" and len(node.value) == 1 and node.value in "=<>≤≥≈≠→⇒+∈":
        return f" {node.value} "
    if kind == "tag":
        return f" ({node.value})"
    if kind == "stack":
        return f"{_plain(node.children[0])}{'_' if options['under'] else '^'}({_plain(node.children[1]).strip()})"
    if kind == "phantom":
        return ""
    if kind == "font":
        return _plain(node.children[0])
    if kind in ("style", "color"):
        return "".join(_plain(child) for child in node.children)
    return node.value * (kind != "accent") * (kind != "enclose") + "".join(_plain(child) for child in node.children)


def _wrapped(node: Node) -> str:
    written = _plain(node).strip()
    return written if re.fullmatch(r"\w*", written) else f"({written})"
