r"""What each command of a formula means: from its name to the function that reads what follows it."""

import re
from collections.abc import Callable, Iterable

from got_ocr.rendering import math_symbols as symbols
from got_ocr.rendering.column_spec import MAX_COLUMNS
from got_ocr.rendering.formula_nodes import (
    BIG_SIZES_EM,
    BINOMIALS,
    ENCLOSURES,
    FRACTIONS,
    IGNORED,
    TEXT_COMMANDS,
    Node,
    character_node,
    chemistry_to_latex,
    length_em,
    letters_of,
    plain_text,
)
from got_ocr.rendering.formula_reader import FormulaReader, Stops

CommandReader = Callable[[FormulaReader, str, Stops], Node | None]
_ZERO_LENGTH = re.compile(r"0{0,8}\.?0{1,8}\s{0,4}(?:pt|em|ex|mm|px)?")


def read_command(reader: FormulaReader, name: str, stops: Stops) -> Node | None:
    r"""Read what follows a command, which has been taken.

    Args:
        reader: The formula's reader.
        name: The command, without its backslash.
        stops: The tokens at which the row ends.

    Returns:
        Its node, or None where it shows nothing. An unknown command is a node of kind `unknown`, and noted.
    """
    if not name.strip() and name not in symbols.SPACES_EM:
        return None
    read = _READERS.get(name)
    if read is not None:
        return read(reader, name, stops)
    reader.notes.append(f"unknown command \\{name[:40]}")
    return Node("unknown", f"\\{name}")


# ---- symbols


def _read_identifier(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return Node("identifier", symbols.IDENTIFIERS[name])


def _read_operator(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return Node("operator", symbols.OPERATORS[name], options={"name": name})


def _read_large_operator(reader: FormulaReader, name: str, stops: Stops) -> Node:
    limits = name in symbols.LARGE_OPERATORS
    value = symbols.LARGE_OPERATORS[name] if limits else symbols.INTEGRALS[name]
    return Node("large", value, options={"limits": limits})


def _read_function(reader: FormulaReader, name: str, stops: Stops) -> Node:
    word = symbols.FUNCTION_WORDS.get(name, name)
    return Node("function", word, options={"limits": name in symbols.LIMIT_FUNCTIONS})


def _read_delimiter(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return Node("operator", symbols.DELIMITERS[name])


def _read_space(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return Node("space", str(symbols.SPACES_EM[name]))


def _read_character(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return character_node(name)


def _read_modulus(reader: FormulaReader, name: str, stops: Stops) -> Node:
    if name == "bmod":
        return Node("operator", "mod")
    inner = [Node("function", "mod"), Node("space", "0.3"), reader.read_argument(stops)]
    if name == "pmod":
        inner = [Node("operator", "("), *inner, Node("operator", ")")]
    return Node("row", children=[Node("space", "0.5"), *inner])


# ---- what has arguments


def _read_fraction(reader: FormulaReader, name: str, stops: Stops) -> Node:
    if name == "cfrac":
        reader.skip_option()
    bar = name in FRACTIONS
    options = {"bar": bar, "left": "" if bar else "(", "right": "" if bar else ")"}
    options["style"] = FRACTIONS.get(name, BINOMIALS.get(name, ""))
    children = [reader.read_argument(stops), reader.read_argument(stops)]
    return Node("fraction", children=children, options=options)


def _read_general_fraction(reader: FormulaReader, name: str, stops: Stops) -> Node:
    left, right, thickness, style = (reader.take_source()[:40].strip() for _ in range(4))
    options = {
        "bar": _ZERO_LENGTH.fullmatch(thickness) is None,
        "left": symbols.DELIMITERS.get(left.lstrip("\\"), left)[:1],
        "right": symbols.DELIMITERS.get(right.lstrip("\\"), right)[:1],
        "style": {"0": "display", "1": "text"}.get(style, ""),
    }
    children = [reader.read_argument(stops), reader.read_argument(stops)]
    return Node("fraction", children=children, options=options)


def _read_root(reader: FormulaReader, name: str, stops: Stops) -> Node:
    index = reader.read_bracket() if name == "sqrt" else None
    body = reader.read_argument(stops)
    return Node("root", children=[body] if index is None else [body, index])


def _read_left(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return reader.read_fenced(stops)


def _read_middle(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return Node("operator", reader.take_delimiter() or "|")


def _read_big(reader: FormulaReader, name: str, stops: Stops) -> Node | None:
    delimiter = reader.take_delimiter()
    if not delimiter:
        return None
    return Node("big", delimiter, options={"size_em": BIG_SIZES_EM[name.rstrip("lrm")], "name": name})


def _read_accent(reader: FormulaReader, name: str, stops: Stops) -> Node:
    under = name in symbols.ACCENTS_UNDER
    character, stretchy = (symbols.ACCENTS_UNDER if under else symbols.ACCENTS_OVER)[name]
    options = {"under": under, "stretchy": stretchy, "name": name}
    return Node("accent", character, [reader.read_argument(stops)], options)


def _read_arrow(reader: FormulaReader, name: str, stops: Stops) -> Node:
    below = reader.read_bracket()
    children = [reader.read_argument(stops)] + ([below] if below is not None else [])
    return Node("arrow", symbols.EXTENSIBLE_ARROWS[name], children, {"name": name})


def _read_stack(reader: FormulaReader, name: str, stops: Stops) -> Node:
    script, base = reader.read_argument(stops), reader.read_argument(stops)
    return Node("stack", children=[base, script], options={"under": name == "underset"})


def _read_sideset(reader: FormulaReader, name: str, stops: Stops) -> Node:
    before, after = reader.take_source(), reader.take_source()
    parts = [reader.read_inner("{}" + before), reader.read_argument(stops), reader.read_inner("{}" + after)]
    return Node("row", children=parts)


def _read_begin(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return reader.read_environment(stops)


def _read_substack(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return reader.read_substack()


# ---- text and fonts


def _read_text(reader: FormulaReader, name: str, stops: Stops) -> Node:
    if name == "tag":
        reader.skip("*")
    if reader.peek() != "{":
        return reader.read_argument(stops)
    text = reader.take_source()
    if name == "tag":
        return Node("tag", plain_text(text).strip())
    return reader.read_text(text, TEXT_COMMANDS[name])


def _read_operator_name(reader: FormulaReader, name: str, stops: Stops) -> Node:
    limits = reader.skip("*") or name == "mathop"
    body = reader.read_argument(stops)
    word = letters_of(body)
    if word is not None and (name == "operatorname" or len(word) > 1):
        return Node("function", word, options={"limits": limits})
    return Node("large", "", [body], {"limits": limits}) if limits else body


def _read_font(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return Node("font", symbols.FONTS[name], [reader.read_argument(stops)])


def _read_chemistry(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return Node("font", "normal", [reader.read_inner(chemistry_to_latex(reader.take_source()))])


def _read_phantom(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return Node("phantom", name, [reader.read_argument(stops)])


def _read_reference(reader: FormulaReader, name: str, stops: Stops) -> Node | None:
    content = reader.take_source()
    if name == "label":
        return None
    return Node("text", f"({content})" if name == "eqref" else content)


# ---- layout


def _read_nothing(reader: FormulaReader, name: str, stops: Stops) -> None:
    return None


def _read_length(reader: FormulaReader, name: str, stops: Stops) -> Node | None:
    reader.skip("*")
    length = reader.take_source() if reader.peek() == "{" else reader.take_length()
    if name == "vspace":
        return None
    return Node("space", f"{length_em(length):.3g}")


def _read_box(reader: FormulaReader, name: str, stops: Stops) -> Node:
    reader.skip_option()
    reader.take_source()
    if name == "rule":
        reader.take_source()
        return Node("operator", "▬")
    return reader.read_text(reader.take_source(), "")


def _read_enclosure(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return Node("enclose", name, [reader.read_argument(stops)])


def _read_inside(reader: FormulaReader, name: str, stops: Stops) -> Node:
    """Read a command that only places its argument."""
    reader.skip_option()
    return reader.read_argument(stops)


def _read_color(reader: FormulaReader, name: str, stops: Stops) -> Node:
    return Node("color", reader.take_source(), [reader.read_argument(stops)])


def _read_link(reader: FormulaReader, name: str, stops: Stops) -> Node:
    link = reader.take_source()
    return Node("text", link) if name == "url" else reader.read_argument(stops)


def _read_negation(reader: FormulaReader, name: str, stops: Stops) -> Node:
    node = reader.read_argument(stops)
    negated = symbols.NEGATIONS.get(node.value) if node.kind in ("operator", "identifier") else None
    return Node("operator", negated) if negated else Node("enclose", "cancel", [node])


def _read_span(reader: FormulaReader, name: str, stops: Stops) -> Node:
    span, spec = reader.take_source(), reader.take_source()
    if name == "multirow" and spec.strip() == "*":
        reader.skip_option()
    body = reader.read_argument(stops)
    count = int(span) if len(span) < 4 and span.strip().isdecimal() else 1
    key = "columns" if name == "multicolumn" else "rows"
    return Node("cell", spec, [body], {key: max(1, min(count, MAX_COLUMNS))})


def _read_stray_rule(reader: FormulaReader, name: str, stops: Stops) -> None:
    reader.take_source()


def _readers() -> dict[str, CommandReader]:
    """Put the families together; where a name is in two, the earlier one counts."""
    bigs = (size + side for size in BIG_SIZES_EM for side in ("", "l", "r", "m"))
    families: list[tuple[Iterable[str], CommandReader]] = [
        (symbols.IDENTIFIERS, _read_identifier),
        (symbols.OPERATORS, _read_operator),
        ([*symbols.LARGE_OPERATORS, *symbols.INTEGRALS], _read_large_operator),
        ([*symbols.FUNCTIONS, *symbols.LIMIT_FUNCTIONS], _read_function),
        (symbols.DELIMITERS, _read_delimiter),
        (symbols.SPACES_EM, _read_space),
        ("#$%&_", _read_character),
        (("bmod", "mod", "pmod", "pod"), _read_modulus),
        ([*FRACTIONS, *BINOMIALS], _read_fraction),
        (("genfrac",), _read_general_fraction),
        (("sqrt", "root"), _read_root),
        (("left",), _read_left),
        (("middle",), _read_middle),
        (bigs, _read_big),
        ([*symbols.ACCENTS_OVER, *symbols.ACCENTS_UNDER], _read_accent),
        (symbols.EXTENSIBLE_ARROWS, _read_arrow),
        (("overset", "stackrel", "underset"), _read_stack),
        (("sideset",), _read_sideset),
        (("begin",), _read_begin),
        (("substack",), _read_substack),
        (TEXT_COMMANDS, _read_text),
        (("operatorname", "mathop", "DeclareMathOperator"), _read_operator_name),
        (symbols.FONTS, _read_font),
        (("ce", "cee", "pu"), _read_chemistry),
        (("phantom", "hphantom", "vphantom"), _read_phantom),
        (("label", "cite", "ref", "eqref"), _read_reference),
        (IGNORED, _read_nothing),
        (("hspace", "hskip", "kern", "mkern", "mskip", "vspace", "phantomspace"), _read_length),
        (("rule", "raisebox", "resizebox", "scalebox"), _read_box),
        (ENCLOSURES, _read_enclosure),
        (("mathbin", "mathrel", "mathord", "mathopen", "mathclose", "mathpunct", "mathinner", "smash"), _read_inside),
        (("mathllap", "mathrlap", "mathclap", "llap", "rlap", "clap", "ensuremath", "vcenter"), _read_inside),
        (("textcolor",), _read_color),
        (("href", "url", "class", "style", "cssId"), _read_link),
        (("not",), _read_negation),
        (("multicolumn", "multirow"), _read_span),
        (("hline", "cline", "toprule", "midrule", "bottomrule", "hdashline", "noalign", "cmidrule"), _read_stray_rule),
        (("char", *"/-@*)([]"), _read_nothing),
    ]
    readers: dict[str, CommandReader] = {}
    for names, read in families:
        for name in names:
            readers.setdefault(name, read)
    return readers


_READERS = _readers()
