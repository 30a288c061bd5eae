"""What scene text stands on: walls, wood, cloth, metal, skies and blurred streets, made of noise and shapes.

H, W: height and width in px. Pictures are (H, W, 3), 0 to 255. Sines are taken in double precision: processors differ
in the last bit of single precision, and a sample is to be the same on each.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

_Color = tuple[int, int, int]


def draw_background(rng: np.random.Generator, height_px: int, width_px: int) -> tuple[np.ndarray, str]:
    """Draw one of all backgrounds.

    Args:
        rng: the only source of chance.
        height_px: H.
        width_px: W.

    Returns:
        (H, W, 3) float32, and its name.
    """
    name = str(rng.choice(list(_BACKGROUNDS)))
    pixels = _BACKGROUNDS[name](rng, height_px, width_px)
    light = 1.0 + rng.uniform(-0.3, 0.3) * (noise(rng, height_px, width_px, 2) - 0.5)
    return np.clip(pixels * light[..., None], 0.0, 255.0).astype(np.float32), name


def noise(rng: np.random.Generator, height_px: int, width_px: int, cells: int, stretch: float = 1.0) -> np.ndarray:
    """Draw smooth noise.

    Args:
        rng: the only source of chance.
        height_px: H.
        width_px: W.
        cells: about so many hills along the longer side.
        stretch: hills are so many times wider than high.

    Returns:
        (H, W) float32, 0 to 1.
    """
    longest = max(height_px, width_px)
    rows = min(height_px, max(2, round(cells * height_px / longest) + 1))
    columns = min(width_px, max(2, round(cells * width_px / longest / stretch) + 1))
    coarse = Image.fromarray(rng.random((rows, columns), dtype=np.float32), "F")
    field = np.asarray(coarse.resize((width_px, height_px), Image.Resampling.BICUBIC))
    clipped: np.ndarray = np.clip(field, 0.0, 1.0)
    return clipped


def _clouds(rng: np.random.Generator, height: int, width: int, finest: int = 96) -> np.ndarray:
    """Noise of several scales, as plaster, stone and skies have it. Returns: (H, W) float32, about 0 to 1."""
    total, weight, cells = np.zeros((height, width), dtype=np.float32), 0.0, 3
    while cells <= finest:
        share = cells**-0.6
        total += share * noise(rng, height, width, cells)
        weight, cells = weight + share, cells * 3
    mean: np.ndarray = total / np.float32(weight)
    return mean


def _color(rng: np.random.Generator, low: int = 20, high: int = 240) -> np.ndarray:
    """A colour that is not too gaudy. Returns: (3,) float32."""
    grey = rng.uniform(low, high)
    return np.clip(grey + rng.normal(0.0, 28.0, 3), 0, 255).astype(np.float32)


def _blend(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    mixed: np.ndarray = first + (second - first) * share[..., None]
    return mixed


def _gradient(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    angle = rng.uniform(0.0, 2.0 * np.pi)
    x, y = np.linspace(-0.5, 0.5, width)[None, :], np.linspace(-0.5, 0.5, height)[:, None]
    share = np.clip(0.5 + np.cos(angle) * x + np.sin(angle) * y, 0.0, 1.0).astype(np.float32)
    return _blend(_color(rng), _color(rng), share)


def _plaster(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    color = _color(rng, 60, 245)
    relief = (_clouds(rng, height, width, 400) - 0.5) * rng.uniform(20.0, 90.0)
    return color + relief[..., None].astype(np.float32)


def _wood(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    light = np.array((196.0, 150.0, 98.0), dtype=np.float32) * rng.uniform(0.5, 1.15)
    grain = noise(rng, height, width, 160, 30.0) * 0.6 + noise(rng, height, width, 26, 10.0) * 0.8
    rings = 0.5 + 0.5 * np.sin(grain.astype(np.float64) * rng.uniform(14.0, 40.0))
    pixels = light * (0.72 + 0.28 * (0.6 * rings + 0.4 * grain))[..., None]
    plank = int(rng.integers(50, 180))
    for y in range(int(rng.integers(plank)), height, plank):
        pixels[y : y + 2] *= 0.45
        pixels[y + 2 : y + plank] *= rng.uniform(0.9, 1.08)
    return pixels.astype(np.float32)


def _bricks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    brick_height = int(rng.integers(22, 56))
    brick_width, joint = int(brick_height * rng.uniform(2.0, 3.2)), max(2, brick_height // 10)
    base, mortar = _color(rng, 70, 190) * np.array((1.15, 0.85, 0.75)), _color(rng, 120, 215)
    image = Image.new("RGB", (width, height), _rgb(mortar))
    draw = ImageDraw.Draw(image)
    for row, y in enumerate(range(-brick_height // 2, height, brick_height)):
        for x in range(-brick_width if row % 2 else -brick_width // 2, width, brick_width):
            box = (x, y, x + brick_width - joint, y + brick_height - joint)
            draw.rectangle(box, fill=_rgb(base * rng.uniform(0.8, 1.15)))
    rough = (_clouds(rng, height, width, 300) - 0.5) * 60.0
    return np.asarray(image.filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float32) + rough[..., None]


def _tiles(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    side, (first, second) = int(rng.integers(24, 120)), (_color(rng), _color(rng))
    second = first + (second - first) * np.float32(rng.uniform(0.1, 0.6))
    x, y = np.arange(width)[None, :] // side, np.arange(height)[:, None] // side
    style = rng.integers(3)
    share = {0: (x + y) % 2, 1: x % 2 + 0 * y, 2: y % 2 + 0 * x}[int(style)].astype(np.float32)
    return _blend(first, second, share) + (noise(rng, height, width, 200)[..., None] - 0.5) * 12.0


def _shapes(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    image = Image.new("RGB", (width, height), _rgb(_color(rng)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(4, 16))):
        reach = rng.uniform(0.08, 0.5) * max(height, width)
        x, y, color = rng.uniform(0, width), rng.uniform(0, height), _rgb(_color(rng))
        corners = [
            (x + reach * np.cos(turn), y + reach * np.sin(turn) * rng.uniform(0.4, 1.0))
            for turn in np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
        ]
        if rng.random() < 0.5:
            draw.polygon(corners, fill=color)
        else:
            draw.ellipse((x - reach, y - reach * 0.7, x + reach, y + reach * 0.7), fill=color)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 8.0))), dtype=np.float32)


def _street(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Sky, house fronts with windows, ground, lights: out of focus, as behind a sign."""
    horizon = int(height * rng.uniform(0.45, 0.8))
    sky = _blend(_color(rng, 120, 240), _color(rng, 90, 230), np.linspace(0, 1, height, dtype=np.float32)[:, None])
    image = Image.fromarray(np.broadcast_to(np.clip(sky, 0, 255), (height, width, 3)).astype(np.uint8), "RGB")
    draw = ImageDraw.Draw(image)
    x = -int(rng.integers(60))
    while x < width:
        front, top = int(rng.integers(60, 260)), int(rng.uniform(0.0, 0.7) * horizon)
        wall = _color(rng, 50, 190)
        draw.rectangle((x, top, x + front, horizon), fill=_rgb(wall))
        pane, step = int(rng.integers(10, 26)), int(rng.integers(30, 60))
        glass = _rgb(wall * rng.uniform(0.4, 1.5))
        for left in range(x + 8, x + front - pane, step):
            for upper in range(top + 8, horizon - pane, step):
                draw.rectangle((left, upper, left + pane, upper + int(pane * 1.4)), fill=glass)
        x += front
    draw.rectangle((0, horizon, width, height), fill=_rgb(_color(rng, 50, 150)))
    for _ in range(int(rng.integers(0, 12))):
        radius, cx, cy = rng.uniform(4, 26), rng.uniform(0, width), rng.uniform(0, height)
        draw.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=_rgb(_color(rng, 150, 255)))
    blurred = image.filter(ImageFilter.GaussianBlur(rng.uniform(1.5, 7.0)))
    return np.asarray(blurred, dtype=np.float32) + (noise(rng, height, width, 300)[..., None] - 0.5) * 14.0


def _nature(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Leaves, grass, stone, water: two colours in clouds of noise."""
    share = np.clip((_clouds(rng, height, width, 240) - 0.5) * rng.uniform(1.5, 4.0) + 0.5, 0.0, 1.0)
    return _blend(_color(rng, 30, 150), _color(rng, 90, 235), share)


def _metal(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    brushed = noise(rng, height, width, max(height, width) // 2, 60.0) - 0.5
    shine = np.sin(np.linspace(0.0, rng.uniform(1.0, 9.0), width))[None, :] * rng.uniform(5.0, 30.0)
    color = np.float32(rng.uniform(70.0, 210.0)) + rng.normal(0.0, 8.0, 3).astype(np.float32)
    metal: np.ndarray = color + (brushed * 40.0 + shine)[..., None]
    return metal


def _cloth(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    period, color = rng.uniform(3.0, 7.0), _color(rng)
    x, y = np.arange(width)[None, :], np.arange(height)[:, None]
    weave = np.sin(2 * np.pi * x / period) * np.sin(2 * np.pi * y / period) * rng.uniform(4.0, 14.0)
    folds = (noise(rng, height, width, 5) - 0.5) * rng.uniform(20.0, 80.0)
    cloth: np.ndarray = color + (weave + folds)[..., None].astype(np.float32)
    return cloth


def _rgb(color: np.ndarray) -> _Color:
    red, green, blue = (int(value) for value in np.clip(color, 0, 255))
    return red, green, blue


_BACKGROUNDS: dict[str, Callable[[np.random.Generator, int, int], np.ndarray]] = {
    "gradient": _gradient,
    "plaster": _plaster,
    "wood": _wood,
    "bricks": _bricks,
    "tiles": _tiles,
    "shapes": _shapes,
    "street": _street,
    "nature": _nature,
    "metal": _metal,
    "cloth": _cloth,
}
