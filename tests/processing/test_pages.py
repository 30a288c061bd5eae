"""Pictures and pages from anything: every odd picture keeps its look, every bad one gives one clear line."""

import io
import os
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from got_ocr.processing.pages import (
    PageError,
    find_pages,
    iter_pages,
    load_image,
    natural_key,
    parse_page_numbers,
    to_rgb,
)
from tests.support.web import QuietHandler, serve

# A grey ramp: every level once, so that any wrong scale, inversion or cut shows.
RAMP = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
RAMP_RGB = np.stack([RAMP] * 3, axis=-1)
RAMP_16 = RAMP.astype(np.uint16) * 257
EXACT, ROUNDED, LOSSY = 0, 2, 6  # Levels of 255. Lossy: JPEG at quality 95.


def encode(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, color_type: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG that Pillow does not write itself."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, 0))
    body = b"".join(chunk(*each) for each in chunks)
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def gray() -> Image.Image:
    return Image.fromarray(RAMP)


def rgb() -> Image.Image:
    return Image.fromarray(RAMP_RGB)


def pdf(num_pages: int = 1, password: str | None = None) -> bytes:
    """Blank pages of 72 x 144 points."""
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter()
    for _ in range(num_pages):
        writer.add_blank_page(width=72, height=144)
    if password is not None:
        writer.encrypt(password, algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def tiff(*images: Image.Image) -> bytes:
    return encode(images[0], "TIFF", save_all=True, append_images=list(images[1:]))


def assert_looks_like(image: Image.Image, expected: np.ndarray, tolerance: int) -> None:
    assert image.mode == "RGB"
    actual = np.asarray(image).astype(int)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected.astype(int)).max() <= tolerance


def failure(source: Any, **options: Any) -> str:
    """The error of loading `source` as a page; must be one line."""
    with pytest.raises(PageError) as caught:
        list(iter_pages(source, **options))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# ----------------------------------------------------------------------------------------------- the look is kept


@pytest.mark.parametrize(
    ("make", "tolerance"),
    [
        pytest.param(lambda: encode(gray(), "PNG"), EXACT, id="gray"),
        pytest.param(lambda: encode(rgb(), "PNG"), EXACT, id="rgb"),
        pytest.param(lambda: encode(rgb(), "BMP"), EXACT, id="bmp"),
        pytest.param(lambda: encode(rgb(), "WEBP", lossless=True), EXACT, id="webp"),
        pytest.param(lambda: encode(rgb(), "JPEG", quality=95), LOSSY, id="jpeg"),
        pytest.param(lambda: encode(rgb().quantize(256), "PNG"), EXACT, id="palette"),
        pytest.param(lambda: encode(rgb(), "GIF"), EXACT, id="gif"),
        pytest.param(lambda: encode(Image.fromarray(RAMP_16), "PNG"), EXACT, id="png-16"),
        pytest.param(lambda: encode(Image.fromarray(RAMP_16), "TIFF"), EXACT, id="tiff-16"),
        pytest.param(
            lambda: encode(Image.fromarray(65535 - RAMP_16), "TIFF", tiffinfo={262: 0}), EXACT, id="tiff-16-white-0"
        ),
        pytest.param(lambda: encode(Image.fromarray(RAMP_16.astype(np.int32)), "TIFF"), EXACT, id="tiff-32"),
        pytest.param(lambda: encode(Image.fromarray(RAMP.astype(np.float32) / 255), "TIFF"), EXACT, id="tiff-float-1"),
        pytest.param(lambda: encode(Image.fromarray(RAMP.astype(np.float32)), "TIFF"), EXACT, id="tiff-float-255"),
        pytest.param(lambda: encode(rgb().convert("CMYK"), "TIFF"), EXACT, id="cmyk-tiff"),
        pytest.param(lambda: encode(rgb().convert("CMYK"), "JPEG", quality=95), LOSSY, id="cmyk-jpeg"),
        pytest.param(
            lambda: encode(Image.merge("LA", (Image.new("L", (256, 64)), Image.fromarray(255 - RAMP))), "PNG"),
            EXACT,
            id="gray-alpha",
        ),
        pytest.param(lambda: encode(rgb().convert("YCbCr"), "TIFF"), ROUNDED, id="ycbcr"),
    ],
)
def test_files_keep_their_look(make: Callable[[], bytes], tolerance: int) -> None:
    assert_looks_like(load_image(make()), RAMP_RGB, tolerance)


def test_adobe_inverted_cmyk_jpeg_is_not_a_negative() -> None:
    """Photoshop stores CMYK inverted and says so in the Adobe marker; Pillow writes the same way."""
    page = Image.new("CMYK", (64, 64), (0, 0, 0, 0))
    page.paste((0, 0, 0, 255), (0, 0, 32, 64))
    data = encode(page, "JPEG", quality=95)
    assert b"Adobe" in data
    pixels = np.asarray(load_image(data))
    assert pixels[32, 8].max() <= LOSSY
    assert pixels[32, 56].min() >= 255 - LOSSY


def test_twelve_bit_scans_are_not_black() -> None:
    twelve_bits = (RAMP.astype(np.uint32) * 4095 // 255).astype(np.uint16)
    assert_looks_like(load_image(encode(Image.fromarray(twelve_bits), "TIFF")), RAMP_RGB, ROUNDED)
    assert_looks_like(load_image(twelve_bits), RAMP_RGB, ROUNDED)


def test_one_bit() -> None:
    checks = Image.fromarray(np.indices((16, 16)).sum(0) % 2 == 0)
    assert checks.mode == "1"
    expected = np.asarray(checks.convert("RGB"))
    for file_format in ("PNG", "TIFF", "BMP"):
        assert_looks_like(load_image(encode(checks, file_format)), expected, EXACT)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: encode(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG"), id="rgba"),
        pytest.param(lambda: encode(Image.new("RGBA", (8, 8), (200, 0, 0, 0)), "WEBP", lossless=True), id="webp"),
        pytest.param(lambda: encode(Image.new("LA", (8, 8), (0, 0)), "PNG"), id="gray-alpha"),
        pytest.param(lambda: encode(Image.new("L", (8, 8), 7), "PNG", transparency=7), id="gray-key"),
        pytest.param(lambda: encode(Image.new("RGB", (8, 8), (1, 2, 3)), "PNG", transparency=(1, 2, 3)), id="rgb-key"),
        pytest.param(lambda: encode(Image.new("P", (8, 8), 0), "PNG", transparency=0), id="palette"),
        pytest.param(lambda: encode(Image.new("P", (8, 8), 0), "GIF", transparency=0), id="gif"),
        pytest.param(
            lambda: png(2, 1, 8, 3, b"\0\1\1", (b"PLTE", bytes(6)), (b"tRNS", b"\xff\0")), id="palette-bytes"
        ),
        pytest.param(lambda: png(8, 1, 1, 0, b"\0\x00", (b"tRNS", b"\0\0")), id="one-bit-key"),
        pytest.param(
            lambda: png(2, 1, 16, 0, b"\0" + struct.pack(">2H", 9, 9), (b"tRNS", struct.pack(">H", 9))),
            id="sixteen-bit-key",
        ),
    ],
)
def test_transparency_becomes_white(make: Callable[[], bytes]) -> None:
    assert np.asarray(load_image(make())).min() == 255


def test_half_transparency_mixes_with_white() -> None:
    half = load_image(encode(Image.new("RGBA", (4, 4), (0, 0, 0, 128)), "PNG"))
    assert abs(int(np.asarray(half)[0, 0, 0]) - 127) <= 1


@pytest.mark.parametrize("mode", ["PA", "La", "RGBa"])
def test_rare_alpha_modes(mode: str) -> None:
    assert np.asarray(to_rgb(Image.new(mode, (4, 4)))).min() == 255


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(file_format: str, orientation: int) -> None:
    """Whatever way the camera was held, the mark stands top left of an upright 48 x 96 page."""
    page = Image.new("RGB", (48, 96), "white")
    page.paste("black", (0, 0, 16, 16))
    transpose = Image.Transpose
    undo = {
        2: transpose.FLIP_LEFT_RIGHT,
        3: transpose.ROTATE_180,
        4: transpose.FLIP_TOP_BOTTOM,
        5: transpose.TRANSPOSE,
        6: transpose.ROTATE_90,
        7: transpose.TRANSVERSE,
        8: transpose.ROTATE_270,
    }
    stored = page.transpose(undo[orientation]) if orientation > 1 else page
    exif = Image.Exif()
    exif[274] = orientation
    upright = load_image(encode(stored, file_format, exif=exif))
    assert upright.size == (48, 96)
    pixels = np.asarray(upright.convert("L"))
    assert pixels[8, 8] < 30
    for row, column in ((88, 40), (8, 40), (88, 8)):
        assert pixels[row, column] > 225


def test_broken_exif_does_not_cost_the_picture() -> None:
    assert load_image(encode(gray(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")).size == (256, 64)


def test_to_rgb_takes_the_frame_that_the_image_stands_at() -> None:
    image = Image.open(io.BytesIO(tiff(*(Image.new("L", (8, 8), level) for level in (10, 20, 30)))))
    image.seek(1)
    assert np.asarray(to_rgb(image))[0, 0, 0] == 20


def test_the_callers_image_is_left_alone() -> None:
    image = Image.new("RGBA", (4, 4), (1, 2, 3, 4))
    load_image(image)
    assert image.mode == "RGBA"
    assert image.getpixel((0, 0)) == (1, 2, 3, 4)
    original = rgb()
    assert load_image(original) is not original


@pytest.mark.parametrize(
    ("array", "tolerance"),
    [
        pytest.param(RAMP, EXACT, id="uint8"),
        pytest.param(RAMP[:, :, None], EXACT, id="one-channel"),
        pytest.param(RAMP_RGB, EXACT, id="three-channels"),
        pytest.param(np.dstack([RAMP_RGB, np.full_like(RAMP, 255)]), EXACT, id="four-channels"),
        pytest.param(RAMP_16, EXACT, id="uint16"),
        pytest.param(RAMP_RGB.astype(np.uint16) * 257, EXACT, id="uint16-rgb"),
        pytest.param(RAMP_16.astype(">u2"), EXACT, id="big-endian"),
        pytest.param(RAMP.astype(np.int64), EXACT, id="int64"),
        pytest.param(RAMP.astype(np.float64) / 255, EXACT, id="float64"),
        pytest.param((RAMP / 255).astype(np.float16), ROUNDED, id="float16"),
        pytest.param(RAMP.astype(np.float32) / 255 * 1.002, ROUNDED, id="overshoot"),
        pytest.param(RAMP.astype(np.float32), EXACT, id="float-255"),
        pytest.param(RAMP.astype(np.float32) / 127.5 - 1, EXACT, id="float-minus-1-to-1"),
        pytest.param(RAMP[::-1], EXACT, id="negative-strides"),
    ],
)
def test_arrays(array: np.ndarray, tolerance: int) -> None:
    assert_looks_like(load_image(array), RAMP_RGB, tolerance)


def test_bool_arrays_and_gaps_in_floats() -> None:
    assert np.asarray(load_image(np.array([[True, False]])))[0, :, 0].tolist() == [255, 0]
    assert np.asarray(load_image(np.array([[0.0, np.nan, 1.0]])))[0, :, 0].tolist() == [0, 255, 255]
    assert np.asarray(load_image(np.full((2, 2), np.nan))).min() == 255


def test_every_kind_of_source(tmp_path: Path) -> None:
    data = encode(rgb(), "PNG")
    path = tmp_path / "página 1.png"
    path.write_bytes(data)
    with path.open("rb") as file:
        for source in (path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data), file, rgb()):
            assert_looks_like(load_image(source), RAMP_RGB, EXACT)
            if isinstance(source, io.IOBase):
                source.seek(0)
            (page,) = iter_pages(source)
            assert_looks_like(page.image, RAMP_RGB, EXACT)
    (page,) = iter_pages(str(path))
    assert (page.name, page.source, page.number, page.index) == (str(path), str(path), 1, 0)


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "page.jpg"
    path.write_bytes(encode(rgb(), "PNG"))
    assert load_image(path).size == (256, 64)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    threading.Thread(target=path.write_bytes, args=(encode(rgb(), "PNG"),), daemon=True).start()
    assert load_image(path).size == (256, 64)


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP"])
def test_animations_give_their_first_frame_and_a_notice(file_format: str, caplog: pytest.LogCaptureFixture) -> None:
    frames = [Image.new("RGB", (8, 8), (level, level, level)) for level in (0, 100, 200)]
    data = encode(frames[0], file_format, save_all=True, append_images=frames[1:])
    pages = list(iter_pages(data))
    assert len(pages) == 1
    assert np.asarray(pages[0].image).max() <= ROUNDED
    assert "is animated, its first frame is taken" in caplog.text


def test_damage_behind_the_first_frame_does_not_cost_it() -> None:
    frames = [Image.new("RGB", (8, 8), (level, level, level)) for level in (0, 100, 200)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    for length in range(len(data) // 2, len(data)):
        try:
            assert load_image(data[:length]).size == (8, 8)
        except PageError:
            continue


# ------------------------------------------------------------------------------------------------------ bad pictures


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no/such/page.png", "no/such/page.png: no such file or folder: check the name."),
        ("", "the name of the picture is empty"),
        ("a\0b.png", "is no name of a file: embedded null byte."),
        ("x" * 400, "can't be opened: File name too long."),
        ("~no-such-user/page.png", "can't be opened"),
        (b"", "is empty (0 bytes): get it anew."),
        (b"hello", "is no picture that can be read, or its beginning is damaged"),
        (b"<html><body>Not found</body></html>", "is no picture that can be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "is no picture that can be read, or its beginning is damaged"),
        # Pillow would run Ghostscript for this one.
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no picture that can be read"),
        (encode(rgb(), "PNG")[:150], "is cut short or damaged"),
        (encode(rgb(), "JPEG")[:700], "is cut short or damaged"),
        (encode(Image.fromarray(RAMP_16), "TIFF")[:-9000], "get it anew or save it again"),
        (encode(rgb(), "BMP")[:3000], "is cut short or damaged"),
        (None, "got NoneType."),
        (3, 'a PIL image, a numpy array, a torch tensor or {"bytes": ...} is allowed, got int.'),
        ({"image": 1}, 'must hold a picture\'s "bytes" or its "path", got the keys image.'),
        (io.StringIO("text"), "an open file must give bytes, got str: open it in mode 'rb'."),
        ([], "got an empty list: give at least one page."),
        (np.zeros((0, 5)), "a picture must have pixels, got 5 x 0."),
        (np.zeros((3, 5, 7)), "got (3, 5, 7): move the channels to the end."),
        (np.zeros((9, 5, 7)), "(height, width) or (height, width, 1 to 4), got shape (9, 5, 7)."),
        (np.zeros(5), "got shape (5,)."),
        (np.zeros((2, 2), dtype=complex), "must hold bool, integer or float pixels, got dtype complex128."),
        (np.array([["a"]]), "got dtype <U1."),
        (Image.new("RGB", (0, 5)), "a picture must have pixels, got 0 x 5."),
        (Image.new("L", (2000, 2)), "2000 x 2 pixels is no shape of a page: the long side may be at most 500 times"),
        ("file:///etc/passwd", "are fetched: give the path itself, /etc/passwd."),
        ("ftp://host/a.png", "only URLs of the form http(s)://host/... are fetched"),
        ("data:image/png;base64,AAAA", "is no picture that can be read"),
        ("http://", "only URLs of the form http(s)://host/... are fetched"),
        ("http:///a.png", "only URLs of the form http(s)://host/... are fetched"),
    ],
)
def test_bad_sources_give_one_line(source: Any, message: str) -> None:
    assert message in failure(source)
    with pytest.raises(PageError):
        load_image(source)


def test_bombs_are_refused_before_they_are_decoded() -> None:
    start = time.perf_counter()
    with pytest.raises(PageError, match="are 900,000,000, at most 89,000,000 are allowed"):
        load_image(png(30000, 30000, 8, 0, b""))
    with pytest.raises(PageError, match=r"300 x 300 pixels are 90,000, at most 1,000 are allowed: scale it down"):
        load_image(Image.new("L", (300, 300)), max_pixels=1000)
    with pytest.raises(PageError, match="at most 1,000 are allowed"):
        load_image(encode(gray(), "PNG"), max_pixels=1000)
    with pytest.raises(PageError, match="at most 1,000 are allowed"):
        load_image(RAMP, max_pixels=1000)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("option", ["timeout_s", "max_bytes", "max_pixels"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "9", True, None])
def test_wrong_limits(option: str, value: Any) -> None:
    with pytest.raises(PageError, match=f"{option} must be a number above 0"):
        load_image(RAMP, **{option: value})


def test_text_chunk_bomb_in_a_png() -> None:
    bomb = png(1, 1, 8, 0, b"\0\0", (b"zTXt", b"k\0\0" + zlib.compress(bytes(20_000_000))))
    with pytest.raises(PageError, match="damaged"):
        load_image(bomb)


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(PageError, match="is a folder, not a picture: iter_pages gives its pages"):
        load_image(tmp_path)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(encode(rgb(), "PNG"))
    path.chmod(0)
    if os.access(path, os.R_OK):  # Root may read anything: let the test give the system's answer.
        true_open = Path.open

        def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
            if self == path:
                raise PermissionError(13, "Permission denied", str(self))
            return true_open(self, *args, **kwargs)

        monkeypatch.setattr(Path, "open", refuse)
    assert failure(path) == f"{path}: may not be read: check its permissions."


def test_names_with_odd_characters_stay_one_line(tmp_path: Path) -> None:
    message = failure(f"{tmp_path}/a\nb\x1b[31m.png")
    assert "\x1b" not in message


def test_max_bytes_of_an_open_file() -> None:
    with pytest.raises(PageError, match=r"is larger than 100 bytes: save it to a file first, or raise max_bytes\."):
        load_image(io.BytesIO(bytes(101)), max_bytes=100)


# ---------------------------------------------------------------------------------------------------- folders, lists


def test_folder_in_natural_order(tmp_path: Path) -> None:
    for name in ("page10.png", "Page2.png", "page1.PNG", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(encode(gray(), "PNG"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub.png").mkdir()
    pages = list(iter_pages(tmp_path))
    assert [Path(page.name).name for page in pages] == ["page1.PNG", "Page2.png", "page10.png"]
    assert [page.index for page in pages] == [0, 1, 2]


def test_natural_key() -> None:
    ordered = ["9", "10", "a", "a1b2", "a1b10", "A9", "a9", "A9b", "a10", "b1"]
    shuffled = ordered[5:] + ordered[:5]
    assert sorted(shuffled, key=natural_key) == ordered


def test_folder_without_pages(tmp_path: Path) -> None:
    assert "has no pages among its 0 files" in failure(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    assert failure(str(tmp_path)).startswith(f"{tmp_path}: has no pages among its 1 files: pictures (.png, .jpg")


def test_lists_nest_and_pages_are_loaded_one_at_a_time() -> None:
    taken = []

    def sources() -> Iterator[Any]:
        for level in range(3):
            taken.append(level)
            yield [Image.new("L", (4, 4), level)]

    pages = iter_pages(sources())
    assert np.asarray(next(pages).image)[0, 0, 0] == 0
    assert taken == [0]
    assert [page.index for page in pages] == [1, 2]


def test_one_bad_page_does_not_cost_the_others(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(encode(gray(), "PNG"))
    (tmp_path / "2.png").write_bytes(b"broken")
    (tmp_path / "3.pdf").write_bytes(b"%PDF-1.7 broken")
    (tmp_path / "4.png").write_bytes(encode(gray(), "PNG"))
    results: list[Any] = []
    for found in find_pages([tmp_path, "missing.png", gray()]):
        try:
            results.append(found.load().image.size)
        except PageError:
            results.append(found.source)
    size = (256, 64)
    assert results == [size, str(tmp_path / "2.png"), str(tmp_path / "3.pdf"), size, "missing.png", size]


# ------------------------------------------------------------------------------------------------------ TIFF and PDF


def test_pages_of_a_tiff(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "fax.tif"
    path.write_bytes(tiff(*(Image.new("L", (8 + level, 8), level) for level in (10, 20, 30, 40))))
    pages = list(iter_pages(path))
    assert [np.asarray(page.image)[0, 0, 0] for page in pages] == [10, 20, 30, 40]
    assert [page.name for page in pages] == [f"{path}#page={number}" for number in (1, 2, 3, 4)]
    assert {page.source for page in pages} == {str(path)}
    assert [page.number for page in iter_pages(path, pages="4,2-3")] == [2, 3, 4]
    assert "fax.tif: has 4 pages, but page 5 was asked for." in failure(path, pages="5")
    assert np.asarray(load_image(path))[0, 0, 0] == 10
    assert "has several pages, the first is taken" in caplog.text


def test_mixed_frames_of_a_tiff() -> None:
    frames = [Image.new("1", (8, 8), 1), Image.new("RGB", (9, 9), "red"), Image.fromarray(RAMP_16)]
    assert [page.image.size for page in iter_pages(tiff(*frames))] == [(8, 8), (9, 9), (256, 64)]


def test_reduced_copies_in_a_tiff_are_no_pages() -> None:
    thumbnail = Image.new("L", (8, 8))
    thumbnail.encoderinfo = {"tiffinfo": {254: 1}}
    data = encode(Image.new("L", (32, 32)), "TIFF", save_all=True, append_images=[thumbnail])
    assert [page.image.size for page in iter_pages(data)] == [(32, 32)]


def test_truncated_tiff_of_several_pages() -> None:
    data = tiff(*(Image.fromarray(RAMP) for _ in range(3)))
    troubles = []
    for length in range(100, len(data), 4001):
        for found in find_pages(data[:length]):
            try:
                found.load()
            except PageError as error:
                troubles.append(str(error))
    assert troubles
    assert not [trouble for trouble in troubles if "\n" in trouble]


def test_pages_of_a_pdf(tmp_path: Path) -> None:
    path = tmp_path / "doc.pdf"
    path.write_bytes(pdf(3))
    pages = list(iter_pages(path, dpi=144))
    assert [page.image.size for page in pages] == [(144, 288)] * 3
    assert [page.name for page in pages] == [f"{path}#page={number}" for number in (1, 2, 3)]
    assert [page.number for page in iter_pages(path, pages=[3, 1])] == [1, 3]
    assert [page.number for page in iter_pages(path.read_bytes(), pages="2-")] == [2, 3]
    assert "has 3 pages, but page 7 was asked for" in failure(path, pages="1-3,7")
    with pytest.raises(PageError, match="is a PDF, not a picture: iter_pages gives its pages"):
        load_image(path)


def test_a_turned_page_of_a_pdf_is_upright() -> None:
    pypdf = pytest.importorskip("pypdf")
    picture = Image.new("L", (100, 200), 255)
    picture.paste(0, (0, 0, 50, 50))
    writer = pypdf.PdfWriter()
    writer.add_page(pypdf.PdfReader(io.BytesIO(encode(picture, "PDF", resolution=72))).pages[0]).rotate(90)
    buffer = io.BytesIO()
    writer.write(buffer)
    (page,) = iter_pages(buffer.getvalue(), dpi=72)
    assert page.image.size == (200, 100)
    pixels = np.asarray(page.image.convert("L"))
    assert pixels[25, 175] < 40  # turned clockwise, the mark stands top right
    assert pixels[75, 25] > 215


def test_encrypted_pdf(tmp_path: Path) -> None:
    path = tmp_path / "secret.pdf"
    path.write_bytes(pdf(2, password="open sesame"))
    assert failure(path) == f"{path}: is an encrypted PDF: give its password, or save it without one."
    assert "the password given does not open it" in failure(path, password="wrong")
    assert len(list(iter_pages(path, password="open sesame"))) == 2


@pytest.mark.parametrize("make", [lambda: b"%PDF-1.7\n", lambda: b"%PDF-1.4\n%%EOF", lambda: pdf(2)[:80]])
def test_damaged_pdf(make: Callable[[], bytes]) -> None:
    assert "is a damaged PDF, or none" in failure(make())


def test_a_picture_that_calls_itself_pdf(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(encode(gray(), "PNG"))
    assert "is a damaged PDF, or none" in failure(path)


def test_huge_page_of_a_pdf() -> None:
    message = failure(pdf(1), dpi=60000)
    assert "at 60000 dpi: 60000 x 120000 pixels are 7,200,000,000" in message
    assert "lower dpi" in message


def test_pdf_without_pdfium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    assert "reading a PDF needs pypdfium2: pip install" in failure(b"%PDF-1.7")


def test_a_pdf_is_closed_when_the_loop_is_left() -> None:
    pages = iter_pages(pdf(3))
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    assert len(list(iter_pages(pdf(3)))) == 3


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ("1-3,7", ((1, 3), (7, 7))),
        (" 2 - 4 ", ((2, 4),)),
        ("5-", ((5, None),)),
        ([3, 1], ((3, 3), (1, 1))),
        (None, None),
    ],
)
def test_page_numbers(pages: Any, expected: Any) -> None:
    assert parse_page_numbers(pages) == expected


@pytest.mark.parametrize("pages", ["", "0", "3-1", "a", "1,,2", "-3", "1.5", [], [0], ["x"], "1-2-3", "9" * 20])
def test_wrong_page_numbers(pages: Any) -> None:
    with pytest.raises(PageError, match="pages must"):
        parse_page_numbers(pages)


# -------------------------------------------------------------------------------------------------------------- URLs


class Handler(QuietHandler):
    """A server of good and bad answers."""

    def do_GET(self) -> None:
        name = self.path.strip("/").replace("%20", ".").split(".")[0]
        getattr(self, f"answer_{name}")()

    def reply(self, body: bytes, content_type: str = "image/png", status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Type": content_type, "Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, pieces: int, pause_s: float, piece: bytes) -> None:
        try:
            for _ in range(pieces):
                self.wfile.write(piece)
                self.wfile.flush()
                time.sleep(pause_s)
        except OSError:
            return

    def answer_page(self) -> None:
        self.reply(encode(rgb(), "PNG"))

    def answer_octets(self) -> None:
        self.reply(encode(rgb(), "PNG"), "application/octet-stream")

    def answer_doc(self) -> None:
        self.reply(pdf(2), "application/pdf")

    def answer_html(self) -> None:
        self.reply(b"<html>log in first</html>", "text/html")

    def answer_empty(self) -> None:
        self.reply(b"")

    def answer_missing(self) -> None:
        self.reply(b"gone", "text/plain", status=404)

    def answer_announced(self) -> None:
        self.reply(b"", Content_Length="99999999")

    def answer_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.drip(1000, 0, bytes(65536))

    def answer_short(self) -> None:
        self.reply(encode(rgb(), "PNG")[:100], Content_Length="5000")

    def answer_drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.drip(60, 0.05, b"x")

    def answer_headers(self) -> None:
        self.drip(60, 0.05, b"H")

    def answer_silent(self) -> None:
        time.sleep(3)

    def answer_redirect(self) -> None:
        self.reply(b"", status=302, Location="/page.png")

    def answer_tofile(self) -> None:
        self.reply(b"", status=302, Location="file:///etc/passwd")

    def answer_toftp(self) -> None:
        self.reply(b"", status=301, Location="ftp://127.0.0.1/x")

    def answer_loop(self) -> None:
        self.reply(b"", status=302, Location="/loop")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serve(Handler) as address:
        yield f"http://{address}"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("path", ["page.png", "octets", "redirect", "page é.png?a=b c"])
def test_url(server: str, path: str) -> None:
    assert_looks_like(load_image(f"{server}/{path}"), RAMP_RGB, EXACT)


def test_a_fragment_is_part_of_the_name_and_not_sent(server: str) -> None:
    (page,) = iter_pages(f"{server}/page.png#page=1")
    assert page.source == page.name == f"{server}/page.png#page=1"


def test_url_of_a_pdf(server: str) -> None:
    pages = list(iter_pages(f"{server}/doc.pdf"))
    assert [page.name for page in pages] == [f"{server}/doc.pdf#page=1", f"{server}/doc.pdf#page=2"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing", "the server answered 404 Not Found: check the address."),
        ("html", "is no picture that can be read (the server calls it text/html)"),
        ("empty", "is empty (0 bytes)"),
        ("announced", "is larger than 1,000,000 bytes"),
        ("endless", "is larger than 1,000,000 bytes"),
        ("short", "can't be fetched: IncompleteRead"),
        ("tofile", "Redirection to url 'file:///etc/passwd' is not allowed"),
        ("toftp", "only URLs of the form http(s)://host/... are fetched"),
        ("loop", "the server answered 302"),
    ],
)
def test_bad_url(server: str, path: str, message: str) -> None:
    assert message in failure(f"{server}/{path}", max_bytes=1_000_000)


@pytest.mark.parametrize("path", ["drip", "headers", "silent"])
def test_slow_url(server: str, path: str) -> None:
    """The limit is for the whole, so a server that sends a byte now and then does not hold the run up."""
    start = time.perf_counter()
    message = failure(f"{server}/{path}", timeout_s=0.4)
    assert "did not arrive within 0.4 seconds: try again, or raise timeout_s." in message
    assert time.perf_counter() - start < 2.5


def test_no_server_there() -> None:
    assert "can't be fetched: Connection refused" in failure("http://127.0.0.1:9/page.png")


def test_passwords_of_urls_are_not_shown() -> None:
    assert "secret" not in failure("http://user:secret@127.0.0.1:9/page.png")


def test_no_torch_is_imported() -> None:
    code = "import sys, got_ocr.processing.pages; sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_link_that_leads_nowhere_is_a_page_that_fails(tmp_path: Path) -> None:
    """One link to itself made the whole folder one that can't be listed; one to nothing was no page at all."""
    rgb().save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("gone.png")
    (tmp_path / "c.png").symlink_to("c.png")
    (tmp_path / "d.png").symlink_to("a.png")
    (tmp_path / "e.png").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "f.png")
    outcomes = {}
    for found in find_pages(tmp_path):
        try:
            outcomes[Path(found.source).name] = found.load().image.mode
        except PageError as error:
            outcomes[Path(found.source).name] = str(error).removeprefix(f"{found.source}: ")
    assert outcomes.pop("c.png").startswith("can't be opened: ")
    assert outcomes == {
        "a.png": "RGB",
        "b.png": "is a link to a file that is not there: get the file, or link to another.",
        "d.png": "RGB",
    }
