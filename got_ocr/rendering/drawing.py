"""Draw the blocks that are pictures: one door to Verovio, RDKit, LaTeX, the Python drawing of TikZ and the charts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from got_ocr.rendering import charts, molecules, music, tex, tikz
from got_ocr.rendering.blocks import Block
from got_ocr.rendering.svg import DrawingError, sanitize_svg

MAX_KEPT = 256  # Drawings kept, since a document is often written more than once.
_music: dict[str, Callable[[], tuple[list[str], list[str]]]] = {}
GEOMETRY_ROUTES = ("auto", "latex", "python", "source")


@dataclass
class Drawing:
    """What a block became: its pictures (safe SVG) or none, and notes of what was mended or why there is none."""

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
        return Drawing(
            [sanitize_svg(svg, f"{prefix}-{index}", css_class, label) for index, svg in enumerate(raw)], notes
        )
    except DrawingError as error:
        return Drawing([], [str(error)])


def prepare(blocks: list[Block]) -> None:
    """Draw at once what is cheaper drawn together: the music of all blocks, in one process."""
    found: list[str] = []
    waiting = list(blocks)
    while waiting:
        block = waiting.pop()
        waiting += block.children
        if block.kind == "music" and str(block.content) not in _music:
            found.append(str(block.content))
    if found:
        if len(_music) > MAX_KEPT:
            _music.clear()
        _music.update(music.draw_all_music(found))


@lru_cache(maxsize=MAX_KEPT)
def _raw(kind: str, source: str, geometry: str) -> tuple[list[str], list[str]]:
    if kind == "music":
        return _music[source]() if source in _music else music.draw_music(source)
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
