"""Handwriting-like pages: 6 to 8 lines, or one, in a pen's colour on blank, ruled or squared paper."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn
from got_ocr.synthesis.text.fonts import FontFace, can_draw, load_font
from got_ocr.synthesis.text.ink import quarter
from got_ocr.synthesis.text.prose import Prose
from got_ocr.synthesis.text.typesetting import Word, join_words, union

PAPERS = ("blank", "ruled", "squared", "dotted", "legal pad")
_PENS = ((16, 22, 92), (25, 50, 140), (12, 12, 16), (40, 40, 46), (84, 84, 90), (140, 20, 28), (16, 84, 52))
_PEN_SHARES = (0.22, 0.2, 0.26, 0.14, 0.09, 0.05, 0.04)
# So many lines are pasted to a page in the published data engine.
_LEAST_LINES, _MOST_LINES = 6, 8
_SINGLE_LINE_SHARE = 0.25
_NEEDED = {
    "en": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,",
    "zh": "的一是了不在，。",
}

Box = tuple[float, float, float, float]
Color = tuple[int, int, int]


@dataclass(frozen=True)
class Hand:
    """How somebody writes; lengths in em.

    Attributes:
        face: the font that the letters come from.
        size_px: em size.
        slant: shift to the right for each px upwards.
        slant_jitter: its standard deviation from word to word.
        size_jitter: of a word's size, as a share.
        space_em: between words.
        space_jitter: its standard deviation, as a share.
        wander_em: how far the baseline leaves its line.
        climb: rise of a line for each px to the right.
        wobble_em: how far letters are pushed about.
        thicken: px that strokes gain.
    """

    face: FontFace
    size_px: float
    slant: float
    slant_jitter: float
    size_jitter: float
    space_em: float
    space_jitter: float
    wander_em: float
    climb: float
    wobble_em: float
    thicken: int


class Handwriting:
    """Pages of 6 to 8 handwritten lines, and single lines; the answer has each line as it is written."""

    def __init__(self, resources: Resources) -> None:
        """Keep what to draw with.

        Args:
            resources: handwriting families, text, language and degradations.

        Raises:
            ValueError: no family has the language's letters.
        """
        self.resources = resources
        needed = _NEEDED[resources.language]
        families = [
            [face for face in faces if all(can_draw(face, character) for character in needed)]
            for faces in resources.handwriting_families.values()
        ]
        self.families = [faces for faces in families if faces]
        if not self.families:
            raise ValueError(
                f"none of the handwriting families {', '.join(resources.handwriting_families)} has the letters of "
                f"{resources.language}: name others (`font_families`)"
            )

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw a page or a line.

        Args:
            rng: the only source of chance.

        Returns:
            A sample with the instruction `OCR: `; `source` has each line's box before degradation.
        """
        faces = self.families[rng.integers(len(self.families))]
        face = faces[rng.integers(len(faces))]
        prose = Prose(rng, self.resources.corpus, self.resources.language, partial(can_draw, face))
        hand = _choose_hand(rng, face)
        count = 1 if rng.random() < _SINGLE_LINE_SHARE else int(rng.integers(_LEAST_LINES, _MOST_LINES + 1))
        words = prose.paragraph(least=60 * count, most=80 * count)
        image, lines, paper = _write_page(rng, hand, words, count)
        image, applied = degrade_share(image, rng, self.resources.degradations)
        answer = "\n".join(text for text, _ in lines)
        source: dict[str, Any] = {
            "paper": paper,
            "faces": [f"{face.family} {face.style}"],
            "lines": [{"text": text, "box": [round(value, 1) for value in box]} for text, box in lines],
            "degradations": applied,
            "redrawn": 0,
        }
        return Sample("handwriting", (image,), (Turn(instruction(Mode("ocr")), answer),), source)


def _choose_hand(rng: np.random.Generator, face: FontFace) -> Hand:
    """Draw a way to write. Sizes make letters of different fonts about as high."""
    box = load_font(face, 100.0).getbbox("anoxeu国", anchor="ls")
    x_height = float(np.clip(-box[1] / 100.0, 0.2, 0.9))
    tidy = rng.random() < 0.35
    factor = 0.35 if tidy else 1.0
    return Hand(
        face=face,
        size_px=quarter(float(rng.uniform(13.0, 26.0)) / x_height),
        slant=float(rng.normal(0.05, 0.09)),
        slant_jitter=factor * float(rng.uniform(0.01, 0.06)),
        size_jitter=factor * float(rng.uniform(0.01, 0.07)),
        space_em=float(rng.uniform(0.3, 0.6)) * x_height / 0.45,
        space_jitter=factor * float(rng.uniform(0.05, 0.3)),
        wander_em=factor * float(rng.uniform(0.01, 0.07)),
        climb=factor * float(rng.normal(0.0, 0.008)),
        wobble_em=factor * float(rng.uniform(0.0, 0.035)),
        thicken=int(rng.random() < 0.25),
    )


def _write_page(
    rng: np.random.Generator, hand: Hand, words: list[Word], count: int
) -> tuple[Image.Image, list[tuple[str, Box]], str]:
    """Write lines on a sheet. Returns: the picture, each line's text and box, and the paper's name."""
    size_px = hand.size_px
    above, below = _reach_px(hand)
    pitch_px = max((above + below) * rng.uniform(1.12, 1.45), size_px)
    room_px = float(rng.uniform(24.0, 46.0) if count > 1 else rng.uniform(10.0, 46.0)) * 0.45 * size_px
    lines = _fill_lines(rng, hand, words, room_px, count)
    side, top = (float(rng.uniform(0.4, 1.0 if count == 1 else 2.5)) * size_px for _ in range(2))
    extra_px = 0.0 if count == 1 else float(rng.uniform(0.0, 0.5)) * count * pitch_px
    width = round(room_px + 2 * side + size_px)
    height = round(top + count * pitch_px + 0.5 * size_px + extra_px + 0.03 * width)
    baselines = [top + above + 0.015 * width + number * pitch_px for number in range(len(lines))]
    image, paper = _draw_paper(rng, width, height, baselines[0] + 0.1 * below, pitch_px)
    color = _PENS[rng.choice(len(_PENS), p=_PEN_SHARES)]
    ink = Image.new("L", (width, height), 0)
    written = []
    for line, baseline in zip(lines, baselines, strict=True):
        indent = size_px * float(np.clip(abs(rng.normal(0.0, 0.25)), 0.0, 0.9))
        boxes = _write_line(rng, ink, hand, line, side + indent, baseline)
        written.append((join_words(line), union(boxes)))
    return _ink_over(rng, image, ink, color), written, paper


def _reach_px(hand: Hand) -> tuple[float, float]:
    """How far letters reach above and below the baseline."""
    box = load_font(hand.face, hand.size_px).getbbox("dfhklgjpqy(国", anchor="ls")
    return -box[1], box[3]


def _fill_lines(
    rng: np.random.Generator, hand: Hand, words: list[Word], room_px: float, count: int
) -> list[list[Word]]:
    """Part words into at most `count` lines; a word that is longer than a line is left out."""
    font = load_font(hand.face, hand.size_px)
    lines: list[list[Word]] = [[]]
    used_px = 0.0
    for word in words:
        word_px = font.getlength(word.text) * (1.0 + hand.size_jitter)
        gap_px = hand.space_em * hand.size_px if word.after_space else 0.0
        if word_px > room_px:
            continue
        if lines[-1] and used_px + gap_px + word_px > room_px * (1.0 if rng.random() < 0.8 else 0.85):
            if len(lines) == count:
                break
            lines.append([])
            used_px = 0.0
        used_px += word_px + (gap_px if lines[-1] else 0.0)
        lines[-1].append(word)
    return lines if lines[0] else [words[:1]]


def _write_line(
    rng: np.random.Generator, ink: Image.Image, hand: Hand, words: list[Word], x_px: float, baseline_px: float
) -> list[Box]:
    """Write words one after the other. Returns: the box of each word's ink."""
    boxes, start_px, wander = [], x_px, 0.0
    for number, word in enumerate(words):
        if number and word.after_space:
            space = hand.space_em * hand.size_px * float(np.clip(rng.normal(1.0, hand.space_jitter), 0.75, 1.8))
            x_px += space
        wander = 0.6 * wander + float(rng.normal(0.0, hand.wander_em)) * hand.size_px
        y_px = baseline_px - hand.climb * (x_px - start_px) + wander
        size_px = quarter(hand.size_px * float(np.clip(rng.normal(1.0, hand.size_jitter), 0.85, 1.15)))
        slant = hand.slant + float(rng.normal(0.0, hand.slant_jitter))
        mask, origin_x, origin_y = _write_word(rng, hand, word.text, size_px, slant)
        inked = mask.getbbox()
        if inked is not None:
            left, top = round(x_px - origin_x), round(y_px - origin_y)
            ink.paste(255, (left, top), mask)
            boxes.append((left + inked[0], top + inked[1], left + inked[2], top + inked[3]))
        x_px += load_font(hand.face, size_px).getlength(word.text)
    return [(float(x1), float(y1), float(x2), float(y2)) for x1, y1, x2, y2 in boxes]


def _write_word(
    rng: np.random.Generator, hand: Hand, text: str, size_px: float, slant: float
) -> tuple[Image.Image, float, float]:
    """Draw a word, slanted and pushed about. Returns: an L mask, and where its origin is on it."""
    font = load_font(hand.face, size_px)
    x1, y1, x2, y2 = font.getbbox(text, anchor="ls", stroke_width=0)
    pad = round(0.12 * size_px + abs(slant) * (y2 - y1)) + 3
    width, height = round(x2 - x1) + 2 * pad, round(y2 - y1) + 2 * pad
    origin_x, origin_y = pad - x1, pad - y1
    mask = Image.new("L", (width, height), 0)
    ImageDraw.Draw(mask).text((round(origin_x), round(origin_y)), text, 255, font=font, anchor="ls")
    if hand.thicken:
        mask = Image.blend(mask, mask.filter(ImageFilter.MaxFilter(3)), 0.35)
    columns = max(1, round(width / size_px))
    push = hand.wobble_em * size_px
    grid = rng.normal(0.0, max(push, 1e-3), (2, columns + 1, 2)).clip(-2.0 * push, 2.0 * push)
    mesh = []
    for column in range(columns):
        left, right = column * width // columns, (column + 1) * width // columns
        quad = []
        for row, at in ((0, column), (1, column), (1, column + 1), (0, column + 1)):
            y, x = (0, height)[row], (left, right)[at - column]
            # A pixel at height y comes from the upright letter, which stands further left above the baseline.
            quad += [x - slant * (origin_y - y) + grid[row, at, 0], y + grid[row, at, 1]]
        mesh.append(((left, 0, right, height), tuple(float(value) for value in quad)))
    return mask.transform(mask.size, Image.Transform.MESH, mesh, Image.Resampling.BICUBIC), origin_x, origin_y


def _ink_over(rng: np.random.Generator, image: Image.Image, ink: Image.Image, color: Color) -> Image.Image:
    """Lay ink on paper: pressed harder here than there."""
    coarse = rng.random((max(2, ink.height // 40), max(2, ink.width // 40)), dtype=np.float32)
    press = np.asarray(Image.fromarray(coarse, "F").resize(ink.size, Image.Resampling.BICUBIC))
    depth = 1.0 - rng.uniform(0.0, 0.35) * np.clip(press, 0.0, 1.0)
    share = (np.asarray(ink, dtype=np.float32) / 255.0 * depth)[..., None]
    paper = np.asarray(image, dtype=np.float32)
    mixed = paper + (np.array(color, dtype=np.float32) - paper) * share
    return Image.fromarray(np.clip(np.rint(mixed), 0, 255).astype(np.uint8), "RGB")


def _draw_paper(
    rng: np.random.Generator, width: int, height: int, first_line_px: float, pitch_px: float
) -> tuple[Image.Image, str]:
    """Draw a sheet whose rules, where it has any, lie under the lines. Returns: RGB, and the paper's name."""
    name = str(rng.choice(PAPERS, p=(0.4, 0.28, 0.12, 0.06, 0.14)))
    grey = int(rng.integers(236, 256))
    sheet: Color = (grey, grey, grey)
    if name == "legal pad":
        sheet = (int(rng.integers(244, 256)), int(rng.integers(236, 250)), int(rng.integers(165, 205)))
    elif rng.random() < 0.35:
        red, green, blue = (int(value) for value in rng.integers(225, 256, 3))
        sheet = (red, green, blue)
    image = Image.new("RGB", (width, height), sheet)
    draw = ImageDraw.Draw(image)
    share = float(rng.uniform(0.25, 0.6))
    tint = ((110, 140, 200), (150, 150, 150), (120, 170, 180))[rng.integers(3)]
    pale = tuple(round(paper + (rule - paper) * share) for paper, rule in zip(sheet, tint, strict=True))
    thick = 1 + int(rng.random() < 0.3)
    offset = first_line_px % pitch_px
    if name in ("ruled", "legal pad"):
        for y in np.arange(offset, height, pitch_px):
            draw.line((0, round(y), width, round(y)), fill=pale, width=thick)
        if rng.random() < 0.5:
            margin = round(width * rng.uniform(0.02, 0.06))
            draw.line((margin, 0, margin, height), fill=(226, 150, 150), width=thick)
    elif name in ("squared", "dotted"):
        cell = pitch_px / int(rng.integers(1, 4))
        for y in np.arange(offset % cell, height, cell):
            for x in np.arange(0.0, width, cell) if name == "dotted" else (0.0,):
                end = x + 1 if name == "dotted" else width
                draw.line((round(x), round(y), round(end), round(y)), fill=pale, width=thick)
        for x in np.arange(cell / 2, width, cell) if name == "squared" else ():
            draw.line((round(x), 0, round(x), height), fill=pale, width=thick)
    return image, name
