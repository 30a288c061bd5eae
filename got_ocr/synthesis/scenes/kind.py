"""Text as it is met outside: signs, posters and labels on walls, wood and streets, seen at an angle."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.pages.style import luminance
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn
from got_ocr.synthesis.scenes.backgrounds import draw_background
from got_ocr.synthesis.scenes.warp import Corners, homography, move_points, project, rectangle, shift_columns
from got_ocr.synthesis.text.fonts import FontFace, load_font
from got_ocr.synthesis.text.ink import quarter
from got_ocr.synthesis.text.prose import Prose
from got_ocr.synthesis.text.typesetting import choose_typeface, join_words

# What a camera does; the other degradations are of paper.
PHOTO_DEGRADATIONS = ("shadow", "uneven-light", "blur", "low-resolution", "scan-noise", "compression")
_SMALLEST_PX, _MOST_SIGNS, _PLACES_A_SIGN, _SCENES = 20.0, 6, 6, 30
# Of luminance, 0 to 255: people read less contrast than this, but not with ease.
_LEAST_CONTRAST = 75.0
# A background that varies by more (one standard deviation) hides plain text: it gets a plate or an outline.
_BUSY = 24.0
_GAP_PX = 8

Color = tuple[int, int, int]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Sign:
    """Lines of one face before they are hung.

    Attributes:
        lines: what they read, from the top down.
        face: what they are set in.
        size_px: em size.
        ink: L mask of the letters.
        outline: L mask of the letters with a margin.
        boxes: of each line's ink, in px of the masks.
        bend_px: how far the middle hangs above the ends (0 for straight lines).
    """

    lines: tuple[str, ...]
    face: FontFace
    size_px: float
    ink: Image.Image
    outline: Image.Image
    boxes: tuple[Box, ...]
    bend_px: float


@dataclass(frozen=True)
class _Hung:
    """A sign in the scene: its corners, and the box around it, in px of the picture."""

    sign: _Sign
    corners: Corners
    box: tuple[int, int, int, int]


class SceneText:
    """Signs with one to three lines each; the answer reads sign by sign, from the top, then from the left."""

    def __init__(self, resources: Resources) -> None:
        """Keep what to draw with.

        Args:
            resources: fonts, text, language; of the degradations those of `PHOTO_DEGRADATIONS` are used.
        """
        self.resources = resources
        self.degradations = tuple(name for name in resources.degradations if name in PHOTO_DEGRADATIONS)

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw a scene.

        Args:
            rng: the only source of chance.

        Returns:
            A sample with the instruction `OCR: `.
        """
        for redrawn in range(_SCENES):
            width = int(rng.integers(420, 1100))
            height = int(np.clip(width * rng.uniform(0.4, 1.4), 260, 1100))
            hung = self._hang(rng, width, height)
            if not hung:
                continue
            pixels, background = draw_background(rng, height, width)
            for item in hung:
                _paint(rng, pixels, item)
            image = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), "RGB")
            image, applied = degrade_share(image, rng, self.degradations, share=0.8)
            ordered = _reading_order(hung)
            answer = "\n".join(line for item in ordered for line in item.sign.lines)
            source: dict[str, Any] = {
                "background": background,
                "lines": [
                    {**facts, "sign": number} for number, item in enumerate(ordered) for facts in _line_facts(item)
                ],
                "faces": sorted({f"{item.sign.face.family} {item.sign.face.style}" for item in hung}),
                "degradations": applied,
                "redrawn": redrawn,
            }
            return Sample("scene", (image,), (Turn(instruction(Mode("ocr")), answer),), source)
        raise ValueError(f"no sign found room in {_SCENES} scenes: name fonts of ordinary width (`font_families`)")

    def _hang(self, rng: np.random.Generator, width: int, height: int) -> list[_Hung]:
        """Place signs that don't touch and whose order is plain."""
        hung: list[_Hung] = []
        for _ in range(min(_MOST_SIGNS, int(rng.geometric(0.35)))):
            sign = self._sign(rng, width)
            for _ in range(_PLACES_A_SIGN):
                placed = _place(rng, sign, width, height)
                if placed and all(_are_apart(placed.box, other.box) for other in hung):
                    hung.append(placed)
                    break
        return hung

    def _sign(self, rng: np.random.Generator, width: int) -> _Sign:
        typeface = choose_typeface(rng, self.resources.text_families)
        prose = Prose(rng, self.resources.corpus, self.resources.language, typeface.can_draw)
        face = typeface.face(bold=bool(rng.random() < 0.5), italic=bool(rng.random() < 0.12))
        lines = [self._line(rng, prose) for _ in range(int(rng.choice((1, 2, 3), p=(0.6, 0.25, 0.15))))]
        size_px = float(np.exp(rng.uniform(np.log(_SMALLEST_PX + 2), np.log(max(40.0, 0.16 * width)))))
        widest = max(load_font(face, 100.0).getlength(line) / 100.0 for line in lines)
        size_px = quarter(max(_SMALLEST_PX, min(size_px, 0.85 * width / widest)))
        bend = float(rng.uniform(-0.14, 0.14)) if len(lines) == 1 and rng.random() < 0.2 else 0.0
        return _set_sign(rng, tuple(lines), face, size_px, bend)

    def _line(self, rng: np.random.Generator, prose: Prose) -> str:
        kind = rng.random()
        words = prose.phrase(1, 4, capital=False) if kind < 0.65 else prose.name()[:1] if kind < 0.85 else []
        text = join_words([replace(word, after_space=True) if word.text.isascii() else word for word in words])
        if not text:
            text = join_words(prose.plain(prose.data())) or join_words(prose.phrase(1, 1))
        style = rng.random()
        upper = text.upper()
        if style < 0.4 and len(upper) == len(text) and prose.plain(upper) and join_words(prose.plain(upper)) == upper:
            return upper
        return text.title() if style < 0.6 and text.isascii() and "'" not in text else text


def _set_sign(rng: np.random.Generator, lines: tuple[str, ...], face: FontFace, size_px: float, bend: float) -> _Sign:
    """Draw a sign's masks."""
    font, stroke = load_font(face, size_px), max(1, round(size_px * rng.uniform(0.03, 0.09)))
    ink_boxes = [font.getbbox(line, anchor="ls") for line in lines]
    pad = round(0.35 * size_px) + stroke
    width = round(max(box[2] - box[0] for box in ink_boxes)) + 2 * pad
    bend_px = bend * width
    room = pad + abs(bend_px)
    gap, align = size_px * rng.uniform(0.15, 0.5), rng.choice((0.0, 0.5, 1.0), p=(0.25, 0.65, 0.1))
    height = round(sum(box[3] - box[1] for box in ink_boxes) + gap * (len(lines) - 1) + 2 * room)
    ink, outline = Image.new("L", (width, height), 0), Image.new("L", (width, height), 0)
    draw_ink, draw_outline = ImageDraw.Draw(ink), ImageDraw.Draw(outline)
    y, boxes = room, []
    for line, (x1, y1, x2, y2) in zip(lines, ink_boxes, strict=True):
        x = round(pad + align * (width - 2 * pad - (x2 - x1)) - x1)
        baseline = round(y - y1)
        draw_ink.text((x, baseline), line, 255, font=font, anchor="ls")
        draw_outline.text((x, baseline), line, 255, font=font, anchor="ls", stroke_width=stroke)
        boxes.append((float(x + x1), float(baseline + y1), float(x + x2), float(baseline + y2)))
        y += y2 - y1 + gap
    if bend_px:
        along = np.linspace(-1.0, 1.0, width)
        ink, outline = (shift_columns(mask, bend_px * (2.0 * along**2 - 1.0)) for mask in (ink, outline))
    return _Sign(lines, face, size_px, ink, outline, tuple(boxes), bend_px)


def _place(rng: np.random.Generator, sign: _Sign, width: int, height: int) -> _Hung | None:
    """Tilt a sign and find it a place. Returns: None where it is too large for the scene."""
    corners = rectangle(*sign.ink.size) - np.array(sign.ink.size) / 2.0
    angle = np.deg2rad(np.clip(rng.normal(0.0, 6.0), -20.0, 20.0) if rng.random() < 0.7 else 0.0)
    if rng.random() < 0.7:
        depth = rng.uniform(0.0, 0.22) * min(sign.ink.size[0], 3 * sign.ink.size[1])
        corners += rng.uniform(-0.5, 0.5, (4, 2)) * np.array((depth, depth * 0.6))
    turn = np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
    corners = corners @ turn.T
    low, high = corners.min(axis=0), corners.max(axis=0)
    room = np.array((width, height)) - (high - low) - 4.0
    if room.min() <= 0.0:
        return None
    corners += 2.0 - low + rng.random(2) * room
    x1, y1 = np.floor(corners.min(axis=0)).astype(int).tolist()
    x2, y2 = np.ceil(corners.max(axis=0)).astype(int).tolist()
    return _Hung(sign, corners, (x1, y1, x2, y2))


def _are_apart(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    """Whether signs don't touch, and stand either below each other or clearly in one row."""
    beside = one[2] + _GAP_PX < other[0] or other[2] + _GAP_PX < one[0]
    shared = min(one[3], other[3]) - max(one[1], other[1])
    least = min(one[3] - one[1], other[3] - other[1])
    return shared < -_GAP_PX or (beside and shared > 0.6 * least)


def _reading_order(hung: list[_Hung]) -> list[_Hung]:
    """What is above comes first; of signs side by side, what is on the left."""

    def precedes(one: _Hung, other: _Hung) -> bool:
        side_by_side = one.box[1] < other.box[3] and other.box[1] < one.box[3]
        return one.box[0] < other.box[0] if side_by_side else one.box[1] < other.box[1]

    rest, ordered = sorted(hung, key=lambda item: item.box[1]), []
    while rest:
        free = [item for item in rest if not any(precedes(other, item) for other in rest if other is not item)]
        chosen = (free or rest)[0]
        ordered.append(chosen)
        rest = [item for item in rest if item is not chosen]
    return ordered


def _paint(rng: np.random.Generator, pixels: np.ndarray, item: _Hung) -> None:
    """Paint a sign on (H, W, 3) pixels, in place, in colours that stand out."""
    x1, y1, x2, y2 = item.box
    size = (x2 - x1, y2 - y1)
    corners = item.corners - np.array((x1, y1))
    ground = pixels[y1:y2, x1:x2]
    light = ground @ np.array((0.299, 0.587, 0.114), dtype=np.float32)
    mean, spread = float(light.mean()), float(light.std())
    busy = spread > _BUSY
    style = rng.random()
    has_plate = style < (0.55 if busy else 0.25)
    has_outline = not has_plate and (busy or style > 0.85)
    shading = 1.0 + (light - mean)[..., None] / 255.0 * rng.uniform(0.0, 0.5)
    if has_plate:
        plate = _choose_color(rng, None)
        mean, shape = luminance(plate), Image.new("L", item.sign.ink.size, 0)
        edge = (1, 1, shape.width - 2, shape.height - 2)
        ImageDraw.Draw(shape).rounded_rectangle(edge, radius=shape.height * rng.uniform(0.0, 0.3), fill=255)
        _lay(ground, project(shape, corners, size), plate, rng.uniform(0.88, 1.0), shading)
    color = _choose_color(rng, mean, 50.0 if has_plate or has_outline else min(1.2 * spread, 30.0))
    if has_outline:
        _lay(
            ground, project(item.sign.outline, corners, size), _choose_color(rng, luminance(color), 50.0), 1.0, shading
        )
    elif rng.random() < 0.25:
        drop = corners + item.sign.size_px * rng.uniform(0.03, 0.08, 2)
        shadow = (0, 0, 0) if luminance(color) > mean else (255, 255, 255)
        _lay(ground, project(item.sign.ink, drop, size), shadow, rng.uniform(0.2, 0.5), shading)
    _lay(ground, project(item.sign.ink, corners, size), color, rng.uniform(0.9, 1.0), shading)


def _lay(ground: np.ndarray, mask: Image.Image, color: Color, opacity: float, shading: np.ndarray) -> None:
    """Cover (h, w, 3) pixels with a colour where a mask says so, in place; the ground's light stays on it."""
    share = np.asarray(mask, dtype=np.float32)[..., None] / 255.0 * np.float32(opacity)
    ground += (np.array(color, dtype=np.float32) * shading.astype(np.float32) - ground) * share


def _choose_color(rng: np.random.Generator, against: float | None, extra: float = 0.0) -> Color:
    """Draw a colour whose luminance is far enough from another's; black or white where no colour is."""
    for _ in range(20):
        values = rng.integers(0, 256, 3)
        if rng.random() < 0.35:
            values[:] = rng.choice((0, 20, 235, 255))
        color = (int(values[0]), int(values[1]), int(values[2]))
        if against is None or abs(luminance(color) - against) >= _LEAST_CONTRAST + extra:
            return color
    return (0, 0, 0) if against is not None and against > 127 else (255, 255, 255)


def _line_facts(item: _Hung) -> list[dict[str, Any]]:
    """Each line of a sign with the box around its ink in the picture, before degradation."""
    matrix, bend = homography(rectangle(*item.sign.ink.size), item.corners), abs(item.sign.bend_px)
    facts = []
    for text, (x1, y1, x2, y2) in zip(item.sign.lines, item.sign.boxes, strict=True):
        y1, y2 = y1 - bend, y2 + bend
        points = move_points(matrix, [(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
        box = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
        facts.append({"text": text, "box": [round(value, 1) for value in box]})
    return facts
