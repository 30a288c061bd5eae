"""Take an SVG drawing from a library and leave only what draws: no script, no style sheet, no reference outside.

Everything is rebuilt from lists of what is allowed. Identifiers are renamed, so that drawings on one page cannot meet.
"""

# ruff: noqa: SIM905 - lists of words are read more easily as text

import re
import xml.etree.ElementTree as ElementTree
from html import escape


class DrawingError(Exception):
    """A drawing could not be made; the message says why, in one line."""


_ELEMENTS = frozenset(
    "svg g path line polyline polygon circle ellipse rect text tspan title desc defs use symbol clipPath "
    "linearGradient radialGradient stop pattern mask marker".split()
)
_ATTRIBUTES = frozenset(
    "d x y x1 y1 x2 y2 cx cy r rx ry width height points transform viewBox preserveAspectRatio fill fill-opacity "
    "fill-rule stroke stroke-width stroke-linecap stroke-linejoin stroke-dasharray stroke-dashoffset stroke-opacity "
    "stroke-miterlimit opacity font-size font-family font-style font-weight text-anchor dominant-baseline "
    "baseline-shift dx dy rotate textLength lengthAdjust class role aria-label overflow clip-path clip-rule color "
    "display visibility letter-spacing offset stop-color stop-opacity gradientUnits gradientTransform patternUnits "
    "markerWidth markerHeight orient refX refY clipPathUnits".split()
)
_URL_OF_ID = re.compile(r"url\(\s*['\"]?#([\w.:-]{1,80})['\"]?\s*\)")
_UNSAFE_VALUE = re.compile(r"url\(|javascript:|expression\(|@import|<|&#", re.IGNORECASE)
_INHERITED_STYLES = _ATTRIBUTES - {"class", "role", "aria-label", "d", "points", "transform", "width", "height"}


def sanitize_svg(svg: str, prefix: str, css_class: str = "", label: str = "") -> str:
    """Rebuild an SVG from allowed elements and attributes.

    Args:
        svg: What a library drew.
        prefix: Put before each identifier that is kept.
        css_class: Class of the outermost element.
        label: What it shows, for screen readers and search; becomes its title.

    Returns:
        The drawing, safe to stand in a page.

    Raises:
        DrawingError: If it isn't well-formed.
    """
    svg = re.sub(r"<\?xml[^>]*\?>", "", svg, count=1)
    svg = re.sub(r"<!DOCTYPE[^>\[]*>", "", svg, count=1)
    if "<!ENTITY" in svg or "<!DOCTYPE" in svg:
        raise DrawingError("the drawing declares entities")
    try:
        root = ElementTree.fromstring(svg.strip())
    except ElementTree.ParseError as error:
        raise DrawingError(f"the drawing is not well-formed SVG: {error}") from None
    if _local(root.tag) != "svg":
        raise DrawingError("the drawing is not an SVG")
    used = set()
    for element in root.iter():
        for name, value in element.attrib.items():
            if _local(name) == "href" and value.startswith("#"):
                used.add(value[1:])
            used.update(_URL_OF_ID.findall(value))
    names = {name: f"{prefix}-{index}" for index, name in enumerate(sorted(used))}
    root.attrib = {
        key: value for key, value in root.attrib.items() if _local(key) not in ("class", "role", "aria-label")
    }
    if css_class:
        root.set("class", css_class)
    if label:
        root.set("role", "img")
        root.set("aria-label", label)
    written = _write(root, names, outermost=True)
    if label and not written.endswith("/>"):
        opening = written.index(">") + 1
        written = f"{written[:opening]}<title>{escape(label)}</title>{written[opening:]}"
    return written


def _local(name: str) -> str:
    return name.rsplit("}", 1)[-1] if isinstance(name, str) else ""


def _write(element: ElementTree.Element, names: dict[str, str], outermost: bool = False) -> str:
    tag = _local(element.tag)
    if tag not in _ELEMENTS:
        return ""
    attributes = ' xmlns="http://www.w3.org/2000/svg"' if outermost else ""
    for name, value in _attributes(element, names).items():
        attributes += f' {name}="{escape(value, quote=True)}"'
    inside = escape(element.text or "") if tag in ("text", "tspan", "title", "desc") else ""
    for child in element:
        inside += _write(child, names)
        if tag in ("text", "tspan"):
            inside += escape(child.tail or "")
    return f"<{tag}{attributes}>{inside}</{tag}>" if inside else f"<{tag}{attributes}/>"


def _attributes(element: ElementTree.Element, names: dict[str, str]) -> dict[str, str]:
    result: dict[str, str] = {}
    pairs = [(_local(name), value) for name, value in element.attrib.items()]
    for declaration in element.get("style", "").split(";"):  # The page's policy allows no style attributes.
        name, _, value = declaration.partition(":")
        if name.strip() in _INHERITED_STYLES:
            pairs.append((name.strip(), value.strip()))
    for name, value in pairs:
        if name == "id":
            if value in names:
                result["id"] = names[value]
        elif name == "href":
            if value.startswith("#") and value[1:] in names:
                result["href"] = f"#{names[value[1:]]}"
        elif name in _ATTRIBUTES:
            reference = _URL_OF_ID.fullmatch(value.strip())
            if reference:
                result[name] = f"url(#{names[reference[1]]})"
            elif not _UNSAFE_VALUE.search(value):
                result[name] = value
    return result
