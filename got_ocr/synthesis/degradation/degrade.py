"""What happens to a picture between the typesetter and the file: ink, paper, scanner, codec.

Masks are (H, W) uint8 with 255 for full ink; pictures are (H, W) uint8 grey.
"""

import io

import numpy as np
from PIL import Image, ImageFilter


def scan(rng: np.random.Generator, mask: Image.Image, scale: float) -> Image.Image:
    """Make a large mask look as if a bilevel scanner had read it.

    Args:
        rng: random generator.
        mask: ink at `scale` times the final size.
        scale: the factor.

    Returns:
        A mask of 0 and 255 with ragged edges and now and then a speck.
    """
    ink = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.25 * scale * rng.uniform(0.6, 1.3))), dtype=np.float32)
    coarse = rng.normal(0.0, 1.0, (ink.shape[0] // 2 + 1, ink.shape[1] // 2 + 1)).astype(np.float32)
    grain = coarse.repeat(2, 0).repeat(2, 1)[: ink.shape[0], : ink.shape[1]]
    threshold = rng.uniform(85.0, 160.0)
    return Image.fromarray(np.where(ink + grain * rng.uniform(5.0, 28.0) > threshold, 255, 0).astype(np.uint8))


def tint(rng: np.random.Generator, mask: np.ndarray, strength: float) -> np.ndarray:
    """Print the ink on paper.

    Args:
        rng: random generator.
        mask: (H, W) uint8 ink.
        strength: 0 for black to dark grey on near-white, 1 for all contrasts, shadings and light on dark.

    Returns:
        (H, W) float32 picture, 0 to 255.
    """
    paper, ink = rng.uniform(235.0, 255.0), rng.uniform(0.0, 50.0)
    if rng.random() < 0.4 * strength:
        paper, ink = rng.uniform(195.0, 255.0), rng.uniform(0.0, 100.0)
    elif rng.random() < 0.4:
        paper, ink = 255.0, 0.0
    if rng.random() < 0.06 * strength:
        paper, ink = ink, paper
    share = mask.astype(np.float32) / 255.0
    picture = paper + (ink - paper) * share
    if rng.random() < 0.12 * strength:
        height, width = picture.shape
        slope_y, slope_x = rng.uniform(-25.0, 25.0, 2)
        picture += slope_y * np.linspace(-0.5, 0.5, height)[:, None] + slope_x * np.linspace(-0.5, 0.5, width)[None, :]
    return picture.astype(np.float32)


def augment(rng: np.random.Generator, picture: np.ndarray, strength: float) -> np.ndarray:
    """Blur, add noise and compress.

    Args:
        rng: random generator.
        picture: (H, W) float32.
        strength: 0 for nothing, 1 for the usual share of degraded pictures, up to 2.

    Returns:
        (H, W) uint8 picture.
    """
    if rng.random() < 0.22 * strength:
        image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
        picture = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9))), dtype=np.float32)
    if rng.random() < 0.35 * strength:
        picture = picture + rng.normal(0.0, rng.uniform(1.0, 8.0), picture.shape).astype(np.float32)
    pixels: np.ndarray = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    if rng.random() < 0.12 * strength:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=int(rng.integers(35, 92)))
        pixels = np.asarray(Image.open(buffer))
    return pixels
