"""Pages and documents to read in bulk: small ones by the thousand, and PDFs of all awkward kinds."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

WORDS = ("page", "that", "is", "read", "once", "by", "many", "workers", "and", "written", "to", "one", "row", "of")
WIDTH_PX, HEIGHT_PX = 200, 40


def write_small_pages(folder: Path, count: int) -> list[Path]:
    """Write pictures of one short line each, no two alike.

    Args:
        folder: Made if it is not there; 1000 pictures a folder below it.
        count: How many.

    Returns:
        The files.
    """
    files = []
    for number in range(count):
        file = folder / f"{number // 1000:03d}" / f"{number:06d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("L", (WIDTH_PX, HEIGHT_PX), 255)
        words = f"{random.Random(number).choice(WORDS)} {number}"
        ImageDraw.Draw(image).text((10, 8), words, fill=0, font_size=20)
        image.save(file)
        files.append(file)
    return files


def write_awkward_pdfs(folder: Path, count: int, seed: int = 0) -> dict[str, str | None]:
    """Write PDFs of all awkward kinds, in turn, among good ones.

    Args:
        folder: Made if it is not there.
        count: How many.
        seed: Of what differs between two of a kind.

    Returns:
        By file name the kind of the failure that is expected, None for a good one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    makers: list[tuple[str, Callable[[Path, random.Random], None], str | None]] = [
        ("good", _write_good, None),
        ("encrypted", _write_encrypted, "encrypted"),
        ("cut", _write_cut, "damaged"),
        ("rotated", _write_rotated, None),
        ("noise", _write_noise, "damaged"),
        ("no_pages", _write_without_pages, "no pages"),
        ("huge", _write_huge, "too large"),
        ("empty", _write_empty, "empty"),
        ("broken_page", _write_broken_stream, None),
        ("text", _write_text_file, "damaged"),
    ]
    expected = {}
    for number in range(count):
        name, make, kind = makers[number % len(makers)]
        file = folder / f"{number:03d}_{name}.pdf"
        make(file, random.Random(seed * 1000 + number))
        expected[file.name] = kind
    return expected


def _picture(chance: random.Random) -> Image.Image:
    image = Image.new("RGB", (220, 60), "white")
    ImageDraw.Draw(image).text(
        (12, 16), f"{chance.choice(WORDS)} {chance.randrange(10**9)}", fill="black", font_size=20
    )
    return image


def _write_good(file: Path, chance: random.Random) -> None:
    _picture(chance).save(file, resolution=100)


def _write_rotated(file: Path, chance: random.Random) -> None:
    import pypdfium2

    _write_good(file, chance)
    document = pypdfium2.PdfDocument(file.read_bytes())
    document[0].set_rotation(chance.choice((90, 180, 270)))
    document.save(str(file))
    document.close()


def _write_encrypted(file: Path, chance: random.Random) -> None:
    """Write a PDF that opens with a password only: by pypdf or pikepdf, whichever is there."""
    try:
        import pikepdf
    except ModuleNotFoundError:
        from pypdf import PdfReader, PdfWriter

        _write_good(file, chance)
        writer = PdfWriter(clone_from=PdfReader(file))
        writer.encrypt("secret", algorithm="RC4-128")
        writer.write(file)
        return
    _write_good(file, chance)
    with pikepdf.open(file, allow_overwriting_input=True) as document:
        document.save(file, encryption=pikepdf.Encryption(owner="owner", user="secret"))


def _write_cut(file: Path, chance: random.Random) -> None:
    _write_good(file, chance)
    data = file.read_bytes()
    file.write_bytes(data[: chance.randrange(20, 200)])


def _write_noise(file: Path, chance: random.Random) -> None:
    file.write_bytes(b"%PDF-1.7\n" + chance.randbytes(3000))


def _write_text_file(file: Path, chance: random.Random) -> None:
    file.write_text(f"This is no PDF, but a note with the number {chance.randrange(10**9)}.\n", encoding="utf-8")


def _write_empty(file: Path, chance: random.Random) -> None:
    file.touch()


def _write_without_pages(file: Path, chance: random.Random) -> None:
    file.write_bytes(_pdf(f"<< /Type /Pages /Kids [] /Count 0 /Number {chance.randrange(10**9)} >>"))


def _write_huge(file: Path, chance: random.Random) -> None:
    # In points: at 200 dpi more pixels than any limit allows. The number makes no two files alike.
    page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 14000 14000] /Number {chance.randrange(10**9)} >>"
    file.write_bytes(_pdf("<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page))


def _write_broken_stream(file: Path, chance: random.Random) -> None:
    """Write a page whose drawing is nonsense: it has nothing on it, and is blank."""
    page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 60] /Contents 4 0 R >>"
    data = chance.randbytes(60).hex()
    stream = f"<< /Length {len(data)} /Filter /FlateDecode >>\nstream\n{data}\nendstream"
    file.write_bytes(_pdf("<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, stream))


def _pdf(*objects: str) -> bytes:
    """Write the objects 2, 3 ... of a PDF with their table."""
    data = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(("<< /Type /Catalog /Pages 2 0 R >>", *objects), start=1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    start = len(data)
    size = len(offsets) + 1
    data += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n".encode()
    return data + f"startxref\n{start}\n%%EOF\n".encode()


def copy_fresh(folder: Path) -> Path:
    """Make a folder anew, empty. Returns: it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
