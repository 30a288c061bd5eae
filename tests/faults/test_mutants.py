"""Files damaged at random: each gives pages or one line that says what is wrong, and the process lives on."""

import io
import random
from collections.abc import Callable

import pytest
from PIL import Image

from got_ocr.processing.pages import PageError, find_pages
from tests.processing.test_pages import encode, pdf, rgb, tiff

SEED = 20_26
SHORT, LONG = 160, 10_000  # Mutants over all kinds.
OPTIONS = {"dpi": 40, "page_timeout_s": 10, "max_memory_bytes": 2**30, "max_pixels": 20_000_000}


def _gif() -> bytes:
    buffer = io.BytesIO()
    frames = [Image.new("P", (40, 30), level) for level in range(3)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


KINDS: dict[str, Callable[[], bytes]] = {
    "png": lambda: encode(rgb(), "PNG"),
    "png-16": lambda: encode(Image.new("I;16", (40, 30), 40_000), "PNG"),
    "png-palette": lambda: encode(rgb().quantize(16), "PNG"),
    "png-alpha": lambda: encode(rgb().convert("RGBA"), "PNG"),
    "jpeg": lambda: encode(rgb(), "JPEG"),
    "jpeg-progressive": lambda: encode(rgb(), "JPEG", progressive=True),
    "jpeg-cmyk": lambda: encode(rgb().convert("CMYK"), "JPEG"),
    "tiff": lambda: tiff(rgb(), Image.new("1", (30, 30)), Image.new("L", (20, 9))),
    "tiff-lzw": lambda: encode(rgb(), "TIFF", compression="tiff_lzw"),
    "tiff-g4": lambda: encode(rgb().convert("1"), "TIFF", compression="group4"),
    "tiff-jpeg": lambda: encode(rgb(), "TIFF", compression="jpeg"),
    "webp": lambda: encode(rgb(), "WEBP"),
    "bmp": lambda: encode(rgb(), "BMP"),
    "gif": _gif,
    "jpeg2000": lambda: encode(rgb(), "JPEG2000"),
    "tga": lambda: encode(rgb(), "TGA"),
    "ppm": lambda: encode(rgb(), "PPM"),
    "pcx": lambda: encode(rgb(), "PCX"),
    "ico": lambda: encode(rgb().resize((32, 32)), "ICO"),
    "pdf": lambda: pdf(3),
    "pdf-encrypted": lambda: pdf(2, password="x"),
    "pdf-picture": lambda: encode(rgb(), "PDF"),
}


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Damage a file in one of the ways in which files come damaged, or are made to."""
    mutant = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        way = chance.randrange(7)
        place = chance.randrange(len(mutant)) if mutant else 0
        if way == 0:
            mutant[place : place + 1] = bytes([chance.randrange(256)])
        elif way == 1:
            del mutant[place:]
        elif way == 2:
            del mutant[place : place + chance.randrange(1, 64)]
        elif way == 3:
            mutant[place:place] = chance.randbytes(chance.randrange(1, 64))
        elif way == 4:
            value = chance.choice((0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 0xFFFF))
            mutant[place : place + 4] = value.to_bytes(4, chance.choice(("little", "big")))
        elif way == 5:
            other = chance.randrange(len(mutant)) if mutant else 0
            mutant[place : place + 32] = mutant[other : other + 32]
        else:
            mutant[place : place + 8] = chance.choice((b"0", b"-1", b"9999999999", b"<<", b">>", b"/Kids", b"obj"))
    return bytes(mutant)


def look_at(mutant: bytes) -> str:
    """Load all pages of a mutant. Returns: `pages`, `error` or the limit that it broke."""
    outcome = "error"
    for found in find_pages(mutant, **OPTIONS):
        try:
            page = found.load()
        except PageError as error:
            message = str(error)
            assert message.isprintable()
            assert message.endswith(".")
            assert len(message) < 1000
            outcome = error.limit or outcome
        else:
            assert page.image.mode == "RGB"
            outcome = "pages"
        if found.index >= 20:
            break
    return outcome


def run_mutants(count: int) -> dict[str, dict[str, int]]:
    """Try mutants of all kinds in turn. Returns: by kind how often each came out."""
    chance = random.Random(SEED)
    originals = {kind: make() for kind, make in KINDS.items()}
    found: dict[str, dict[str, int]] = {kind: {} for kind in KINDS}
    kinds = list(KINDS)
    for number in range(count):
        kind = kinds[number % len(kinds)]
        outcome = look_at(mutate(originals[kind], chance))
        found[kind][outcome] = found[kind].get(outcome, 0) + 1
    return found


def test_originals_have_pages() -> None:
    for kind, make in KINDS.items():
        assert look_at(make()) == ("error" if kind == "pdf-encrypted" else "pages"), kind


def test_mutants() -> None:
    found = run_mutants(SHORT)
    assert sum(sum(outcomes.values()) for outcomes in found.values()) == SHORT


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_mutants(capsys: pytest.CaptureFixture[str]) -> None:
    found = run_mutants(LONG)
    with capsys.disabled():
        for kind, outcomes in found.items():
            print(f"{kind:<18} {outcomes}")
    limits = sum(outcomes.get(limit, 0) for outcomes in found.values() for limit in ("time", "memory", "crash"))
    assert limits < LONG / 50, "decoders break down more often than once in fifty damaged files"
