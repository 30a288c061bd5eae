"""Ink that is not text: specks, scribbles, rules, screens and torn edges, so that a model learns to say nothing.

H, W: height and width in px.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw


def draw_clutter(rng: np.random.Generator, height_px: int, width_px: int) -> np.ndarray:
    """Draw one or two kinds of clutter, over all of a picture or in a band as high as a line of text.

    Args:
        rng: the only source of chance.
        height_px: H.
        width_px: W.

    Returns:
        (H, W) uint8, 255 where the ink is full.
    """
    ink = np.zeros((height_px, width_px), dtype=np.uint8)
    for _ in range(1 if rng.random() < 0.7 else 2):
        kind = _KINDS[rng.integers(len(_KINDS))]
        ink = np.maximum(ink, kind(rng, height_px, width_px))
    if rng.random() < 0.5:
        top = int(rng.integers(0, max(1, height_px - 16)))
        bottom = min(height_px, top + int(rng.integers(10, 36)))
        left = int(rng.integers(0, min(16, width_px - 4)))
        right = width_px if rng.random() < 0.5 else int(rng.integers(left + 4, width_px + 1))
        band = np.zeros_like(ink)
        band[top:bottom, left:right] = ink[top:bottom, left:right]
        ink = band
    return ink


def _blank(height: int, width: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("L", (width, height), 0)
    return image, ImageDraw.Draw(image)


def _specks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Dust: dots of 1 to 6 px."""
    image, draw = _blank(height, width)
    for _ in range(int(rng.integers(1, 40))):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.4, 3.0)
        stretch = rng.uniform(0.6, 1.6)
        draw.ellipse((x - radius, y - radius * stretch, x + radius, y + radius * stretch), int(rng.integers(120, 256)))
    return np.asarray(image)


def _blots(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """What a threshold leaves of stone, leaves, cloth or shadow: smooth noise, cut hard or softly."""
    grain = float(rng.uniform(2.0, 16.0))
    stretch = float(rng.uniform(0.4, 2.5))
    rows, columns = max(2, round(height / grain)), max(2, round(width / grain / stretch))
    coarse = Image.fromarray(rng.random((rows, columns), dtype=np.float32), "F")
    field = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    level, softness = np.quantile(field, rng.uniform(0.3, 0.95)), rng.uniform(0.01, 0.2)
    mask: np.ndarray = (255.0 * np.clip((field - level) / softness + 0.5, 0.0, 1.0)).astype(np.uint8)
    return mask


def _scribbles(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Strokes and their crossings, without the turns of letters."""
    image, draw = _blank(height, width)
    for _ in range(int(rng.integers(1, 14))):
        points = rng.uniform(-0.1, 1.1, (int(rng.integers(2, 5)), 2)) * (width, height)
        draw.line([(float(x), float(y)) for x, y in points], int(rng.integers(130, 256)), int(rng.integers(1, 6)))
    return np.asarray(image)


def _rules(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Rules, staves, grids and hatching."""
    image, draw = _blank(height, width)
    step, tilt = float(rng.uniform(3.0, 40.0)), float(rng.normal(0.0, 0.02))
    ink, thickness = int(rng.integers(130, 256)), int(rng.integers(1, 4))
    kind = rng.integers(3)  # level, upright, both
    if kind != 1:
        for y in np.arange(rng.uniform(0, step), height, step):
            draw.line((0, y, width, y + tilt * width), ink, thickness)
    if kind != 0:
        slant = 0.0 if rng.random() < 0.6 else float(rng.uniform(-1.5, 1.5)) * height
        for x in np.arange(rng.uniform(0, step), width, step):
            draw.line((x, 0, x + slant, height), ink, thickness)
    return np.asarray(image)


def _screen(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Dots of a printed photograph, weave, or waves."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    angle, period = rng.uniform(0, np.pi), rng.uniform(3.0, 30.0)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    waves = np.cos(2 * np.pi * along / period)
    if rng.random() < 0.7:
        waves = 0.5 * (waves + np.cos(2 * np.pi * across / (period * rng.uniform(0.7, 1.5))))
    first, last = rng.uniform(-0.6, 0.9, 2).tolist()
    level = np.linspace(first, last, width)
    mask: np.ndarray = (255.0 * np.clip((waves - level) * rng.uniform(1.5, 12.0) + 0.5, 0.0, 1.0)).astype(np.uint8)
    return mask


def _forms(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Discs, boxes and corners, filled or drawn in outline, larger than letters or cut off by the picture's edge."""
    image, draw = _blank(height, width)
    for _ in range(int(rng.integers(1, 6))):
        x, y, reach = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(14.0, 90.0)
        box = (x - reach, y - reach * rng.uniform(0.4, 1.0), x + reach, y + reach * rng.uniform(0.4, 1.0))
        filled, ink = rng.random() < 0.5, int(rng.integers(130, 256))
        shape = draw.ellipse if rng.random() < 0.5 else draw.rectangle
        shape(box, fill=ink if filled else None, outline=ink, width=int(rng.integers(1, 5)))
    return np.asarray(image)


_KINDS: tuple[Callable[[np.random.Generator, int, int], np.ndarray], ...] = (
    _specks,
    _blots,
    _scribbles,
    _rules,
    _screen,
    _forms,
)
