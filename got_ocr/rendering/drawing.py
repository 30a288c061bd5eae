"""Draw the blocks that are pictures: one door to Verovio, RDKit, LaTeX, the Python drawing of TikZ and the charts."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from got_ocr.rendering import charts, molecules, music, tex, tikz
from got_ocr.rendering.blocks import Block
from got_ocr.rendering.svg import DrawingError, sanitize_svg

GEOMETRY_ROUTES = ("auto", "latex", "python", "source")
MAX_KEPT = 256  # Drawings kept, since a document is often written more than once.
MAX_DRAWINGS_PER_PAGE = 200
MAX_GEOMETRY_PER_PAGE = 40  # Pictures of TikZ.
MAX_MOLECULE_WORK_PER_PAGE = 1.3e8  # Cubes of their lengths, as RDKit's layout goes: about half a second.
TEX_PAGE_S = 60.0  # LaTeX's time for all pictures of a page; one has `tex.TIMEOUT_S`.


@dataclass
class Drawing:
    """What a block became: its pictures (safe SVG) or none, and notes of what was fixed or why there is none."""

    svgs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class PageBudget:
    """What the drawings of a page may still cost; what is beyond is shown as source.

    Attributes:
        drawings: Pictures of any kind.
        geometry: Pictures of TikZ.
        molecule_work: Sum of the cubed lengths of SMILES.
        tex_s: Seconds of LaTeX.
    """

    drawings: int = MAX_DRAWINGS_PER_PAGE
    geometry: int = MAX_GEOMETRY_PER_PAGE
    molecule_work: float = MAX_MOLECULE_WORK_PER_PAGE
    tex_s: float = TEX_PAGE_S

    def take(self, kind: str, size: int) -> None:
        """Count a picture.

        Args:
            kind: Its kind, as `draw` takes it.
            size: Characters of its source.

        Raises:
            DrawingError: If the page has had its share.
        """
        self.drawings -= 1
        self.geometry -= kind == "geometry"
        if kind.endswith("molecule"):
            self.molecule_work -= float(min(size, molecules.MAX_CHARACTERS)) ** 3
        if self.drawings < 0 or self.geometry < 0 or self.molecule_work < 0:
            raise DrawingError("the page has more pictures than are drawn: shown as source")


def draw(kind: str, content: object, prefix: str, geometry: str = "auto", budget: PageBudget | None = None) -> Drawing:
    """Draw a block.

    Args:
        kind: music, molecule, inline molecule, geometry or chart.
        content: Its source, or the `Chart`.
        prefix: What the identifiers within the picture begin with; each picture of a page needs its own.
        geometry: How TikZ is drawn: one of `GEOMETRY_ROUTES`.
        budget: What the page's drawings may still cost; None is a page of its own.

    Returns:
        The drawing; where it could not be made, without pictures and with the reason.
    """
    budget = budget or PageBudget()
    try:
        budget.take(kind, 0 if isinstance(content, charts.Chart) else len(str(content)))
        if isinstance(content, charts.Chart):
            return Drawing([charts.draw_chart(content)])
        if kind == "geometry" and _uses_latex(geometry):
            raw, notes = _raw_by_latex(str(content), geometry, budget)
        else:
            raw, notes = _raw(kind, str(content), geometry)
        label = {"music": "music", "geometry": "geometry"}.get(kind, str(content)[:200])
        css_class = kind.split()[-1]
        return Drawing(
            [sanitize_svg(svg, f"{prefix}-{index}", css_class, label) for index, svg in enumerate(raw)], list(notes)
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
    """Draw without LaTeX: SVG as the library made it, and notes."""
    if kind == "music":
        return _music[source]() if source in _music else music.draw_music(source)
    if kind in ("molecule", "inline molecule"):
        return [molecules.draw_molecule(source, inline=kind != "molecule")], []
    if geometry == "source":
        raise DrawingError("shown as source")
    svg, missing = tikz.draw_tikz(source)
    return [svg], missing


def _uses_latex(geometry: str) -> bool:
    return geometry == "latex" or (geometry == "auto" and tex.find_latex() is not None)


def _raw_by_latex(source: str, geometry: str, budget: PageBudget) -> tuple[list[str], list[str]]:
    """Draw TikZ by LaTeX, or by Python where the route is left open and LaTeX can't."""
    compiled = _compiled.get(source)
    if compiled is None:
        compiled = _compiled[source] = _compile(source, budget)
        if len(_compiled) > MAX_KEPT:
            _compiled.popitem(last=False)
    svg, refusal = compiled
    if svg:
        return [svg], []
    if geometry == "latex":
        raise DrawingError(refusal)
    svgs, missing = _raw("geometry", source, "python")
    return svgs, [f"drawn without LaTeX ({refusal})", *missing]


def _compile(source: str, budget: PageBudget) -> tuple[str, str]:
    """Run LaTeX within the page's budget.

    Returns:
        The SVG and "", or "" and why there is none: a picture that fails costs its time once.

    Raises:
        DrawingError: If the page's time is spent.
    """
    if budget.tex_s <= 0:
        raise DrawingError(f"LaTeX has drawn for {TEX_PAGE_S:.0f} s on this page: shown as source")
    start = time.monotonic()
    try:
        return tex.compile_tikz(tikz.fix_tikz(source), min(tex.TIMEOUT_S, budget.tex_s)), ""
    except DrawingError as error:
        return "", str(error)
    finally:
        budget.tex_s -= time.monotonic() - start


_music: dict[str, Callable[[], tuple[list[str], list[str]]]] = {}
_compiled: OrderedDict[str, tuple[str, str]] = OrderedDict()
