"""What paper, light, scanner and codec do to a picture: degradations by name, to be composed.

They are numpy and Pillow of our own: augraphy has had no release since 2023 and needs numba, OpenCV and scikit-image
with global generators; albumentations has ended, and its successor is under the AGPL.

H, W: height and width in px. Pictures between steps are (H, W, 3) float32, 0 to 255.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

Parameters = dict[str, Any]
_Work = Callable[[Image.Image, np.random.Generator, float], tuple[Image.Image, Parameters]]

# Share of fine detail (see `detail_kept`) that blur and low resolution must leave: what people still read.
LEAST_DETAIL = 0.8
_MOST_SKEW_DEGREES = 3.0
# A turned page is made smaller to stay whole; by no more than this share.
_MOST_SKEW_SHRINK = 0.08


@dataclass(frozen=True)
class Degradation:
    """One way for a picture to get worse. Call it for the picture alone.

    Attributes:
        name: as in `DEGRADATIONS`.
        moves_ink: whether text is elsewhere afterwards, so that boxes no longer hold.
        softens: whether it takes sharpness away; a picture bears one such degradation, not two.
    """

    name: str
    work: _Work
    moves_ink: bool = False
    softens: bool = False

    def __call__(self, image: Image.Image, rng: np.random.Generator, strength: float = 1.0) -> Image.Image:
        """Degrade a picture.

        Args:
            image: RGB; not changed.
            rng: the only source of chance.
            strength: 0 (hardly seen) to 1 (a bad office scan that people still read).

        Returns:
            RGB of the same size.

        Raises:
            ValueError: the strength is out of range or the picture isn't RGB.
        """
        return self.apply(image, rng, strength)[0]

    def apply(self, image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
        """Degrade a picture and tell how; as `__call__`.

        Args:
            image: RGB.
            rng: the only source of chance.
            strength: 0 to 1.

        Returns:
            The picture, and JSON-ready parameters.

        Raises:
            ValueError: see `__call__`.
        """
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f"the strength of a degradation must be 0 to 1, got {strength}")
        if image.mode != "RGB":
            raise ValueError(f"a degradation needs an RGB picture, got mode {image.mode}: image.convert('RGB')")
        return self.work(image, rng, strength)


def degrade(
    image: Image.Image, rng: np.random.Generator, names: Sequence[str], strength: float = 1.0
) -> tuple[Image.Image, list[Parameters]]:
    """Apply degradations one after the other.

    Args:
        image: RGB; not changed.
        rng: the only source of chance.
        names: of `DEGRADATIONS`, in the order in which they are applied.
        strength: 0 to 1, see `Degradation`.

    Returns:
        RGB of the same size, and for each degradation `{"name": ..., parameters}`.

    Raises:
        ValueError: there is no such degradation, or the strength is out of range.
    """
    check_names(names)
    applied = []
    for name in names:
        image, parameters = DEGRADATIONS[name].apply(image, rng, strength)
        applied.append({"name": name, **parameters})
    return image, applied


def degrade_share(
    image: Image.Image,
    rng: np.random.Generator,
    names: Sequence[str],
    share: float = 0.6,
    keep_places: bool = False,
) -> tuple[Image.Image, list[Parameters]]:
    """Degrade as the kinds do: a share of the pictures, each by one to three of the names, in the order of nature.

    Args:
        image: RGB.
        rng: the only source of chance; as much is drawn from it, whatever the names are.
        names: to choose from; empty for clean pictures.
        share: of pictures that are degraded.
        keep_places: leave out what moves ink, because boxes are to hold.

    Returns:
        The picture and what was applied, see `degrade`.

    Raises:
        ValueError: there is no such degradation.
    """
    check_names(names)
    chance, count, strength = rng.random(), int(rng.integers(1, 4)), float(rng.uniform(0.2, 1.0))
    order = rng.permutation(len(DEGRADATIONS))
    if chance >= share:
        return image, []
    chosen: list[str] = []
    for position in order:
        kind = list(DEGRADATIONS.values())[position]
        softened = kind.softens and any(DEGRADATIONS[name].softens for name in chosen)
        if kind.name in names and not softened and not (keep_places and kind.moves_ink) and len(chosen) < count:
            chosen.append(kind.name)
    return degrade(image, rng, [name for name in DEGRADATIONS if name in chosen], strength)


def check_names(names: Sequence[str]) -> None:
    """Refuse unknown names.

    Args:
        names: of degradations.

    Raises:
        ValueError: one is unknown.
    """
    for name in names:
        if name not in DEGRADATIONS:
            raise ValueError(f"there is no degradation {name!r}: choose from {', '.join(DEGRADATIONS)}")


def detail_kept(before: Image.Image, after: Image.Image) -> float:
    """Measure how much of a picture's fine detail is left.

    Args:
        before: RGB or grey.
        after: of the same size.

    Returns:
        Correlation of the two after what is smooth was taken away: 1 for an unchanged picture; 1 if there is no
        detail at all.
    """

    def detail(image: Image.Image) -> np.ndarray:
        grey = image.convert("L")
        smooth = np.asarray(grey.filter(ImageFilter.BoxBlur(12)), dtype=np.float32)
        return np.asarray(grey, dtype=np.float32) - smooth

    def product(one: np.ndarray, other: np.ndarray) -> float:  # not BLAS, whose sums differ between processors
        return float((one * other).sum(dtype=np.float64))

    first, second = detail(before), detail(after)
    scale = float(np.sqrt(product(first, first) * product(second, second)))
    return product(first, second) / scale if scale > 0.0 else 1.0


# Helpers


def _pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float32)


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8), "RGB")


def _paper(image: Image.Image) -> np.ndarray:
    """The most usual colour: the paper's. (3,) float32."""
    pixels = np.asarray(image)
    step = max(1, min(pixels.shape[:2]) // 100)
    paper: np.ndarray = np.median(pixels[::step, ::step].reshape(-1, 3), axis=0).astype(np.float32)
    return paper


def _field(rng: np.random.Generator, size: tuple[int, int], cells: int) -> np.ndarray:
    """A smooth random field over a picture of `size` (W, H). Returns: (H, W) float32, 0 to 1."""
    width, height = size
    longest = max(width, height)
    rows, columns = (max(2, round(cells * side / longest) + 1) for side in (height, width))
    coarse = Image.fromarray(rng.random((rows, columns), dtype=np.float32), "F")
    field = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC))
    low, high = float(field.min()), float(field.max())
    return (field - low) / max(high - low, 1e-6)


def _rounded(**parameters: float) -> Parameters:
    return {name: round(float(value), 4) for name, value in parameters.items()}


def _until_legible(
    image: Image.Image, amount: float, weaker: Callable[[float], float], work: Callable[[float], Image.Image]
) -> tuple[Image.Image, float]:
    """Weaken what was drawn until people can read the result: how much a text bears depends on its size."""
    for _ in range(6):
        result = work(amount)
        if detail_kept(image, result) >= LEAST_DETAIL:
            return result, amount
        amount = weaker(amount)
    return image, 0.0


# The degradations, in the order in which they happen to a sheet


def _ink_fade(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """Ink pales towards the paper, here more and there less."""
    most = float(rng.uniform(0.15, 0.55)) * strength
    pixels, paper = _pixels(image), _paper(image)
    share = (most * _field(rng, image.size, 6))[..., None]
    return _picture(pixels + (paper - pixels) * share), _rounded(most=most)


def _bleed_through(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """The other side of the sheet shows, mirrored."""
    share = float(rng.uniform(0.06, 0.2)) * strength
    shift_x, shift_y = int(rng.integers(-30, 31)), int(rng.integers(image.height // 20 + 1, image.height // 2 + 2))
    other = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 1.8)))
    back = np.roll(_pixels(other), (shift_y, shift_x), axis=(0, 1))
    return _picture(_pixels(image) + share * (back - _paper(image))), _rounded(share=share)


def _paper_texture(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """Fibres, clouds and a tint, as old or recycled paper has them."""
    depth = float(rng.uniform(10.0, 34.0)) * strength
    tint = np.array((0.0, rng.uniform(0.0, 0.35), rng.uniform(0.2, 1.0)), dtype=np.float32) * depth
    clouds = 0.6 * _field(rng, image.size, 5) + 0.4 * _field(rng, image.size, 40)
    grain = _field(rng, image.size, max(2, max(image.size) // 3)) - 0.5
    darker = clouds * depth + grain * 0.9 * depth
    return _picture(_pixels(image) - darker[..., None] - tint), _rounded(depth=depth)


def _shadow(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """A soft-edged shadow falls on a part: a hand, a phone, the gutter of a book."""
    depth, angle = float(rng.uniform(0.2, 0.5)) * strength, float(rng.uniform(0.0, 2.0 * np.pi))
    softness, edge = float(rng.uniform(0.03, 0.3)), float(rng.uniform(-0.35, 0.35))
    width, height = image.size
    x, y = (np.arange(width) / width - 0.5)[None, :], (np.arange(height) / height - 0.5)[:, None]
    along = np.cos(angle) * x + np.sin(angle) * y
    shade = 1.0 / (1.0 + np.exp(np.clip((along - edge) / softness * 6.0, -30.0, 30.0)))
    factor = (1.0 - depth * shade).astype(np.float32)
    return _picture(_pixels(image) * factor[..., None]), _rounded(depth=depth, angle=angle, edge=edge)


def _uneven_light(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """A lamp that lights one place more than another, and in its own colour."""
    depth = float(rng.uniform(0.15, 0.45)) * strength
    color = 1.0 - rng.uniform(0.0, 0.12, 3).astype(np.float32) * strength
    factor = 1.0 - depth * _field(rng, image.size, 2)
    return _picture(_pixels(image) * factor[..., None] * color), _rounded(depth=depth)


def _skew(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """The sheet lies crooked; it is made a little smaller, so that nothing leaves the picture."""
    aspect = max(image.size) / min(image.size)
    most = min(_MOST_SKEW_DEGREES, float(np.rad2deg(np.arctan(_MOST_SKEW_SHRINK / aspect))))
    degrees = float(rng.uniform(-1.0, 1.0)) * most * strength
    cosine, sine = float(np.cos(np.deg2rad(degrees))), float(np.sin(np.deg2rad(degrees)))
    scale = cosine + abs(sine) * aspect  # picture px for one px of the result
    center_x, center_y = image.width / 2.0, image.height / 2.0
    a, b = scale * cosine, scale * -sine
    matrix = (a, b, center_x - a * center_x - b * center_y, -b, a, center_y + b * center_x - a * center_y)
    paper = tuple(int(value) for value in _paper(image))
    turned = image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=paper)
    return turned, _rounded(degrees=degrees)


def _blur(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """Out of focus, or moved while the picture was taken."""
    moves, radius = rng.random() < 0.4, float(rng.uniform(0.5, 2.2)) * strength
    angle = float(rng.uniform(0.0, np.pi))

    def work(amount: float) -> Image.Image:
        return _smear(image, 2.0 * amount, angle) if moves else image.filter(ImageFilter.GaussianBlur(amount))

    result, radius = _until_legible(image, radius, lambda amount: 0.7 * amount, work)
    return result, {"motion": bool(moves), **_rounded(radius_px=radius, angle=angle)}


def _smear(image: Image.Image, length_px: float, angle: float) -> Image.Image:
    """Average the picture along a short straight way."""
    steps = max(2, round(2.0 * length_px))
    total = np.zeros((image.height, image.width, 3), dtype=np.float32)
    for at in np.linspace(-0.5, 0.5, steps):
        shift = (1, 0, at * length_px * np.cos(angle), 0, 1, at * length_px * np.sin(angle))
        edge = tuple(int(value) for value in _paper(image))
        total += _pixels(
            image.transform(image.size, Image.Transform.AFFINE, shift, Image.Resampling.BILINEAR, fillcolor=edge)
        )
    return _picture(total / steps)


def _low_resolution(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """Scanned with fewer dots and enlarged again."""
    scale = 1.0 - float(rng.uniform(0.25, 0.7)) * strength
    methods = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.BOX)
    down, up = methods[rng.integers(3)], methods[rng.integers(2)]

    def work(factor: float) -> Image.Image:
        width, height = (max(1, round(side * factor)) for side in image.size)
        return image.resize((width, height), down).resize(image.size, up)

    result, scale = _until_legible(image, scale, lambda factor: 0.6 * factor + 0.4, work)
    return result, _rounded(scale=scale or 1.0)


def _scan_noise(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """Grain over the whole, dark and light specks of a pixel or two."""
    sigma, density = float(rng.uniform(3.0, 16.0)) * strength, float(rng.uniform(0.5, 6.0)) * 1e-4 * strength
    pixels = _pixels(image)
    grain = rng.standard_normal((image.height, image.width), dtype=np.float32) * np.float32(sigma)
    pixels = pixels + grain[..., None]
    count = round(density * image.width * image.height)
    rows, columns = rng.integers(0, image.height, count), rng.integers(0, image.width, count)
    shades = np.where(rng.random(count) < 0.6, rng.uniform(0.0, 90.0, count), rng.uniform(200.0, 255.0, count))
    wide = np.minimum(columns + (rng.random(count) < 0.4), image.width - 1)
    pixels[rows, columns] = pixels[rows, wide] = shades[:, None]
    return _picture(pixels), _rounded(sigma=sigma, density=density)


def _fax(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """Black and white only, with ragged edges. At strength 0 the greys come back halfway."""
    grey = image.convert("L")
    large = grey.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC)
    values = np.asarray(large, dtype=np.float32)
    smooth = np.asarray(grey.filter(ImageFilter.GaussianBlur(1.0)))
    paper, low, high = (float(np.percentile(smooth[::3, ::3], share)) for share in (50.0, 0.3, 99.7))
    ink = low if paper - low > high - paper else high
    level = float(rng.uniform(0.38, 0.52))
    ragged = float(rng.uniform(0.03, 0.16)) * strength * abs(paper - ink)
    noise = rng.standard_normal(values.shape, dtype=np.float32) * np.float32(ragged)
    is_ink = (values + noise - paper) * (ink - paper) > level * (ink - paper) ** 2
    dark, light = (0, 255) if ink < paper else (255, 0)
    black_white = Image.fromarray(np.where(is_ink, dark, light).astype(np.uint8), "L").reduce(2)
    result = Image.blend(grey, black_white, 0.5 + 0.5 * strength)
    return result.convert("RGB"), _rounded(level=level, ragged=ragged)


def _compression(image: Image.Image, rng: np.random.Generator, strength: float) -> tuple[Image.Image, Parameters]:
    """Saved as a small JPEG file."""
    quality = round(95 - float(rng.uniform(15.0, 70.0)) * strength)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB"), {"quality": quality}


_ALL = (
    Degradation("ink-fade", _ink_fade),
    Degradation("bleed-through", _bleed_through),
    Degradation("paper-texture", _paper_texture),
    Degradation("shadow", _shadow),
    Degradation("uneven-light", _uneven_light),
    Degradation("skew", _skew, moves_ink=True),
    Degradation("blur", _blur, softens=True),
    Degradation("low-resolution", _low_resolution, softens=True),
    Degradation("scan-noise", _scan_noise),
    Degradation("fax", _fax, softens=True),
    Degradation("compression", _compression),
)
DEGRADATIONS: Mapping[str, Degradation] = {degradation.name: degradation for degradation in _ALL}
DEFAULT_DEGRADATIONS: tuple[str, ...] = tuple(DEGRADATIONS)
