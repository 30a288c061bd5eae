"""Draw the blocks that are pictures: one door to Verovio, RDKit, LaTeX, the Python drawing of TikZ and the charts."""

from dataclasses import dataclass, field
from functools import lru_cache

from got_ocr.rendering import charts, molecules, music, tex, tikz
from got_ocr.rendering.svg import DrawingError, sanitize_svg

GEOMETRY_ROUTES = ("auto", "latex", "python", "source")


@dataclass
class Drawing:
    """What a block became: its pictures (safe SVG), or none, and notes that say what was mended or why there is none."""

    svgs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def draw(kind: str, content: object, prefix: str, geometry: str = "auto") -> Drawing:
    """Draw a block.

    Args:
        kind: music, molecule, inline molecule, geometry or chart.
        content: Its source, or the `Chart`.
        prefix: What the identifiers within the picture begin with; each picture of a page needs its own.
        geometry: How TikZ is drawn: one of `GEOMETRY_ROUTES`.

    Returns:
        The drawing; where it could not be made, without pictures and with the reason.
    """
    try:
        if isinstance(content, charts.Chart):
            return Drawing([charts.draw_chart(content)])
        raw, notes = _raw(kind, str(content), geometry)
        label = {"music": "music", "geometry": "geometry"}.get(kind, str(content)[:200])
        css_class = kind.split()[-1]
        return Drawing([sanitize_svg(svg, f"{prefix}-{index}", css_class, label) for index, svg in enumerate(raw)], notes)
    except DrawingError as error:
        return Drawing([], [str(error)])


@lru_cache(maxsize=256)
def _raw(kind: str, source: str, geometry: str) -> tuple[list[str], list[str]]:
    if kind == "music":
        return music.draw_music(source)
    if kind in ("molecule", "inline molecule"):
        return [molecules.draw_molecule(source, inline=kind != "molecule")], []
    return _draw_geometry(source, geometry)


def _draw_geometry(source: str, geometry: str) -> tuple[list[str], list[str]]:
    if geometry == "source":
        raise DrawingError("shown as source")
    notes: list[str] = []
    if geometry == "latex" or (geometry == "auto" and tex.find_latex()):
        try:
            return [tex.compile_tikz(tikz.mend_tikz(source))], []
        except DrawingError as error:
            if geometry == "latex":
                raise
            notes.append(f"drawn without LaTeX ({error})")
    svg, missing = tikz.draw_tikz(source)
    return [svg], notes + missing
