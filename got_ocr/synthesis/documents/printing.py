"""How a line of a document comes to its pixels: screen, laser, thermal or matrix printer, typewriter, fax, scanner.

A line is drawn at the size that it has in the picture (small print at 8 px, a 300 dpi scan at 42 px), by the process
that put it there; what is shown to the model later is scaled from these pixels, blur and all.

H, W: height and width of a line's strip in px. Ink is (H, W) float32, 0 for paper to 1 for full ink.
"""

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from got_ocr.synthesis.documents.lines import LEVEL, LOWERED, RAISED
from got_ocr.synthesis.text.fonts import FontFace, load_font

_SCRIPT_MARKS = re.compile(f"([{RAISED}{LOWERED}{LEVEL}])")
SCRIPT_SCALE = 0.66  # Size of superscripts and subscripts to the line's.
RAISE_EM, LOWER_EM = 0.36, 0.14
ABOVE_EM, BELOW_EM = 0.95, 0.32  # Of a strip, over and under the baseline.
_MATRIX_ROWS_EM = (9.5, 14.0)  # Dots that an em of a matrix printer has; nine needles make capitals of seven.


@dataclass(frozen=True)
class PrintStyle:
    """How the lines of one document are printed and taken.

    Attributes:
        process: of `PROCESSES`.
        em_px: em size in the picture.
        dots_em: em size at which ink is put down, in px; `em_px` where letters are drawn into the picture itself.
        tracking_em: added between letters.
        stretch: width of letters over the face's own.
        damage: 0 for none to 1.
    """

    process: str
    em_px: float
    dots_em: float
    tracking_em: float
    stretch: float
    damage: float


# Share of each process and the em sizes that its pictures have, in px: (most usual low, high), (lowest, highest).
PROCESSES: Mapping[str, tuple[float, tuple[float, float], tuple[float, float]]] = {
    "screen": (0.17, (7.5, 12.0), (7.0, 22.0)),
    "render": (0.31, (6.8, 9.5), (6.5, 34.0)),
    "bilevel": (0.13, (36.0, 46.0), (14.0, 60.0)),
    "scan": (0.11, (14.0, 30.0), (10.0, 42.0)),
    "thermal": (0.18, (16.0, 30.0), (13.0, 44.0)),
    "matrix": (0.09, (20.0, 34.0), (14.0, 50.0)),
    "typewriter": (0.04, (20.0, 40.0), (14.0, 44.0)),
    "fax": (0.02, (24.0, 40.0), (16.0, 44.0)),
}
# How often letters are narrower or wider than their face has them, how often of these narrower, from what width on.
_STRETCHES: Mapping[str, tuple[float, float, float]] = {
    "thermal": (0.75, 0.85, 0.58), "matrix": (0.5, 0.85, 0.6),
    "render": (0.4, 0.85, 0.76), "screen": (0.3, 0.85, 0.76),
}  # fmt: skip
_SNAPPED_SHARE = 0.45  # Of small renderings, those whose x-height is a whole number of pixels: hinted in height alone.
_SNAPPED_BELOW_PX = 14.0
# The kind of face that a process prefers.
MONOSPACED = frozenset({"thermal", "matrix", "typewriter"})


def draw_style(rng: np.random.Generator) -> PrintStyle:
    """Draw how a document is printed.

    Args:
        rng: decides.

    Returns:
        The style.
    """
    names = list(PROCESSES)
    shares = np.array([PROCESSES[name][0] for name in names])
    process = names[int(rng.choice(len(names), p=shares / shares.sum()))]
    _, usual, widest = PROCESSES[process]
    em_px = float(rng.uniform(*(usual if rng.random() < 0.6 else widest)))
    if process == "screen":
        em_px = dots_em = float(round(em_px)) if rng.random() < 0.7 else round(4 * em_px) / 4
    elif process == "matrix":
        dots_em = float(rng.uniform(*_MATRIX_ROWS_EM))
    elif process == "thermal":
        dots_em = float(rng.uniform(17.0, 32.0))
    elif process == "fax":
        dots_em = float(rng.uniform(20.0, 36.0))
    else:
        dots_em = em_px * (4.0 if em_px < 16 else 3.0 if em_px < 26 else 2.0)
    if process != "screen":
        dots_em = float(max(8, round(dots_em)))  # whole px, so that opened fonts can be kept
    tracking = 0.0
    if rng.random() < 0.16:
        tracking = float(rng.uniform(0.02, 0.25) if rng.random() < 0.6 else rng.uniform(-0.05, 0.0))
    stretch = 1.0
    often, narrower, least = _STRETCHES.get(process, (0.22, 0.7, 0.72))
    if rng.random() < often:
        stretch = float(rng.uniform(least, 1.0) if rng.random() < narrower else rng.uniform(1.0, 1.3))
    damage = 0.85 * float(rng.beta(1.1, 2.2))
    return PrintStyle(process, em_px, dots_em, tracking, stretch, damage)


@dataclass(frozen=True)
class SetRow:
    """A row of characters with their places, in em of the row from its left end.

    Attributes:
        text: what it reads, spaces included.
        stops: (len(text), 2) float64, left and right edge of each character in em.
        runs: what is drawn: (text, left edge in em, size to the row's, height over the baseline in em).
    """

    text: str
    stops: np.ndarray
    runs: tuple[tuple[str, float, float, float], ...]

    @property
    def width_em(self) -> float:
        """Right end."""
        return float(self.stops[-1, 1]) if len(self.stops) else 0.0


def word_width_em(face: FontFace, word: str, style: PrintStyle) -> float:
    """Measure a word with its marks.

    Args:
        face: the face.
        word: see lines.py.
        style: of the row.

    Returns:
        Its advance in em.
    """
    stops = [stops for _, _, _, stops in _runs(face, word, style)]
    return sum(float(one[-1]) for one in stops)


def set_words(face: FontFace, words: Sequence[tuple[float, str]], style: PrintStyle) -> SetRow:
    """Set words on a row.

    Args:
        face: what to set them in.
        words: the white before each in em (of the first one none), and the word with its marks.
        style: of the row.

    Returns:
        The row.
    """
    text: list[str] = []
    stops: list[tuple[float, float]] = []
    runs: list[tuple[str, float, float, float]] = []
    x = 0.0
    for number, (gap, word) in enumerate(words):
        if number:
            stops.append((x, x + gap))
            text.append(" ")
            x += gap
        for run, size, rise, edges in _runs(face, word, style):
            runs.append((run, x, size, rise))
            stops += zip((x + edges[:-1]).tolist(), (x + edges[1:]).tolist(), strict=True)
            text.append(run)
            x += float(edges[-1])
    return SetRow("".join(text), np.asarray(stops, dtype=np.float64).reshape(-1, 2), tuple(runs))


def _runs(face: FontFace, word: str, style: PrintStyle) -> list[tuple[str, float, float, np.ndarray]]:
    """Part a word into what is drawn at once.

    Returns:
        Of each run its text, its size to the row's, its height over the baseline in em, and its (n + 1,) edges in em.
    """
    runs: list[tuple[str, float, float, np.ndarray]] = []
    size, rise = 1.0, 0.0
    for part in _SCRIPT_MARKS.split(word):
        if part in (RAISED, LOWERED, LEVEL):
            size = 1.0 if part == LEVEL else SCRIPT_SCALE
            rise = {RAISED: RAISE_EM, LOWERED: -LOWER_EM, LEVEL: 0.0}[part]
            continue
        # Letters that have air between them or that dance are struck one by one.
        single = style.tracking_em != 0.0 or style.process == "typewriter"
        for run in list(part) if single else [part] if part else []:
            edges = _edges_em(face, run, run_size_px(style.dots_em, size), style.dots_em) * style.stretch
            edges[-1] += style.tracking_em * style.stretch
            runs.append((run, size, rise, edges))
    return runs


def run_size_px(dots_em: float, size: float) -> float:
    """Em size that a run is drawn at. Args: dots_em: the row's. size: the run's to it. Returns: quarters of a px."""
    return max(4.0, round(dots_em * size * 4) / 4)


@lru_cache(maxsize=65536)
def _advance_px(face: FontFace, size_px: float, text: str) -> float:
    return load_font(face, size_px).getlength(text)


def _edges_em(face: FontFace, text: str, size_px: float, em_px: float) -> np.ndarray:
    """Where each character begins and the last one ends, measured at the size that is drawn: hinting rounds widths."""
    edges = np.cumsum([0.0] + [_advance_px(face, size_px, character) for character in text])
    length = _advance_px(face, size_px, text)  # with kerning
    scaled: np.ndarray = edges * (length / edges[-1] if edges[-1] else 1.0) / em_px
    return scaled


def print_row(rng: np.random.Generator, row: SetRow, face: FontFace, style: PrintStyle) -> np.ndarray:
    """Print a row and take its picture.

    Args:
        rng: decides what happens to the ink.
        row: what is printed.
        face: what it is set in.
        style: how it is printed.

    Returns:
        (H, W) float32 ink, `ABOVE_EM` over and `BELOW_EM` under the baseline, from `pad_em(style)` before the row's
        left end to as much behind its right one.
    """
    height = max(4, round((ABOVE_EM + BELOW_EM) * style.em_px))
    width = max(4, round((row.width_em + 2 * pad_em(style)) * style.em_px))
    if style.process == "screen":
        return _screen(rng, _draw(rng, row, face, style, style.em_px, (width, height), bool(rng.random() < 0.15)), row)
    factor = style.dots_em / style.em_px
    size = max(4, round(width * factor)), max(4, round(height * factor))
    if style.process == "matrix":
        dense = rng.random() < 0.6
        scale = 2 if dense else 1
        ink = _draw(rng, row, face, style, scale * style.dots_em, (scale * size[0], scale * size[1]), True)
        printed = _matrix(rng, ink, style, dense)
    else:
        ink = _draw(rng, row, face, style, style.dots_em, size, style.process == "thermal" and rng.random() < 0.6)
        printed = {
            "render": _render, "bilevel": _laser, "scan": _laser, "thermal": _thermal, "typewriter": _typewriter,
            "fax": _fax,
        }[style.process](rng, ink, style)  # fmt: skip
    if style.process == "render" and style.em_px < _SNAPPED_BELOW_PX and rng.random() < _SNAPPED_SHARE:
        printed = _snap_x_height(printed, _x_height_em(face), style)
    return _take(rng, printed, (width, height), style)


def pad_em(style: PrintStyle) -> float:
    """White at both ends of a strip. Args: style: of the row. Returns: in em."""
    return max(2.0 / style.em_px, 0.06)


def _draw(
    rng: np.random.Generator,
    row: SetRow,
    face: FontFace,
    style: PrintStyle,
    em_px: float,
    size: tuple[int, int],
    bilevel: bool,
) -> np.ndarray:
    """Draw letters on a strip of `size` (W, H). Returns: ink."""
    unstretched = max(4, round(size[0] / style.stretch)) if style.stretch != 1.0 else size[0]
    canvas = Image.new("L", (unstretched, size[1]), 0)
    draw = ImageDraw.Draw(canvas)
    draw.fontmode = "1" if bilevel else "L"
    scale_x = unstretched / (row.width_em + 2 * pad_em(style))
    baseline = ABOVE_EM * em_px
    jitter = em_px * 0.035 * style.damage if style.process == "typewriter" else 0.0
    for text, x, run_scale, rise in row.runs:
        font = load_font(face, run_size_px(em_px, run_scale))
        position, fill = ((x + pad_em(style)) * scale_x, baseline - rise * em_px), 255
        if jitter:
            fill = int(255 * (1.0 - 0.5 * style.damage * rng.random() ** 2))
            position = position[0] + rng.normal(0.0, 0.6 * jitter), position[1] + rng.normal(0.0, jitter)
        draw.text(position, text, fill, font=font, anchor="ls")
    if unstretched != size[0]:
        canvas = canvas.resize(size, Image.Resampling.BILINEAR if not bilevel else Image.Resampling.BICUBIC)
    return np.asarray(canvas, dtype=np.float32) / 255.0


def _blur(ink: np.ndarray, radius: float) -> np.ndarray:
    if radius < 0.05:
        return ink
    image = Image.fromarray((np.clip(ink, 0, 1) * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) / 255.0


def _field(rng: np.random.Generator, shape: tuple[int, int], cell_px: float) -> np.ndarray:
    """A smooth random field of unit spread. Returns: (H, W) float32."""
    rows, columns = (max(2, round(side / max(cell_px, 1.0)) + 1) for side in shape)
    coarse = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32), "F")
    return np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def _screen(rng: np.random.Generator, ink: np.ndarray, row: SetRow) -> np.ndarray:
    """Now and then subpixel smoothing, turned to grey."""
    if rng.random() < 0.2:
        padded = np.pad(ink, ((0, 0), (1, 1)))
        ink = 0.25 * padded[:, :-2] + 0.5 * padded[:, 1:-1] + 0.25 * padded[:, 2:]
    if rng.random() < 0.25:
        ink = ink ** float(rng.uniform(0.6, 1.6))
    return _codec(rng, ink, 0.3)


def _render(rng: np.random.Generator, ink: np.ndarray, style: PrintStyle) -> np.ndarray:
    return ink


@lru_cache(maxsize=4096)
def _x_height_em(face: FontFace) -> float:
    box = load_font(face, 200.0).getbbox("x", anchor="ls")
    return float(box[3] - box[1]) / 200.0


def _snap_x_height(ink: np.ndarray, x_height_em: float, style: PrintStyle) -> np.ndarray:
    """Stretch letters upwards from a baseline at a pixel's edge, so that their x-height is whole pixels.

    Returns:
        Ink as high as `ink` was.
    """
    height = ink.shape[0]
    baseline = ABOVE_EM * style.dots_em
    dots_px = height / max(4, round((ABOVE_EM + BELOW_EM) * style.em_px))  # of a pixel of the picture
    wanted = max(3.0, round(x_height_em * style.em_px + 0.15)) * dots_px
    scale = float(np.clip(wanted / max(1.0, x_height_em * style.dots_em), 0.8, 1.3))
    shift = round(baseline / dots_px) * dots_px
    margin = math.ceil(0.5 * height)
    image = Image.fromarray((np.clip(np.pad(ink, ((margin, margin), (0, 0))), 0, 1) * 255).astype(np.uint8))
    top = margin + baseline - shift / scale
    box = (0.0, top, float(image.width), top + height / scale)
    return np.asarray(image.resize((image.width, height), Image.Resampling.BOX, box=box), dtype=np.float32) / 255.0


def _laser(rng: np.random.Generator, ink: np.ndarray, style: PrintStyle) -> np.ndarray:
    """Toner spreads or is thin, edges are ragged, strokes break, letters grow together."""
    em, damage = style.dots_em, style.damage
    ink = _blur(ink, em * (0.012 + 0.02 * damage * rng.random()))
    level = 0.5 + float(rng.normal(0.0, 0.10 + 0.14 * damage))  # high: thin strokes that break; low: fat ones
    spread = 0.12 * damage * rng.random() * _field(rng, ink.shape, em * 0.12)
    if rng.random() < 0.4 * damage:
        spread = spread + 0.15 * _field(rng, ink.shape, em * float(rng.uniform(0.5, 2.0)))
    sharp: np.ndarray = np.clip((ink + spread - np.clip(level, 0.27, 0.73)) * 6.0 + 0.5, 0.0, 1.0)
    return sharp.astype(np.float32)


def _thermal(rng: np.random.Generator, ink: np.ndarray, style: PrintStyle) -> np.ndarray:
    """A head of few dots: square corners, dots that are missing, bands that are paler, ink that fades away."""
    damage = style.damage
    if rng.random() < 0.5:
        ink = (ink > float(rng.uniform(0.3, 0.6))).astype(np.float32)
    ink = ink.copy()
    if rng.random() < 0.5 * damage:  # a weak dot of the head, or a feed that slipped
        for _ in range(int(rng.integers(1, 4))):
            if rng.random() < 0.5:
                ink[:, int(rng.integers(ink.shape[1]))] *= float(rng.uniform(0.0, 0.5))
            else:
                ink[int(rng.integers(ink.shape[0]))] *= float(rng.uniform(0.0, 0.6))
    ink = _without_rows(rng, ink, style)
    if rng.random() < 0.7 * damage:  # a slow head: strokes across the paper's way are thin or lost
        reach = max(1, round(style.dots_em * float(rng.uniform(0.02, 0.06))))
        padded = np.pad(ink, ((reach, reach), (0, 0)), mode="edge")
        least = np.minimum(padded[: -2 * reach], padded[2 * reach :])
        ink = np.minimum(ink, least + (ink - least) * float(rng.uniform(0.0, 0.7)))
    if rng.random() < 0.6 * damage:  # the upper or the lower part of the letters is pale
        rows = np.linspace(0.0, 1.0, ink.shape[0], dtype=np.float32)[:, None]
        slope = rows if rng.random() < 0.5 else 1.0 - rows
        ink *= 1.0 - float(rng.uniform(0.2, 0.8)) * slope
    if rng.random() < 0.7 * damage:
        ink *= np.clip(1.0 - 0.35 * damage * (0.8 + _field(rng, ink.shape, style.dots_em * 1.5)), 0.15, 1.0)
    if rng.random() < 0.5 * damage:
        ink *= np.where(rng.random(ink.shape) < 0.15 * damage, rng.uniform(0.0, 0.6), 1.0)
    ink = _blur(ink, float(rng.uniform(0.25, 0.9)))
    return np.clip(ink * float(rng.uniform(1.0, 1.5)), 0.0, 1.0).astype(np.float32)


def _without_rows(rng: np.random.Generator, ink: np.ndarray, style: PrintStyle) -> np.ndarray:
    """Dots of a head that have failed side by side: the same rows of every letter are pale or missing."""
    if rng.random() >= 0.04 + 0.3 * style.damage:
        return ink
    ink = ink.copy()
    for _ in range(1 if rng.random() < 0.6 else 2):
        count = max(1, round(style.dots_em * float(rng.uniform(0.04, 0.12))))
        top = round(style.dots_em * float(rng.uniform(ABOVE_EM - 0.8, ABOVE_EM)))  # from the capitals' tops down
        ink[top : top + count] *= float(rng.uniform(0.0, 0.4))
    return ink


def _matrix(rng: np.random.Generator, ink: np.ndarray, style: PrintStyle, dense: bool) -> np.ndarray:
    """Needles: every pixel of a coarse letter becomes a round dot, a worn ribbon leaves some pale.

    Args:
        rng: decides.
        ink: (H, W), a pixel for each dot; (2 * H, 2 * W) if `dense`.
        style: of the row.
        dense: along the line needles strike at half their distance, so that dots overlap.

    Returns:
        (H * pitch, W * pitch) float32 ink.
    """
    if dense:
        pairs = ink[: ink.shape[0] // 2 * 2].reshape(-1, 2, ink.shape[1])
        ink = pairs.max(1) if rng.random() < 0.6 else pairs[:, 1]
    strength = np.clip(1.0 - style.damage * rng.random(ink.shape) * 0.8, 0.1, 1.0) * (ink > 0.45)
    strength = _without_rows(rng, strength, style)
    pitch = max(3, round(style.em_px * 1.3 / style.dots_em))
    if dense:
        pitch += pitch % 2
    reach = (np.arange(pitch) + 0.5) / pitch - 0.5
    radius = float(rng.uniform(0.36, 0.62))
    dot = np.clip((radius - np.hypot(reach[:, None], reach[None, :])) * pitch + 0.5, 0.0, 1.0)
    if not dense:
        return np.kron(strength, dot).astype(np.float32)
    struck, between = np.kron(strength[:, ::2], dot), np.kron(strength[:, 1::2], dot)
    width = between.shape[1]
    struck[:, pitch // 2 : width] = np.maximum(struck[:, pitch // 2 : width], between[:, : width - pitch // 2])
    return struck.astype(np.float32)


def _typewriter(rng: np.random.Generator, ink: np.ndarray, style: PrintStyle) -> np.ndarray:
    """Type through a ribbon: fat, ragged, unevenly inked."""
    em, damage = style.dots_em, style.damage
    ink = _blur(ink, em * (0.02 + 0.02 * damage))
    gain = float(rng.uniform(1.0, 2.2))
    cloth = 1.0 - 0.4 * damage * np.abs(_field(rng, ink.shape, em * 0.06))
    inked: np.ndarray = np.clip((ink * gain) * cloth, 0.0, 1.0)
    return inked.astype(np.float32)


def _fax(rng: np.random.Generator, ink: np.ndarray, style: PrintStyle) -> np.ndarray:
    """Black and white, half as many rows as columns."""
    ink = _blur(ink, 0.4)
    level = float(rng.uniform(0.3, 0.62))
    noise = rng.standard_normal(ink.shape, dtype=np.float32) * np.float32(0.18 * style.damage)
    if rng.random() < 0.7:
        rows = ink.shape[0] // 2 * 2
        half = ink[:rows].reshape(rows // 2, 2, -1).mean(1) + noise[: rows // 2]
        ink = np.repeat(half > level, 2, axis=0)
    else:
        ink = ink + noise > level
    return ink.astype(np.float32)


def _take(rng: np.random.Generator, printed: np.ndarray, size: tuple[int, int], style: PrintStyle) -> np.ndarray:
    """Scan, photograph or render what was printed at the picture's size (W, H)."""
    image = Image.fromarray((np.clip(printed, 0, 1) * 255).astype(np.uint8))
    if image.size != size:
        shrinking = image.width > size[0]
        methods = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
        choice = (
            methods[int(rng.integers(0 if shrinking else 1, 4))]
            if style.process != "render"
            else (Image.Resampling.BOX if rng.random() < 0.7 else methods[int(rng.integers(1, 4))])
        )
        image = image.resize(size, choice)
    if style.process not in ("render", "bilevel") and rng.random() < 0.7:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 0.4 + 0.025 * style.em_px))))
    ink = np.asarray(image, dtype=np.float32) / 255.0
    if rng.random() < 0.15 and style.process != "render":
        ink = _turned(rng, ink)
    if style.process == "bilevel" or (
        style.process in ("scan", "typewriter", "thermal", "matrix") and rng.random() < 0.2
    ):
        level = float(np.clip(rng.normal(0.5, 0.06 + 0.1 * style.damage), 0.25, 0.75))
        grain = rng.standard_normal(ink.shape, dtype=np.float32) * np.float32(0.12 * style.damage * rng.random())
        ink = (ink + grain > level).astype(np.float32)
        if style.em_px < 24 and rng.random() < 0.3:
            ink = _blur(ink, float(rng.uniform(0.3, 0.6)))
        return ink
    if style.process == "render":
        return _codec(rng, ink, 0.2)
    ink = ink + rng.standard_normal(ink.shape, dtype=np.float32) * np.float32(rng.uniform(0.0, 0.05))
    return _codec(rng, np.clip(ink, 0.0, 1.0), 0.6)


def _turned(rng: np.random.Generator, ink: np.ndarray) -> np.ndarray:
    """A trace of skew that nobody took out."""
    image = Image.fromarray((ink * 255).astype(np.uint8))
    angle = float(np.clip(rng.normal(0.0, 0.6), -1.5, 1.5))
    return np.asarray(image.rotate(angle, Image.Resampling.BICUBIC), dtype=np.float32) / 255.0


def _codec(rng: np.random.Generator, ink: np.ndarray, share: float) -> np.ndarray:
    """Saved as a JPEG file, now and then."""
    if rng.random() >= share:
        return ink
    buffer = io.BytesIO()
    picture = Image.fromarray(((1.0 - ink) * 255).astype(np.uint8))
    picture.save(buffer, "JPEG", quality=int(rng.integers(40, 95)))
    return 1.0 - np.asarray(Image.open(buffer), dtype=np.float32) / 255.0
