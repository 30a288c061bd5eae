"""Pixels equal Pillow and CLIP's constants; grids and tiles; what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from got_ocr.processing.image_processor import TILES_LIMIT, GotOcrImageProcessor, crop_grid
from processing.goldens import write_goldens
from tests.support.vocabularies import CLIP_MEAN, CLIP_STD

GOLDENS = Path(__file__).resolve().parents[2] / "processing" / "goldens"


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def reference(image: Image.Image, side: int) -> np.ndarray:
    """got.md section 4, word for word, in float64: (3, side, side)."""
    pixels = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)).astype(np.float64) / 255
    return ((pixels - CLIP_MEAN) / CLIP_STD).transpose(2, 0, 1)


@pytest.mark.parametrize("size", [(1024, 1024), (640, 480), (33, 1500), (2480, 400)])
def test_pixels_equal_pillow_and_clip(size: tuple[int, int]) -> None:
    image = picture(*size)
    pixel_values = GotOcrImageProcessor()(image)["pixel_values"]
    assert pixel_values.shape == (1, 3, 1024, 1024)
    assert pixel_values.dtype == torch.float32
    np.testing.assert_allclose(pixel_values[0].numpy(), reference(image, 1024), rtol=0, atol=1e-6)


def test_pixel_goldens_hold() -> None:
    goldens = {golden["name"]: golden for golden in json.loads((GOLDENS / "pixel_checksums.json").read_text())}
    assert {entry["name"]: entry for entry in write_goldens.pixel_checksums()} == goldens


def test_a_batch_is_its_single_pictures() -> None:
    processor = GotOcrImageProcessor(size=64)
    images = [picture(50, 80, seed=1), picture(64, 64, seed=2), picture(300, 20, seed=3)]
    batch = processor(images, return_tensors="np")["pixel_values"]
    assert isinstance(batch, np.ndarray)
    assert batch.shape == (3, 3, 64, 64)
    for row, image in zip(batch, images, strict=True):
        np.testing.assert_array_equal(row, processor.preprocess(image, return_tensors="np")["pixel_values"][0])


def test_paths_and_arrays_are_taken(tmp_path: Path) -> None:
    processor = GotOcrImageProcessor(size=32)
    image = picture(40, 30)
    image.save(tmp_path / "page.png")
    expected = processor(image, return_tensors="np")["pixel_values"]
    for source in (tmp_path / "page.png", str(tmp_path / "page.png"), np.asarray(image)):
        np.testing.assert_array_equal(processor(source, return_tensors="np")["pixel_values"], expected)


def test_pictures_stand_upright_on_white() -> None:
    processor = GotOcrImageProcessor(size=16)
    transparent = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    white = processor(Image.new("RGB", (20, 20), "white"), return_tensors="np")["pixel_values"]
    np.testing.assert_array_equal(processor(transparent, return_tensors="np")["pixel_values"], white)


def test_a_broken_picture_and_no_picture() -> None:
    processor = GotOcrImageProcessor(size=16)
    with pytest.raises(ValueError, match="images is empty"):
        processor([])
    with pytest.raises(ValueError, match="is no picture"):
        processor(b"no picture at all")


@pytest.mark.parametrize(
    ("size", "max_tiles", "expected"),
    [
        ((1024, 1024), 6, (1, 1)),
        ((1448, 1448), 6, (1, 1)),
        ((1449, 1449), 6, (2, 2)),  # more than half of 4 tiles' pixels
        ((2000, 1000), 6, (2, 1)),
        ((1000, 2000), 6, (1, 2)),
        ((850, 1100), 6, (2, 3)),
        ((6000, 100), 6, (6, 1)),
        ((3000, 2000), 1, (1, 1)),
        ((4000, 4000), 12, (3, 3)),
    ],
)
def test_known_grids(size: tuple[int, int], max_tiles: int, expected: tuple[int, int]) -> None:
    assert crop_grid(*size, max_tiles) == expected


def test_grid_goldens_hold() -> None:
    rows = json.loads((GOLDENS / "crop_grids.json").read_text())
    assert len(rows) > 1000
    assert [[*row[:3], *crop_grid(*row[:3])] for row in rows] == rows


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 20000), st.integers(1, 20000), st.integers(1, TILES_LIMIT))
def test_grids_stay_within_the_limit_and_are_nearest(width: int, height: int, max_tiles: int) -> None:
    columns, rows = crop_grid(width, height, max_tiles)
    assert 1 <= columns * rows <= max_tiles
    differences = [
        abs(width / height - i / j)
        for i in range(1, max_tiles + 1)
        for j in range(1, max_tiles + 1)
        if i * j <= max_tiles
    ]
    assert abs(width / height - columns / rows) == min(differences)


def test_tiles_come_row_by_row_and_the_whole_last() -> None:
    processor = GotOcrImageProcessor(size=32)
    image = picture(60, 90)
    assert processor.crop_grid(60, 90) == (2, 3)
    tiles = processor.crop_to_tiles(image)
    canvas = np.asarray(image.resize((64, 96), Image.Resampling.BICUBIC))
    assert len(tiles) == 7
    assert all(tile.size == (32, 32) for tile in tiles)
    for index, tile in enumerate(tiles[:6]):
        top, left = index // 2 * 32, index % 2 * 32
        np.testing.assert_array_equal(np.asarray(tile), canvas[top : top + 32, left : left + 32])
    np.testing.assert_array_equal(np.asarray(tiles[6]), np.asarray(image.resize((32, 32), Image.Resampling.BICUBIC)))


def test_one_tile_has_no_overview() -> None:
    processor = GotOcrImageProcessor(size=32)
    (tile,) = processor.crop_to_tiles(picture(30, 31))
    assert tile.size == (32, 32)
    assert len(processor.crop_to_tiles(picture(300, 30), max_tiles=1)) == 1


@pytest.mark.parametrize("max_tiles", [0, -1, 65, 2.0, "6", True])
def test_limits_of_tiles(max_tiles: object) -> None:
    message = "max_tiles must be a whole number from 1 to 64"
    with pytest.raises(ValueError, match=message):
        GotOcrImageProcessor(max_tiles=max_tiles)
    with pytest.raises(ValueError, match=message):
        GotOcrImageProcessor(size=8).crop_to_tiles(picture(10, 10), max_tiles=max_tiles)


@pytest.mark.parametrize("size", [0, -3, 1.5, "big", True, {"height": 10, "width": 20}, {"shortest_edge": 10}])
def test_sizes_that_are_refused(size: object) -> None:
    with pytest.raises(ValueError, match="size must be one number of pixels, or equal height and width"):
        GotOcrImageProcessor(size=size)


def test_other_pixels_are_refused() -> None:
    with pytest.raises(ValueError, match="do_normalize must be True, got False"):
        GotOcrImageProcessor(do_normalize=False)
    with pytest.raises(ValueError, match="resample must be 3, got 2"):
        GotOcrImageProcessor(resample=2)
    with pytest.raises(ValueError, match="image_mean and image_std"):
        GotOcrImageProcessor(image_std=[1, 0, 1])
    with pytest.raises(ValueError, match="must have pixels, got 0 x 5"):
        crop_grid(0, 5)


def test_save_and_load(tmp_path: Path) -> None:
    processor = GotOcrImageProcessor(size=48, max_tiles=4, image_mean=[0.5, 0.5, 0.5])
    processor.save_pretrained(tmp_path)
    twin = GotOcrImageProcessor.from_pretrained(tmp_path)
    assert (twin.image_mean, twin.image_std) == (processor.image_mean, processor.image_std)
    assert (twin.size, twin.max_tiles) == (48, 4)
    assert GotOcrImageProcessor.from_pretrained(tmp_path, max_tiles=2).max_tiles == 2


def test_low_canvases_keep_their_pixels() -> None:
    processor = GotOcrImageProcessor(size=64)
    canvas = picture(64, 64)
    low = processor([canvas.crop((0, 0, 64, 32))] * 2, low_canvases=True)["pixel_values"]
    assert low.shape == (2, 3, 32, 64)
    assert torch.equal(low[1], processor(canvas)["pixel_values"][0, :, :32])
    assert torch.equal(processor(canvas, low_canvases=True)["pixel_values"], processor(canvas)["pixel_values"])
    assert processor(canvas.crop((0, 0, 64, 32)))["pixel_values"].shape == (1, 3, 64, 64), "only where it is asked for"


@pytest.mark.parametrize("sizes", [[(64, 32), (64, 48)], [(48, 32)], [(64, 96)]])
def test_low_canvases_of_other_sizes_are_refused(sizes: list[tuple[int, int]]) -> None:
    got = ", ".join(f"{width} x {height}" for width, height in sizes)
    with pytest.raises(ValueError, match=f"must be 64 px wide and of one height, 64 px or less, got {got}"):
        GotOcrImageProcessor(size=64)([picture(*size) for size in sizes], low_canvases=True)
