"""TIFFs of many pages: found as they come, each loaded by itself, whatever their directories' chain looks like."""

import io
import itertools
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from got_ocr.processing import documents, isolation
from got_ocr.processing.options import PageError
from got_ocr.processing.pages import find_pages, iter_pages
from got_ocr.processing.tiff_pages import TiffPages
from tests.processing.test_pages import encode, rgb, tiff
from tests.support.hostile import many_frames_tiff

MANY = 60_000


@pytest.fixture(scope="module")
def many() -> bytes:
    return many_frames_tiff(MANY)


def chain(offsets: list[int], order: str = "<", is_big: bool = False) -> bytes:
    """A TIFF of 1 x 1 pages whose directories lie at `offsets` and are chained in that order, the last to 0."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if is_big else 42)
    head += struct.pack(order + "HHQ", 8, 0, offsets[0]) if is_big else struct.pack(order + "I", offsets[0])
    data = bytearray(max(offsets) + 300)
    data[: len(head)] = head
    data[-1] = 77  # The pixel of all.
    entries = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, len(data) - 1), (277, 1), (278, 1), (279, 1)]
    for here, following in itertools.zip_longest(offsets, offsets[1:], fillvalue=0):
        directory = struct.pack(order + ("Q" if is_big else "H"), len(entries))
        for tag, value in entries:
            directory += struct.pack(order + ("HHQQ" if is_big else "HHII"), tag, 16 if is_big else 4, 1, value)
        directory += struct.pack(order + ("Q" if is_big else "I"), following)
        data[here : here + len(directory)] = directory
    return bytes(data)


def test_the_first_pages_come_before_the_last_are_found(many: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    list_pages = documents.DocumentReader.list_pages
    monkeypatch.setattr(
        documents.DocumentReader, "list_pages", lambda self, after=0: asked.append(after) or list_pages(self, after)
    )
    found = find_pages(many, page_timeout_s=None)
    assert next(found).load().image.size == (4, 4)
    assert asked == [0]
    assert len(list(found)) == MANY - 1
    assert asked == list(range(0, MANY, documents.LISTED_AT_ONCE))


def test_every_page_of_a_long_file_can_be_had(many: bytes, tmp_path: Path) -> None:
    (tmp_path / "long.tif").write_bytes(many)
    found = list(find_pages(tmp_path / "long.tif"))
    assert [page.number for page in found] == list(range(1, MANY + 1))
    assert found[-1].name.endswith("long.tif#page=60000")
    assert [found[place].load().image.size for place in (0, 30_000, MANY - 1, 7)] == [(4, 4)] * 4


@pytest.mark.parametrize(
    ("pages", "numbers"),
    [
        ("59998-", [59_998, 59_999, 60_000]),
        ("1,499-502,60000", [1, 499, 500, 501, 502, 60_000]),
        ("500-501", [500, 501]),
    ],
)
def test_chosen_pages_of_a_long_file(many: bytes, pages: str, numbers: list[int]) -> None:
    assert [page.number for page in find_pages(many, pages=pages)] == numbers


def test_a_page_behind_the_end(many: bytes) -> None:
    (found,) = find_pages(many, pages="3,60001")
    with pytest.raises(PageError, match="has 60000 pages, but page 60001 was asked for"):
        found.load()


def test_memory_stays_small(many: bytes, tmp_path: Path) -> None:
    (tmp_path / "long.tif").write_bytes(many)
    with (tmp_path / "long.tif").open("rb") as file:
        tracemalloc.start()
        try:
            assert TiffPages(file).find(10**9) == MANY
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 40 * MANY


@pytest.mark.parametrize("is_big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("offsets", [[16], [16, 400, 800], [800, 400, 1600, 16]])
def test_chains_of_every_form(order: str, is_big: bool, offsets: list[int]) -> None:
    data = chain(offsets, order, is_big)
    assert TiffPages(io.BytesIO(data)).find(100) == len(offsets)
    if not (is_big and order == ">"):  # Which Pillow does not know.
        assert [np.asarray(page.image)[0, 0, 0] for page in iter_pages(data)] == [77] * len(offsets)


@pytest.mark.parametrize("offsets", [[16, 400, 16], [400, 16, 400], [16, 16], [800, 400, 1200, 16, 400]])
def test_a_ring_ends_where_it_began(offsets: list[int]) -> None:
    data = bytearray(chain(offsets))
    assert TiffPages(io.BytesIO(bytes(data))).find(10**6) <= len(set(offsets))
    ring = bytearray(chain([16, 400, 800]))
    struct.pack_into("<I", ring, 800 + 2 + 9 * 12, 400)
    assert TiffPages(io.BytesIO(bytes(ring))).find(10**6) == 3
    assert len(list(iter_pages(bytes(ring)))) == 3


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "jpeg", "group4", "packbits"])
@pytest.mark.parametrize("is_file", [False, True])
def test_pixels_are_those_that_pillow_gives(compression: Any, is_file: bool, tmp_path: Path) -> None:
    frames = [rgb().rotate(90 * turn, expand=True) for turn in range(4)]
    frames = [frame.convert("1") for frame in frames] if compression == "group4" else frames
    data = encode(frames[0], "TIFF", save_all=True, append_images=frames[1:], compression=compression)
    source: Any = data
    if is_file:
        source = tmp_path / "a.tif"
        source.write_bytes(data)
    expected = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(4):
            image.seek(number)
            expected.append(np.asarray(image.convert("RGB")))
    found = list(find_pages(source))
    for number in (2, 0, 3, 1):
        assert np.array_equal(np.asarray(found[number].load().image), expected[number])


def test_a_damaged_directory_keeps_the_pages_before_it() -> None:
    data = bytearray(chain([16, 400, 800]))
    struct.pack_into("<H", data, 800, 60_000)  # So many entries there are in no directory.
    found = list(find_pages(bytes(data)))
    assert [page.load().number for page in found] == [1, 2]
    struct.pack_into("<I", data, 400 + 2 + 9 * 12, 10**8)  # Leads out of the file.
    assert len(list(iter_pages(bytes(data)))) == 2


def test_a_worker_that_is_replaced_goes_on(many: bytes) -> None:
    found = find_pages(many)
    for _ in range(documents.LISTED_AT_ONCE):
        next(found)
    isolation.end_all()
    for worker in list(isolation._workers):
        worker._process.wait()
    rest = list(found)
    assert [page.number for page in rest[:2]] == [501, 502]
    assert len(rest) == MANY - documents.LISTED_AT_ONCE


def test_a_file_that_goes_away_half_way_fails_where_it_ended(many: bytes, tmp_path: Path) -> None:
    path = tmp_path / "long.tif"
    path.write_bytes(many)
    found = find_pages(path, page_timeout_s=None)
    pages = [next(found) for _ in range(documents.LISTED_AT_ONCE)]
    next(iter_pages(tiff(rgb(), rgb()), page_timeout_s=None))  # Another document is open now.
    path.unlink()
    (last,) = found
    assert (last.name, last.number) == (f"{path}#page=501", 501)
    with pytest.raises(PageError, match=r"long\.tif: can.t be read: No such file"):
        last.load()
    assert pages[-1].number == 500
