"""Pictures to measure the built-in checkpoint on: print on a sheet, empty paper, and things that are no text.

Not the trainer's renderer: what is measured here shall not look like the training by construction.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from got_ocr.synthesis.degradation.degradations import degrade
from got_ocr.synthesis.text.block import Block
from got_ocr.synthesis.text.fonts import FontFace, load_font
from got_ocr.synthesis.text.ink import draw_words

# Degradations of an empty sheet.
BLANK_DEGRADATIONS = ("paper-texture", "shadow", "uneven-light", "scan-noise", "compression")
_REDUCING = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


@dataclass(frozen=True)
class Question:
    """What is shown to a reader, and what it should answer.

    Attributes:
        pages: RGB pictures; several for a document.
        texts: the truth of each page, or of the region alone.
        facts: JSON-ready: how it was drawn (`family`, `style`, `size_px`, `degradation`, ...), to sort errors by.
        box: (x1, y1, x2, y2) in px: read only this.
        color: read only what a frame of this colour encloses; `box` then is the frame's inside, for readers that know
            no colours.
    """

    pages: tuple[Image.Image, ...]
    texts: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    box: tuple[int, int, int, int] | None = None
    color: str = ""


def describe_face(face: FontFace, size_px: float) -> dict[str, Any]:
    """Say what a text is set in.

    Args:
        face: the font's.
        size_px: the em size.

    Returns:
        `family`, `style` (regular, bold, italic or bold italic), `mono` and `size_px`.
    """
    name = face.style.lower()
    bold, italic = "bold" in name, "italic" in name or "oblique" in name
    font = load_font(face, 24.0)
    return {
        "family": face.family,
        "style": ("bold italic" if italic else "bold") if bold else "italic" if italic else "regular",
        "mono": font.getlength("i") == font.getlength("M"),
        "size_px": size_px,
    }


def print_block(
    rng: np.random.Generator, block: Block, size: tuple[int, int], paper: Sequence[int], ink: Sequence[int]
) -> Image.Image:
    """Print a block of text: three of ten at the picture's size as screens show it, the others larger and reduced.

    Args:
        rng: decides the scale and how it is reduced.
        block: text in its place.
        size: (width, height) of the picture in px.
        paper: RGB.
        ink: RGB.

    Returns:
        RGB picture.
    """
    scale = 1.0 if rng.random() < 0.3 else float(rng.uniform(1.5, 4.0))
    mask = Image.new("L", (round(size[0] * scale), round(size[1] * scale)), 0)
    draw_words(mask, block.words, scale)
    if scale != 1.0:
        mask = mask.resize(size, _REDUCING[rng.integers(len(_REDUCING))])
    picture = Image.new("RGB", size, tuple(paper))
    picture.paste(Image.new("RGB", size, tuple(ink)), mask=mask)
    return picture


def clean_colours(rng: np.random.Generator) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Draw paper and ink of a clean print: half of them black on white, the others dark grey on nearly white."""
    if rng.random() < 0.5:
        return (255, 255, 255), (0, 0, 0)
    paper, ink = int(rng.integers(235, 256)), int(rng.integers(0, 60))
    return (paper, paper, paper), (ink, ink, ink)


def blank_paper(rng: np.random.Generator) -> tuple[Image.Image, dict[str, Any]]:
    """Draw a sheet without any text: one to three of the data engine's degradations, and dust or folds.

    Args:
        rng: decides everything.

    Returns:
        RGB picture, and which degradations it has under `degradation`.
    """
    width, height = int(rng.integers(200, 1000)), int(rng.integers(150, 1200))
    paper = int(rng.integers(225, 256))
    picture = Image.new("RGB", (width, height), (paper, paper, paper))
    names = []
    draw = ImageDraw.Draw(picture)
    if rng.random() < 0.3:
        for _ in range(rng.integers(1, 60)):
            x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.3, 1.8)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), (int(rng.integers(0, 140)),) * 3)
        names.append("dust")
    if rng.random() < 0.25:
        at = float(rng.uniform(0.1, 0.9))
        ends = (0, at * height, width, (at + rng.uniform(-0.02, 0.02)) * height)
        draw.line(ends, (paper - int(rng.integers(8, 60)),) * 3, int(rng.integers(1, 4)))
        names.append("fold")
    if rng.random() < 0.2:
        draw.rectangle((0, 0, rng.uniform(0.005, 0.04) * width, height), (int(rng.integers(0, 90)),) * 3)
        names.append("scanner's edge")
    degradations = rng.permutation(BLANK_DEGRADATIONS)[: rng.integers(1, 4)].tolist()
    picture = degrade(picture, rng, degradations, float(rng.uniform(0.2, 1.0)))[0]
    return picture, {"degradation": " + ".join(names + degradations)}


def non_text(rng: np.random.Generator) -> tuple[Image.Image, dict[str, Any]]:
    """Draw a picture that has things to see, but no text.

    Args:
        rng: decides everything.

    Returns:
        RGB picture, and what it shows under `content`.
    """
    makers = {
        "clouds": _clouds,
        "shapes": _shapes,
        "lines": _lines,
        "texture": _texture,
        "halftone": _halftone,
        "scene": _scene,
    }
    content = str(rng.choice(list(makers)))
    width, height = int(rng.integers(200, 900)), int(rng.integers(200, 900))
    picture = makers[content](rng, height, width)
    if rng.random() < 0.5:
        picture = _jpeg(rng, picture)
    return picture.convert("RGB"), {"content": content}


def _jpeg(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=int(rng.integers(35, 92)))
    return Image.open(buffer).copy()


def _smooth_noise(rng: np.random.Generator, height: int, width: int, grain_px: float) -> np.ndarray:
    """Noise of mean 0 and deviation 1 whose spots are about so large. Returns: (height, width) float32."""
    rows, columns = max(2, round(height / grain_px)), max(2, round(width / grain_px))
    coarse = Image.fromarray(rng.normal(0.0, 1.0, (rows, columns)).astype(np.float32))
    noise = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    scaled: np.ndarray = (noise - noise.mean()) / max(float(noise.std()), 1e-6)
    return scaled


def _clouds(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Noise of all scales in three channels, as foliage, clouds or stone have it."""
    power = rng.uniform(0.5, 1.2)
    channels = []
    common = rng.uniform(0.3, 1.0)
    octaves = [(grain, _smooth_noise(rng, height, width, grain)) for grain in (128.0, 64.0, 32.0, 16.0, 8.0, 4.0)]
    for _ in range(3):
        own = _smooth_noise(rng, height, width, 64.0)
        layers = sum(noise * grain**power for grain, noise in octaves) / sum(grain**power for grain, _ in octaves)
        channels.append(rng.uniform(80, 180) + 90 * (common * layers + (1 - common) * own))
    return Image.fromarray(np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8))


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 256, 3))
    return red, green, blue


def _shapes(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    picture = Image.new("RGB", (width, height), _colour(rng))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(2, 14)):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        radius = rng.uniform(0.03, 0.35) * min(width, height)
        kind = rng.integers(3)
        if kind == 0:
            draw.ellipse((x - radius, y - radius * 0.7, x + radius, y + radius * 0.7), _colour(rng))
        elif kind == 1:
            draw.rectangle((x - radius, y - radius * 0.6, x + radius, y + radius * 0.6), _colour(rng))
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
            draw.polygon([(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles], _colour(rng))
    return picture


def _lines(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Rules, a grid or strokes on light paper: forms, graph paper, plans."""
    picture = Image.new("RGB", (width, height), "white")
    draw, ink = ImageDraw.Draw(picture), int(rng.integers(0, 160))
    kind = rng.integers(3)
    step = float(rng.uniform(8, 60))
    if kind < 2:
        for y in np.arange(step, height, step):
            draw.line((0, y, width, y), (ink,) * 3, int(rng.integers(1, 3)))
    if kind == 1:
        for x in np.arange(step, width, step):
            draw.line((x, 0, x, height), (ink,) * 3)
    if kind == 2:
        for _ in range(rng.integers(3, 30)):
            ends = rng.uniform(0, 1, 4) * np.array([width, height, width, height])
            draw.line(tuple(ends.tolist()), (ink,) * 3, int(rng.integers(1, 5)))
    return picture


def _texture(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Waves, weave or bricks."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(5, 60)
    wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period)
    if rng.random() < 0.5:
        wave = wave * np.sin(2 * np.pi * (y * np.cos(angle) - x * np.sin(angle)) / (period * rng.uniform(0.5, 2.0)))
    if rng.random() < 0.3:
        wave = np.sign(wave)
    level = rng.uniform(90, 180) + rng.uniform(20, 90) * wave + 6 * _smooth_noise(rng, height, width, 3.0)
    tint = rng.uniform(0.7, 1.1, 3)
    return Image.fromarray(np.clip(level[..., None] * tint, 0, 255).astype(np.uint8))


def _halftone(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """A grey picture printed as dots, as newspapers have them."""
    grey = np.clip(0.5 + 0.25 * _smooth_noise(rng, height, width, 80.0), 0.0, 1.0)
    y, x = np.mgrid[0:height, 0:width]
    step = float(rng.uniform(3.0, 9.0))
    screen = 0.5 + 0.25 * (np.cos(2 * np.pi * (x + y) / step / 1.41) + np.cos(2 * np.pi * (x - y) / step / 1.41))
    return Image.fromarray(np.where(screen > grey, 0, 255).astype(np.uint8))


def _scene(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Soft shaded bodies before a graded ground with the noise of a camera."""
    ground, sky = np.array(_colour(rng), float), np.array(_colour(rng), float)
    share = np.linspace(0, 1, height)[:, None, None]
    picture = Image.fromarray(np.broadcast_to(ground * share + sky * (1 - share), (height, width, 3)).astype(np.uint8))
    shapes = _shapes(rng, height, width).filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 3.0))))
    mask = Image.fromarray(((_smooth_noise(rng, height, width, 120.0) > 0.3) * 255).astype(np.uint8))
    picture.paste(shapes, mask=mask.filter(ImageFilter.GaussianBlur(3)))
    pixels = np.asarray(picture, dtype=np.float32) * (1 + 0.15 * _smooth_noise(rng, height, width, 150.0))[..., None]
    pixels = pixels + rng.normal(0.0, rng.uniform(1.0, 8.0), pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
