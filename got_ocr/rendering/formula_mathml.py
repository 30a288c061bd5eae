"""Write a formula's tree as MathML Core, the part of MathML that Chromium and Firefox draw alike.

What Core lacks is done otherwise: alphabets by their Unicode letters instead of `mathvariant`, column alignment, rules
and boxes by classes that the page's style sheet knows (`STYLE`).
"""

import re
from collections.abc import Iterator
from html import escape

from got_ocr.rendering import formula_nodes
from got_ocr.rendering import math_symbols as symbols
from got_ocr.rendering.column_spec import parse_columns
from got_ocr.rendering.formula_nodes import Formula, Node

STYLE = """
math { font-family: "STIX Two Math", "Cambria Math", "TeX Gyre Termes Math", "Latin Modern Math", math;
  font-size: 1.06em; }
math[display="block"] { margin: 0.8em 0; }
mtd.left { text-align: -webkit-left; text-align: left; } mtd.right { text-align: right; }
mtd.tight-right { padding-right: 0; } mtd.tight-left { padding-left: 0.1em; }
mtd.rule-top { border-top: 1px solid; } mtd.rule-bottom { border-bottom: 1px solid; }
mtd.rule-left { border-left: 1px solid; } mtd.rule-right { border-right: 1px solid; }
mrow.overline { border-top: 1px solid; padding-top: 0.12em; }
mrow.underline { border-bottom: 1px solid; padding-bottom: 0.12em; }
mrow.overbrace { border-top: 1.5px solid; border-radius: 0.6em 0.6em 0 0; padding-top: 0.15em; }
mrow.underbrace { border-bottom: 1.5px solid; border-radius: 0 0 0.6em 0.6em; padding-bottom: 0.28em; }
mrow.boxed { border: 1px solid; padding: 0.2em 0.3em; }
mrow.cancel {
  background: linear-gradient(to top right, transparent 47%, currentColor 47% 53%, transparent 53%); }
mrow.bcancel {
  background: linear-gradient(to bottom right, transparent 47%, currentColor 47% 53%, transparent 53%); }
mtext.unknown { color: #a33; font-family: monospace; }
mtext.bold { font-weight: bold; } mtext.italic { font-style: italic; } mtext.monospace { font-family: monospace; }
"""
_OPENING, _CLOSING = "([{⟨⌊⌈", ")]}⟩⌋⌉"
_SIGNS = ("+", "-", "±", "∓")
_COLOR = re.compile(r"[A-Za-z]{1,20}|#[0-9A-Fa-f]{3,8}")


def formula_to_mathml(formula: Formula, tex: str, display: bool) -> str:
    """Write MathML.

    Args:
        formula: The formula's tree.
        tex: Its source, kept inside as an annotation for copying and search.
        display: Whether it stands alone on its line.

    Returns:
        One ``<math>`` element.
    """
    body = _write(formula.root, "", display)
    kind = "block" if display else "inline"
    return (
        f'<math xmlns="http://www.w3.org/1998/Math/MathML" display="{kind}"><semantics><mrow>{body}</mrow>'
        f'<annotation encoding="application/x-tex">{_safe(tex)}</annotation></semantics></math>'
    )


def _safe(text: str) -> str:
    return escape(text, quote=True)


def _write(node: Node, font: str, display: bool) -> str:
    return _WRITERS[node.kind](node, font, display)


def _group(node: Node, font: str, display: bool) -> str:
    """Write a node as exactly one element."""
    parts = [node] if node.kind != "row" else node.children
    if len(parts) == 1 and parts[0].kind not in ("row", "function", "space"):
        return _write(parts[0], font, display)
    return f"<mrow>{_write(node, font, display)}</mrow>"


def _row(node: Node, font: str, display: bool) -> str:
    written = []
    children = list(_merged(node.children, font))
    for position, child in enumerate(children):
        function = _is_function(child)
        if function and position and children[position - 1].kind in ("identifier", "number", "scripts", "fenced"):
            written.append('<mspace width="0.167em"/>')
        if child.kind == "operator" and child.value in _SIGNS and _opens(children[position - 1] if position else None):
            written.append(_operator(child, font, display).replace("<mo>", '<mo form="prefix" lspace="0" rspace="0">'))
        else:
            written.append(_write(child, font, display))
        if function and position + 1 < len(children):
            following = children[position + 1]
            opens = following.value[:1] in tuple(_OPENING) if following.value else following.kind == "fenced"
            if not opens and following.kind not in ("operator", "space"):
                written.append('<mspace width="0.167em"/>')
    return "".join(written)


def _opens(before: Node | None) -> bool:
    """Say whether a plus or minus after this piece is a sign, not an operation."""
    if before is None or before.kind == "space":
        return True
    if before.kind == "big":
        return before.value in _OPENING
    return before.kind == "operator" and before.value not in tuple(_CLOSING + "|‖!%′″‴")


def _merged(nodes: list[Node], font: str) -> Iterator[Node]:
    r"""Join neighbouring letters of an upright word, as in \mathrm{rank}."""
    if font not in ("normal", "monospace", "sans-serif"):
        yield from nodes
        return
    word = ""
    for node in nodes:
        if node.kind == "identifier":
            word += node.value
            continue
        if word:
            yield Node("identifier", word)
            word = ""
        yield node
    if word:
        yield Node("identifier", word)


def _is_function(node: Node) -> bool:
    return node.kind == "function" or (node.kind == "scripts" and node.children[0].kind == "function")


def _identifier(node: Node, font: str, display: bool) -> str:
    upright = len(node.value) == 1 and not font and (node.value in "∇ℏ" or "Α" <= node.value <= "Ω")
    if font == "normal" or upright:  # TeX's Greek capitals stand upright.
        return f'<mi mathvariant="normal">{_safe(node.value)}</mi>' if len(node.value) == 1 else _mi(node.value)
    return _mi("".join(symbols.letter_in_alphabet(letter, font) for letter in node.value))


def _mi(text: str) -> str:
    return f"<mi>{_safe(text)}</mi>"


def _number(node: Node, font: str, display: bool) -> str:
    return f"<mn>{''.join(symbols.letter_in_alphabet(digit, font) for digit in _safe(node.value))}</mn>"


def _operator(node: Node, font: str, display: bool) -> str:
    value = {"-": "−", "*": "∗", "`": "‘"}.get(node.value, node.value)
    if value in ("|", "‖"):
        return f'<mo stretchy="false" lspace="0" rspace="0">{value}</mo>'
    if value in _OPENING or value in _CLOSING:
        form = "prefix" if value in _OPENING else "postfix"
        return f'<mo stretchy="false" form="{form}">{value}</mo>'
    if value == "mod":
        return '<mo lspace="0.22em" rspace="0.22em">mod</mo>'
    if value == ":" and node.options.get("name") == "colon":
        return '<mo lspace="0" rspace="0.22em">:</mo>'
    if value in "′″‴":
        return f'<mo lspace="0" rspace="0">{value}</mo>'
    return f"<mo>{_safe(value)}</mo>"


def _large(node: Node, font: str, display: bool) -> str:
    if node.children:
        return _group(node.children[0], font, display)
    return f"<mo>{node.value}</mo>"


def _function(node: Node, font: str, display: bool) -> str:
    if node.options.get("limits"):
        return f'<mo lspace="0" rspace="0" movablelimits="true">{_safe(node.value)}</mo>'
    text = _safe(node.value)
    return f'<mi mathvariant="normal">{text}</mi>' if len(node.value) == 1 else f"<mi>{text}</mi>"


def _text(node: Node, font: str, display: bool) -> str:
    style = node.options.get("font")
    attribute = f' class="{style}"' if style else ""
    text = node.value
    if text[:1] == " ":
        text = "\u00a0" + text[1:]
    if text[-1:] == " ":
        text = text[:-1] + "\u00a0"
    return f"<mtext{attribute}>{_safe(text)}</mtext>"


def _space(node: Node, font: str, display: bool) -> str:
    return f'<mspace width="{float(node.value):g}em"/>'


def _scripts(node: Node, font: str, display: bool) -> str:
    base = node.children[0]
    under, over, limits = (node.options[key] for key in ("under", "over", "limits"))
    stacked = base.options.get("limits") if base.kind in ("large", "function") else False
    if base.kind == "accent" and base.options["name"] in ("underbrace", "overbrace", "underbracket", "overbracket"):
        stacked = True
    if base.kind == "stack":
        stacked = False
    if limits is not None:
        stacked = limits
    if stacked and base.kind in ("large", "function") and not base.children:
        movable = "false" if limits else "true"
        written = f'<mo movablelimits="{movable}" lspace="0" rspace="0">{_safe(base.value)}</mo>'
        if base.kind == "large":
            written = f'<mo movablelimits="{movable}">{_safe(base.value)}</mo>'
    else:
        written = _group(base, font, display)
    name = {(True, True): "munderover", (True, False): "munder", (False, True): "mover"}
    if not stacked:
        name = {(True, True): "msubsup", (True, False): "msub", (False, True): "msup"}
    scripts = "".join(_group(script, font, False) for script in (under, over) if script is not None)
    scripts = scripts.replace("<mo>", '<mo lspace="0" rspace="0">')  # TeX sets scripts tight; MathML Core doesn't.
    tag = name[under is not None, over is not None]
    return f"<{tag}>{written}{scripts}</{tag}>"


def _fraction(node: Node, font: str, display: bool) -> str:
    options = node.options
    thickness = "" if options["bar"] else ' linethickness="0"'
    above, below = (_group(child, font, False) for child in node.children)
    written = f"<mfrac{thickness}>{above}{below}</mfrac>"
    if options["left"] or options["right"]:
        left, right = _fence(options["left"], "prefix"), _fence(options["right"], "postfix")
        written = f"<mrow>{left}{written}{right}</mrow>"
    if options["style"]:
        flag = "true" if options["style"] == "display" else "false"
        written = f'<mstyle displaystyle="{flag}" scriptlevel="0">{written}</mstyle>'
    return written


def _fence(character: str, form: str) -> str:
    return f'<mo form="{form}" fence="true" stretchy="true">{_safe(character)}</mo>' if character else ""


def _root(node: Node, font: str, display: bool) -> str:
    body = _group(node.children[0], font, False)
    if len(node.children) == 1:
        return f"<msqrt>{body}</msqrt>"
    return f"<mroot>{body}{_group(node.children[1], font, False)}</mroot>"


def _fenced(node: Node, font: str, display: bool) -> str:
    left, right = _fence(node.options["left"], "prefix"), _fence(node.options["right"], "postfix")
    return f"<mrow>{left}{_write(node.children[0], font, display)}{right}</mrow>"


def _big(node: Node, font: str, display: bool) -> str:
    size = node.options["size_em"]
    form = {"l": "prefix", "r": "postfix"}.get(node.options["name"][-1], "infix")
    if form == "infix" and node.value in _OPENING + _CLOSING:
        form = "prefix" if node.value in _OPENING else "postfix"
    return (
        f'<mo form="{form}" stretchy="true" symmetric="true" lspace="0" rspace="0" minsize="{size}em" '
        f'maxsize="{size}em">{_safe(node.value)}</mo>'
    )


def _accent(node: Node, font: str, display: bool) -> str:
    base = _group(node.children[0], font, display)
    name = node.options["name"]
    if name in ("overline", "underline"):  # A rule, since few fonts stretch the character.
        return f'<mrow class="{name}">{base}</mrow>'
    if name.endswith(("brace", "bracket", "paren")):  # Chromium draws the character shorter than its base.
        side = "under" if node.options["under"] else "over"
        return f'<mrow class="{side}brace">{base}</mrow>'
    stretchy = "true" if node.options["stretchy"] else "false"
    # The signs of ASCII are far wider than TeX's accents, and the arrow is one for running formulas.
    value = {"^": "ˆ", "~": "˜"}.get(node.value, node.value) if name in ("hat", "tilde") else node.value
    size = ' mathsize="70%"' if name == "vec" else ""
    mark = f'<mo stretchy="{stretchy}"{size}>{_safe(value)}</mo>'
    if node.options["under"]:
        return f'<munder accentunder="true">{base}{mark}</munder>'
    return f'<mover accent="true">{base}{mark}</mover>'


def _font(node: Node, font: str, display: bool) -> str:
    child = node.children[0]
    if child.kind == "row":
        return f"<mrow>{_row(child, node.value, display)}</mrow>"
    return _write(child, node.value, display)


def _style(node: Node, font: str, display: bool) -> str:
    flag = "true" if node.value == "displaystyle" else "false"
    level = {"scriptstyle": 1, "scriptscriptstyle": 2}.get(node.value, 0)
    body = _write(node.children[0], font, node.value == "displaystyle")
    return f'<mstyle displaystyle="{flag}" scriptlevel="{level}">{body}</mstyle>'


def _color(node: Node, font: str, display: bool) -> str:
    color = node.value.strip()
    attribute = f' mathcolor="{color}"' if _COLOR.fullmatch(color) else ""
    return f"<mstyle{attribute}>{_write(node.children[0], font, display)}</mstyle>"


def _enclose(node: Node, font: str, display: bool) -> str:
    name = {"fbox": "boxed", "framebox": "boxed", "xcancel": "cancel bcancel", "sout": "cancel"}.get(
        node.value, node.value
    )
    return f'<mrow class="{name}">{_write(node.children[0], font, display)}</mrow>'


def _phantom(node: Node, font: str, display: bool) -> str:
    return f"<mphantom>{_write(node.children[0], font, display)}</mphantom>"


def _stack(node: Node, font: str, display: bool) -> str:
    tag = "munder" if node.options["under"] else "mover"
    base = node.children[0]
    if base.kind == "function":
        written = f'<mo movablelimits="false" lspace="0" rspace="0">{_safe(base.value)}</mo>'
    elif base.kind == "large" and not base.children:
        written = f'<mo movablelimits="false">{base.value}</mo>'
    else:
        written = _group(base, font, display)
    return f"<{tag}>{written}{_group(node.children[1], font, False)}</{tag}>"


def _arrow(node: Node, font: str, display: bool) -> str:
    def padded(child: Node) -> str:
        return f'<mpadded lspace="0.4em" width="1em"><mrow>{_write(child, font, False)}</mrow></mpadded>'

    labels = [
        f'<mrow><mspace width="0.4em"/>{_write(child, font, False)}<mspace width="0.4em"/></mrow>'
        for child in node.children
    ]
    arrow = f'<mo stretchy="true" lspace="0.28em" rspace="0.28em">{node.value}</mo>'
    if len(labels) == 2:
        return f"<munderover>{arrow}{labels[1]}{labels[0]}</munderover>"
    return f"<mover>{arrow}{labels[0]}</mover>"


def _tag(node: Node, font: str, display: bool) -> str:
    return f'<mspace width="2em"/><mtext>({_safe(node.value)})</mtext>'


def _unknown(node: Node, font: str, display: bool) -> str:
    return f'<mtext class="unknown">{_safe(node.value)}</mtext>'


def _cell(node: Node, font: str, display: bool) -> str:
    return "".join(_write(child, font, display) for child in node.children)


def _table(node: Node, font: str, display: bool) -> str:
    name, rows, rules = node.value, node.options["rows"], node.options["rules"]
    columns, lines = parse_columns(node.options["spec"]) if name in ("array", "tabular", "darray") else ([], set())
    displayed = name in formula_nodes.ALIGNED or name in formula_nodes.GATHERED - {"substack"} or name.startswith("d")
    written = []
    for index, row in enumerate(rows):
        cells, column = [], 0
        for cell in row:
            span = cell.options.get("columns", 1)
            classes = [_alignment(name, columns, column, cell)]
            if name in formula_nodes.ALIGNED:
                classes.append("tight-left" if column % 2 else "tight-right")
            classes += _rule_classes(rules, lines, index, column, span, len(rows))
            attributes = f' class="{" ".join(filter(None, classes))}"' if any(classes) else ""
            attributes += f' columnspan="{span}"' if span > 1 else ""
            attributes += f' rowspan="{cell.options["rows"]}"' if cell.options.get("rows", 1) > 1 else ""
            cells.append(f"<mtd{attributes}>{_cell(cell, font, displayed)}</mtd>")
            column += span
        written.append(f"<mtr>{''.join(cells)}</mtr>")
    style = ' displaystyle="true"' if displayed else ""
    table = f"<mtable{style}>{''.join(written)}</mtable>"
    if name in formula_nodes.CASES:
        left, right = ("", "}") if name in ("rcases", "drcases") else ("{", "")
    else:
        left, right = formula_nodes.MATRIX_FENCES.get(name, ("", ""))
    if name in ("smallmatrix", "substack", "subarray"):
        table = f'<mstyle scriptlevel="+1">{table}</mstyle>' if name == "smallmatrix" else table
    return f"<mrow>{_fence(left, 'prefix')}{table}{_fence(right, 'postfix')}</mrow>"


def _alignment(name: str, columns: list[str], column: int, cell: Node) -> str:
    spec = re.sub(r"[^lcr]", "", cell.value)
    if spec:
        return {"l": "left", "r": "right"}.get(spec[0], "")
    if name.startswith("eqnarray"):
        return ("right", "", "left")[column % 3]
    if name in formula_nodes.ALIGNED:
        return "left" if column % 2 else "right"
    if name in formula_nodes.CASES:
        return "left"
    if column < len(columns):
        return {"l": "left", "r": "right"}.get(columns[column], "")
    return ""


def _rule_classes(
    rules: dict[int, list[tuple[int, int]]], lines: set[int], row: int, column: int, span: int, rows: int
) -> list[str]:
    def ruled(index: int) -> bool:
        return any(first <= column + 1 <= last for first, last in rules.get(index, ()))

    classes = ["rule-top"] if ruled(row) else []
    classes += ["rule-bottom"] if row == rows - 1 and ruled(rows) else []
    classes += ["rule-left"] if column == 0 and 0 in lines else []
    classes += ["rule-right"] if column + span in lines else []
    return classes


_WRITERS = {
    "row": _row,
    "identifier": _identifier,
    "number": _number,
    "operator": _operator,
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
    "phantom": _phantom,
    "table": _table,
    "cell": _cell,
    "arrow": _arrow,
    "stack": _stack,
    "tag": _tag,
    "unknown": _unknown,
}
