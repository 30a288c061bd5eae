"""What the built-in model gets wrong, as a picture: strips of drawn documents, what stands there and what was read.

    OMP_NUM_THREADS=1 python -m got_ocr.nano.benchmarks.failures --output FILE.png [--documents 12] [--rows 10]
        [--model got_ocr/assets/nano]

Receipts, forms and screens are drawn by seeds of their own and read whole; of each the row with most wrong characters
is shown, the worst first. Real documents err alike (figures stand in the card), but can't be shown.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from got_ocr.evaluation.distances import edit_distance
from got_ocr.nano.benchmarks.real_documents import open_reader
from got_ocr.reading.answer import GotOcrLine
from got_ocr.synthesis.documents.kinds import Forms, Receipts, Screens
from got_ocr.synthesis.resources import Resources

SEED = 7_000_003
SHORTEST = 3  # characters of a row that is shown
COLOURS = 64  # of the file, which is small then
KINDS = (Receipts, Forms, Screens)
WIDTH_PX, STRIP_PX, TEXT_PX, MARGIN_PX = 640, 56, 15, 10
PRINTED, READ = (40, 40, 40), (180, 40, 40)
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Failure:
    """A row that was misread.

    Attributes:
        strip: (H, W) RGB, the row and a little around it.
        printed: what stands there.
        read: what was read there, empty for nothing.
        errors: edit distance.
    """

    strip: Image.Image
    printed: str
    read: str
    errors: int


def rows_of(lines: Sequence[dict[str, Any]]) -> list[tuple[str, Box]]:
    """Put a drawn document's texts together by rows.

    Args:
        lines: `source["lines"]` of a sample: text, box in px and number of the row of each.

    Returns:
        Text and box of each row.
    """
    rows: dict[int, list[dict[str, Any]]] = {}
    for line in lines:
        rows.setdefault(line["row"], []).append(line)
    found = []
    for parts in rows.values():
        boxes = np.array([part["box"] for part in parts], dtype=float)
        x1, y1 = boxes[:, :2].min(0)
        x2, y2 = boxes[:, 2:].max(0)
        texts = [part["text"] for part in sorted(parts, key=lambda part: part["box"][0])]
        found.append((" ".join(" ".join(texts).split()), (float(x1), float(y1), float(x2), float(y2))))
    return found


def read_in(lines: Sequence[GotOcrLine], box: Box) -> str:
    """Tell what was read in a row. Args: lines: of an answer. box: the row's. Returns: it, from left to right."""
    inside = []
    for line in lines:
        if line.box is None:
            continue
        x1, y1, x2, y2 = line.box
        shared = min(y2, box[3]) - max(y1, box[1])
        if shared > 0.5 * min(y2 - y1, box[3] - box[1]) and x1 < box[2] and box[0] < x2:
            inside.append((x1, line.text))
    return " ".join(text for _, text in sorted(inside))


def find_failures(reader: Any, resources: Resources, documents: int) -> Iterator[Failure]:
    """Draw documents, read them, and find the worst row of each.

    Args:
        reader: of pages.
        resources: fonts and text to draw with.
        documents: how many.

    Yields:
        Failures; none for a document without an error.
    """
    kinds = [kind(resources) for kind in KINDS]
    for number in range(documents):
        sample = kinds[number % len(kinds)].draw(np.random.default_rng((SEED, number)))
        image = sample.images[0].convert("RGB")
        (answer,) = reader.read_pages(image)
        worst: Failure | None = None
        for printed, box in rows_of(sample.source["lines"]):
            read = read_in(answer.lines, box)
            errors = edit_distance(printed, read)
            if len(printed) >= SHORTEST and errors > (worst.errors if worst else 0):
                around = 0.3 * (box[3] - box[1])
                crop = (box[0] - around, box[1] - around, box[2] + around, box[3] + around)
                worst = Failure(image.crop(crop), printed, read, errors)
        if worst is not None:
            yield worst
        sys.stderr.write(f"\r{number + 1} of {documents} documents")
    sys.stderr.write("\n")


def draw_failures(failures: Sequence[Failure]) -> Image.Image:
    """Draw a sheet.

    Args:
        failures: from the top.

    Returns:
        (H, 640) RGB.

    Raises:
        ValueError: there are none.
    """
    if not failures:
        raise ValueError("there is nothing to show: no row was misread; draw more (--documents)")
    font = ImageFont.load_default(TEXT_PX)
    height = STRIP_PX + 2 * (TEXT_PX + 5) + 2 * MARGIN_PX
    sheet = Image.new("RGB", (WIDTH_PX, height * len(failures)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, failure in enumerate(failures):
        strip, y = failure.strip, number * height + MARGIN_PX
        scale = min((WIDTH_PX - 2 * MARGIN_PX) / strip.width, STRIP_PX / strip.height)
        size = max(1, round(strip.width * scale)), max(1, round(strip.height * scale))
        sheet.paste(strip.resize(size, Image.Resampling.LANCZOS), (MARGIN_PX, y))
        for text, colour in ((failure.printed, PRINTED), (failure.read or "(nothing)", READ)):
            y += TEXT_PX + 5 if colour == READ else STRIP_PX
            pen.text((MARGIN_PX, y), text, colour, font)
        pen.line((0, (number + 1) * height - 1, WIDTH_PX, (number + 1) * height - 1), (222, 222, 222))
    return sheet


def main(argv: list[str] | None = None) -> int:
    """Draw, read and write the sheet. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.png")
    parser.add_argument("--documents", type=int, default=12, help="how many are drawn and read (12)")
    parser.add_argument("--rows", type=int, default=10, help="how many are shown at most (10)")
    parser.add_argument("--model", type=Path, default=Path(__file__).resolve().parents[2] / "assets" / "nano")
    args = parser.parse_args(argv)
    reader = open_reader(parser, args.model)
    failures = find_failures(reader, Resources(), args.documents)
    found = sorted(failures, key=lambda one: -one.errors / len(one.printed))
    try:
        sheet = draw_failures(found[: args.rows])
    except ValueError as error:
        parser.error(str(error))
    sheet.quantize(COLOURS, dither=Image.Dither.NONE).save(args.output, optimize=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
