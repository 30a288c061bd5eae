"""Pixels: pictures to the vision tower's input, and large pictures to tiles.

Resizing is Pillow's bicubic filter, squashed to a square; normalisation is CLIP's. Nothing here needs torchvision, so
the same pixels come out on every machine.

Shape legend:
    I  images
    S  side of the tower's input, in pixels (1024 in the published model)
    H  height of canvases, in pixels: S or less
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from PIL import Image
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature
from transformers.processing_utils import ImagesKwargs

from ..configuration.remote_code import CodeSavingMixin
from .normalising import normalise
from .pictures import load_image

# CLIP's (arXiv 2103.00020), as the published code has them.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
DEFAULT_SIZE_PX = 1024
DEFAULT_MAX_TILES = 6
TILES_LIMIT = 64  # 64 tiles and the overview are 16640 image tokens: half of the decoder's 32768 positions.
# What the port's preprocessor_config.json may say: this processor does it so, and no other way.
FIXED_OPTIONS = {
    "do_resize": True,
    "do_rescale": True,
    "do_normalize": True,
    "do_convert_rgb": True,
    "resample": int(Image.Resampling.BICUBIC),
    "rescale_factor": 1 / 255,
}


class GotOcrImageProcessorKwargs(ImagesKwargs, total=False):  # type: ignore[call-arg]
    """Options by name: those of every image processor, `max_tiles` and `low_canvases`."""

    max_tiles: int
    low_canvases: bool


class GotOcrImageProcessor(CodeSavingMixin, BaseImageProcessor):
    """Turn pictures into `pixel_values`.

    Args:
        size: Side of the square input, in pixels; the port's `{"height": 1024, "width": 1024}` is read too.
        max_tiles: Most tiles that a picture is cut into, the overview not counted.
        image_mean: Mean of each channel, on a scale of 0 to 1.
        image_std: Standard deviation of each channel.
        **kwargs: What other image processors store. Options that would change the pixels are refused, since this
            processor has only one way; the port's limit of tiles (`max_patches`) is left aside, since the model was
            trained with 6.

    Raises:
        ValueError: If a value is not allowed.
    """

    auto_class = "AutoImageProcessor"
    model_input_names: ClassVar[list[str]] = ["pixel_values"]
    valid_kwargs = GotOcrImageProcessorKwargs

    def __init__(
        self,
        size: int | dict[str, int] = DEFAULT_SIZE_PX,
        max_tiles: int = DEFAULT_MAX_TILES,
        image_mean: Sequence[float] = CLIP_MEAN,
        image_std: Sequence[float] = CLIP_STD,
        **kwargs: Any,
    ) -> None:
        for name, fixed in FIXED_OPTIONS.items():
            value = kwargs.get(name)
            if value is not None and value != fixed:
                raise ValueError(f"{name} must be {fixed}, got {value}: GOT-OCR's pixels are made in one way only.")
        super().__init__()
        self.size = _square_side(size)
        self.max_tiles = check_max_tiles(max_tiles)
        if len(image_mean) != 3 or len(image_std) != 3 or min(image_std) <= 0:
            raise ValueError(
                "image_mean and image_std must have three numbers each, image_std above 0, "
                f"got {image_mean} and {image_std}."
            )
        self.image_mean = [float(value) for value in image_mean]
        self.image_std = [float(value) for value in image_std]

    def preprocess(
        self, images: Any, return_tensors: str | None = "pt", low_canvases: bool = False, **kwargs: Any
    ) -> BatchFeature:
        """Resize and normalise pictures.

        Args:
            images: One picture or a list: whatever `load_image` takes (PIL, path, URL, bytes, array).
            return_tensors: `pt` for torch, `np` for numpy.
            low_canvases: The pictures are S wide, no higher, and all of one height: leave them as they are instead of
                squashing each to a square, for a tower that takes the top of its input.
            **kwargs: Ignored; for the call of other image processors.

        Returns:
            `pixel_values`: (I, 3, S, S) float32, CLIP-normalised; with `low_canvases` as high as the pictures.

        Raises:
            ValueError: If there is no picture, one can't be had, or with `low_canvases` one has another size.
        """
        sources = list(images) if isinstance(images, (list, tuple)) else [images]
        if not sources:
            raise ValueError("images is empty: give at least one picture.")
        height = self.size
        if low_canvases:
            sources = [load_image(source) for source in sources]
            height = self._height_of_all(sources)
        pixels = np.empty((len(sources), 3, height, self.size), dtype=np.float32)
        for index, source in enumerate(sources):
            image = source if low_canvases else self._resize(load_image(source))
            normalise(image, self.image_mean, self.image_std, pixels[index])
        return BatchFeature({"pixel_values": pixels}, tensor_type=return_tensors)

    def crop_to_tiles(self, image: Any, max_tiles: int | None = None) -> list[Image.Image]:
        """Cut a picture into tiles of the tower's size, row by row.

        Args:
            image: What `load_image` takes.
            max_tiles: Most tiles; None: `self.max_tiles`.

        Returns:
            The tiles, each (S, S), and after them the whole picture at that size, if there is more than one tile.

        Raises:
            ValueError: If `max_tiles` is not allowed or the picture can't be had.
        """
        image = load_image(image)
        columns, rows = self.crop_grid(image.width, image.height, max_tiles)
        side = self.size
        canvas = image.resize((columns * side, rows * side), Image.Resampling.BICUBIC)
        tiles = [
            canvas.crop((column * side, row * side, (column + 1) * side, (row + 1) * side))
            for row in range(rows)
            for column in range(columns)
        ]
        return tiles if len(tiles) == 1 else [*tiles, self._resize(image)]

    def crop_grid(self, width: int, height: int, max_tiles: int | None = None) -> tuple[int, int]:
        """Choose the grid of tiles for a picture; see :func:`crop_grid`.

        Args:
            width: Width of the picture, in pixels.
            height: Its height.
            max_tiles: Most tiles; None: `self.max_tiles`.

        Returns:
            Columns and rows.

        Raises:
            ValueError: If `max_tiles` is not allowed.
        """
        return crop_grid(width, height, self.max_tiles if max_tiles is None else max_tiles, self.size)

    def _height_of_all(self, images: list[Image.Image]) -> int:
        """The one height of canvases."""
        sizes = sorted({image.size for image in images})
        width, height = sizes[0]
        if len(sizes) > 1 or width != self.size or height > self.size:
            raise ValueError(
                f"With low_canvases all pictures must be {self.size} px wide and of one height, {self.size} px or "
                f"less, got {', '.join(f'{one} x {other}' for one, other in sizes)}."
            )
        return height

    def _resize(self, image: Image.Image) -> Image.Image:
        side = (self.size, self.size)
        return image if image.size == side else image.resize(side, Image.Resampling.BICUBIC)


def crop_grid(
    width: int, height: int, max_tiles: int = DEFAULT_MAX_TILES, size: int = DEFAULT_SIZE_PX
) -> tuple[int, int]:
    """Choose the grid of tiles whose shape is nearest to a picture's.

    Of all grids of at most `max_tiles` tiles, from few tiles to many, the one whose columns / rows is nearest to
    width / height. Where two are equally near, the larger one only if the picture fills more than half of it.

    Args:
        width: Width of the picture, in pixels.
        height: Its height.
        max_tiles: Most tiles.
        size: Side of a tile, in pixels.

    Returns:
        Columns and rows.

    Raises:
        ValueError: If `max_tiles` or the picture's size is not allowed.
    """
    check_max_tiles(max_tiles)
    if width < 1 or height < 1:
        raise ValueError(f"A picture must have pixels, got {width} x {height}.")
    grids = [(columns, rows) for columns in range(1, max_tiles + 1) for rows in range(1, max_tiles // columns + 1)]
    best, best_difference = (1, 1), float("inf")
    for columns, rows in sorted(grids, key=lambda grid: grid[0] * grid[1]):
        difference = abs(width / height - columns / rows)
        fills_half = width * height > 0.5 * size * size * columns * rows
        if difference < best_difference or (difference == best_difference and fills_half):
            best, best_difference = (columns, rows), difference
    return best


def check_max_tiles(max_tiles: Any) -> int:
    """Check a limit of tiles.

    Args:
        max_tiles: A whole number.

    Returns:
        The same.

    Raises:
        ValueError: If it is not from 1 to 64.
    """
    if isinstance(max_tiles, bool) or not isinstance(max_tiles, int) or not 1 <= max_tiles <= TILES_LIMIT:
        raise ValueError(f"max_tiles must be a whole number from 1 to {TILES_LIMIT}, got {max_tiles!r}.")
    return max_tiles


def _square_side(size: Any) -> int:
    """The side that `size` says, as a number or as the port's dictionary."""
    height, width = (size.get("height"), size.get("width")) if hasattr(size, "get") else (size, size)
    if isinstance(height, bool) or not isinstance(height, int) or height < 1 or height != width:
        raise ValueError(f"size must be one number of pixels, or equal height and width, got {size!r}.")
    return height
