"""The tiers that the built-in checkpoint is measured on, and how picture n of a tier is drawn.

Every picture is a function of the tier's name and its number: any process can draw it, at any time. Seeds are disjoint
from training's; paragraphs and words are those that training never draws; fonts that training never sees are the
`held_out_families` of its configuration.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from got_ocr.nano.formatted import draw_formatted
from got_ocr.nano.materials import Materials, truth_file
from got_ocr.nano.pictures import (
    Question,
    blank_paper,
    clean_colours,
    describe_face,
    non_text,
    print_block,
)
from got_ocr.nano.regions import draw_region
from got_ocr.synthesis.degradation.degradations import degrade
from got_ocr.synthesis.pages.drawing import PageDrawing, draw_page
from got_ocr.synthesis.text.block import set_block
from got_ocr.synthesis.text.corpus import TextSource
from got_ocr.synthesis.text.fonts import FontFace
from got_ocr.synthesis.text.text_image import TextImageSource

EVALUATION_SEED = 1_000_003
# Name -> names for `degrade`: one degradation a picture, so that errors can be told by it.
DEGRADED = {
    "scan noise": ("scan-noise",),
    "skew to 3 degrees": ("skew",),
    "blur": ("blur",),
    "JPEG": ("compression",),
    "uneven light": ("uneven-light",),
    "fax": ("fax",),
    "low resolution": ("low-resolution",),
    "bleed-through": ("bleed-through",),
    "paper texture": ("paper-texture",),
    "shadow": ("shadow",),
    "pale ink": ("ink-fade",),
    "skew, noise and JPEG": ("skew", "scan-noise", "compression"),
}
COLOURED_PAPER, LIGHT_ON_DARK = "coloured paper", "light on dark"
PAGE_DPI = (100.0, 200.0)
REGION_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Tier:
    """A kind of picture to measure on.

    Attributes:
        key: short name, for files and the command line.
        name: for tables.
        draw: makes picture n from the materials, a generator of its own, and n.
        measure: `errors` (character error rate), `markdown` (the same of format mode's answer, and how much of the
            structure is right), `regions` (share within 5 %), `documents` (share with all pages in order) or `silence`
            (characters where there is no text).
        count: pictures by default.
        page_segmentation: what fits for Tesseract: 3 a page, 6 a block, 7 a line.
        mark: what was set out to reach.
        floor: what must be reached.
        sliced: whether to read as `chat` does, or to show the whole picture to the model at once.
    """

    key: str
    name: str
    draw: Callable[[Materials, np.random.Generator, int], Question]
    measure: str = "errors"
    count: int = 500
    page_segmentation: int = 6
    mark: str = ""
    floor: str = ""
    sliced: bool = True

    def question(self, materials: Materials, number: int) -> Question:
        """Draw a picture.

        Args:
            materials: fonts and text.
            number: which, from 0.

        Returns:
            The same picture for the same number, fonts and text.
        """
        rng = np.random.default_rng((EVALUATION_SEED, zlib.crc32(self.key.encode()), number))
        return self.draw(materials, rng, number)


@dataclass(frozen=True)
class Print:
    """How to print blocks of text.

    Attributes:
        rows: fewest and most lines.
        size_px: smallest and largest em size.
        width_em: smallest and largest width of the picture in em.
        unseen: whether to draw in fonts that training never sees.
        prose: share of running prose.
        dictionary: share of single dictionary words, a fifth of them with accents; the rest is digits and symbols.
        degraded: whether to degrade the pictures.
        canvas: print on a square of 192 px, the model's own, instead of a sheet that fits.
    """

    rows: tuple[int, int]
    size_px: tuple[float, float] = (16.0, 32.0)
    width_em: tuple[float, float] = (15.0, 30.0)
    unseen: bool = False
    prose: float = 1.0
    dictionary: float = 0.0
    degraded: bool = False
    canvas: bool = False


def draw_face(rng: np.random.Generator, families: Mapping[str, Sequence[FontFace]], number: int) -> FontFace:
    """Choose a face: the families in turn, so that each is as frequent, a style by chance.

    Args:
        rng: decides the style.
        families: family to its faces.
        number: the picture's.

    Returns:
        The face.
    """
    faces = list(families.values())[number % len(families)]
    weights = np.array([face.weight for face in faces])
    return faces[rng.choice(len(faces), p=weights / weights.sum())]


def draw_print(printing: Print, materials: Materials, rng: np.random.Generator, number: int) -> Question:
    """Draw a block of text.

    Args:
        printing: how.
        materials: fonts and text.
        rng: decides everything but the family.
        number: the picture's.

    Returns:
        The question, of one page.
    """
    resources = materials.unseen if printing.unseen else materials.known
    face = draw_face(rng, resources.text_families, number)
    size_px = round(4.0 * rng.uniform(*printing.size_px)) / 4.0
    rows = int(rng.integers(printing.rows[0], printing.rows[1] + 1))
    words = TextSource(resources.corpus, printing.prose, printing.dictionary).words(rng)
    width, height = round(size_px * rng.uniform(*printing.width_em)), round(size_px * (1.6 * rows + 1.5))
    if printing.canvas:
        width = height = 192
    block = set_block(rng, words, face, size_px, height, width, rows)
    facts = describe_face(face, size_px) | {"rows": block.text.count("\n") + 1}
    if not printing.degraded:
        picture = print_block(rng, block, (width, height), *clean_colours(rng))
        return Question((picture,), (block.text,), facts)
    kinds = [*DEGRADED, COLOURED_PAPER, LIGHT_ON_DARK]
    kind = kinds[rng.integers(len(kinds))]
    paper, ink = _colours(rng, kind)
    picture = print_block(rng, block, (width, height), paper, ink)
    if kind in DEGRADED:
        picture, applied = degrade(picture, rng, DEGRADED[kind], strength=float(rng.uniform(0.5, 1.0)))
        facts["applied"] = applied
    return Question((picture,), (block.text,), facts | {"degradation": kind})


def _colours(rng: np.random.Generator, kind: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Paper and ink of a degraded print."""
    if kind == COLOURED_PAPER:
        paper, ink = rng.integers(170, 256, 3), rng.integers(0, 90, 3)
    elif kind == LIGHT_ON_DARK:
        paper, ink = rng.integers(0, 90, 3), rng.integers(200, 256, 3)
    else:
        return clean_colours(rng)
    return tuple(paper.tolist()), tuple(ink.tolist())


def draw_augmented_lines(materials: Materials, rng: np.random.Generator, number: int) -> Question:
    """Draw lines as training does, at full augmentation, for comparison with earlier measurements."""
    face = draw_face(rng, materials.known.text_families, number)
    size_px = round(4.0 * rng.uniform(18.0, 28.0)) / 4.0
    text = TextSource(materials.known.corpus, 0.8, 0.2)
    source = TextImageSource(
        {face.family: [face]}, text, (size_px, size_px), augmentation_strength=1.0, empty_share=0.0
    )
    drawn = source.sample([int(value) for value in rng.integers(0, 2**31, 4)], 120, 480, int(rng.integers(1, 4)))
    picture = Image.fromarray(drawn.pixels).convert("RGB")
    return Question((picture,), (drawn.text,), describe_face(face, size_px))


def _draw_page(materials: Materials, rng: np.random.Generator, **options: Any) -> tuple[PageDrawing, dict[str, Any]]:
    dpi = float(rng.uniform(*PAGE_DPI))
    page = draw_page(rng, materials.known, dpi=dpi, **options)
    facts = {
        "dpi": round(dpi),
        "size": list(page.image.size),
        "size_px": round(page.body_px, 1),
        "layout": page.layout,
        "lines": sum(len(block.lines) for block in page.blocks),
        "kinds": sorted({block.kind for block in page.blocks}),
        "faces": list(page.faces),
    }
    return page, facts


def draw_whole_page(materials: Materials, rng: np.random.Generator, number: int) -> Question:
    """Draw a page of one or two columns at 100 to 200 dpi."""
    page, facts = _draw_page(materials, rng)
    return Question((page.image,), (page.text,), facts)


def draw_box(materials: Materials, rng: np.random.Generator, number: int) -> Question:
    """Draw a page, and ask for what a box encloses."""
    page, facts = _draw_page(materials, rng)
    region = draw_region(rng, page)
    return Question((page.image,), (region.text,), facts | region.facts, box=region.box)


def draw_colour(materials: Materials, rng: np.random.Generator, number: int) -> Question:
    """Draw a page with a coloured frame, and ask for what it encloses."""
    page, facts = _draw_page(materials, rng)
    region = draw_region(rng, page, color=REGION_COLOURS[number % len(REGION_COLOURS)])
    facts |= {**region.facts, "color": region.color}
    return Question((region.image,), (region.text,), facts, box=region.box, color=region.color)


def draw_document(materials: Materials, rng: np.random.Generator, number: int) -> Question:
    """Draw a document of 2 to 8 pages, each with up to 350 characters."""
    drawn = [_draw_page(materials, rng, max_characters=350) for _ in range(2 + number % 7)]
    facts = {"pages": len(drawn), "drawn": [facts for _, facts in drawn]}
    return Question(tuple(page.image for page, _ in drawn), tuple(page.text for page, _ in drawn), facts)


def draw_scan(materials: Materials, rng: np.random.Generator, number: int) -> Question:
    """Take a real scanned line."""
    path = materials.scans[number]
    text = truth_file(path).read_text(encoding="utf-8").strip()
    with Image.open(path) as picture:
        return Question((picture.convert("RGB"),), (text,), {"file": path.name})


def draw_blank(materials: Materials, rng: np.random.Generator, number: int) -> Question:
    """Draw degraded paper without text."""
    picture, facts = blank_paper(rng)
    return Question((picture,), ("",), facts)


def draw_non_text(materials: Materials, rng: np.random.Generator, number: int) -> Question:
    """Draw a picture of something else than text."""
    picture, facts = non_text(rng)
    return Question((picture,), ("",), facts)


_LINES = Print((1, 3))
_PARAGRAPH = Print((5, 10), width_em=(20.0, 40.0))

# Those of the model card first, then what else tells something.
TIERS = (
    Tier("lines", "clean lines, known fonts, 16 to 32 px", partial(draw_print, _LINES), mark="< 0.5 %", floor="< 2 %"),
    Tier("paragraphs", "clean paragraphs, known fonts", partial(draw_print, _PARAGRAPH), mark="< 1 %", floor="< 3 %"),
    Tier(
        "paragraphs-unseen",
        "clean paragraphs, unseen fonts",
        partial(draw_print, Print((5, 10), width_em=(20.0, 40.0), unseen=True)),
        mark="< 2 %",
        floor="< 5 %",
    ),
    Tier(
        "paragraphs-degraded",
        "degraded paragraphs",
        partial(draw_print, Print((5, 10), width_em=(20.0, 40.0), degraded=True)),
        mark="< 4 %",
        floor="< 10 %",
    ),
    Tier(
        "pages",
        "whole pages at 100 to 200 dpi",
        draw_whole_page,
        page_segmentation=3,
        mark="< 2 %",
        floor="< 6 %",
    ),
    Tier("uw3", "real scanned lines", draw_scan, page_segmentation=7, mark="< 1 %", floor="< 8 %"),
    Tier("box", "box on a page", draw_box, "regions", mark="> 95 %", floor="> 80 %"),
    Tier("colour", "coloured frame on a page", draw_colour, "regions", mark="> 95 %", floor="> 80 %"),
    Tier(
        "multi-page",
        "documents of 2 to 8 pages",
        draw_document,
        "documents",
        page_segmentation=3,
        mark="> 98 %",
        floor="> 90 %",
    ),
    Tier("blank", "degraded paper without text", draw_blank, "silence", page_segmentation=3),
    Tier("non-text", "pictures of other things than text", draw_non_text, "silence", page_segmentation=3),
    Tier("format", "format mode: headings, lists, simple formulas and tables", draw_formatted, "markdown", count=200),
    Tier("lines-unseen", "clean lines, unseen fonts", partial(draw_print, Print((1, 3), unseen=True))),
    Tier("lines-sizes", "clean lines, known fonts, 10 to 48 px", partial(draw_print, Print((1, 3), (10.0, 48.0)))),
    # The key is also the seed of the pictures: another word for it would draw others.
    Tier("lines-worn", "lines of the trainer's own renderer at full augmentation", draw_augmented_lines),
    Tier(
        "words",
        "clean lines of dictionary words, a fifth with accents",
        partial(draw_print, Print((1, 3), prose=0.0, dictionary=1.0)),
        count=200,
    ),
    Tier("symbols", "clean lines of digits and symbols", partial(draw_print, Print((1, 3), prose=0.0)), count=200),
    Tier(
        "canvas",
        "1 or 2 clean lines on the model's own canvas, not sliced",
        partial(draw_print, Print((1, 2), (18.0, 26.0), canvas=True)),
        count=200,
        sliced=False,
    ),
)


def find_tiers(keys: Sequence[str]) -> list[Tier]:
    """Find tiers by their keys.

    Args:
        keys: such as `lines`.

    Returns:
        The tiers, in the order of the table.

    Raises:
        ValueError: there is no such tier.
    """
    unknown = sorted(set(keys) - {tier.key for tier in TIERS})
    if unknown:
        raise ValueError(f"there is no tier {', '.join(unknown)}: choose of {', '.join(tier.key for tier in TIERS)}")
    return [tier for tier in TIERS if tier.key in keys]
