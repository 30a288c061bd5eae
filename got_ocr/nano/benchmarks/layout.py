"""Does the reading path find the lines of a page? Counted on the tiers' pictures, whose lines are known, unread.

    python -m got_ocr.nano.benchmarks.layout [--tier pages] [--count 500] [--first 0] [--worst 20]
        [--corpus FILE] [--save DIR]

Pictures are drawn as got_ocr.nano.evaluate draws them and cut as `chat` cuts them, but nothing is read: each word
goes to the line that was found around it, as if the model made no error. What then differs from the truth is the
layout's: lines that were split, joined over a gutter, put out of order or lost, and words cut in two. It takes about a
processor second a page, a quarter of what reading takes. Of tiers that print a block, only the lines are counted.
"""

import argparse
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.evaluation.distances import edit_distance
from got_ocr.nano.materials import Materials
from got_ocr.nano.regions import draw_region
from got_ocr.nano.report import single_blanks
from got_ocr.nano.tiers import EVALUATION_SEED, PAGE_DPI, find_tiers
from got_ocr.slices.sliced_page import SlicedPage
from got_ocr.slices.slicing import slice_page
from got_ocr.synthesis.pages.drawing import Box, PageDrawing, draw_page

DRAWN = ("pages", "multi-page", "box")
UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # What a model would read where there is no text.
SIZE_LIMITS = (0.7, 1.4)  # Lines are found at so much of their size at least and at most, or count as off-size.
PADDING_PX = 5.0  # White that a piece is shown with, in all.
LEAST_SHARE = 0.4  # Of a word's box: a line that holds less of it doesn't show it.


@dataclass(frozen=True)
class Printed:
    """A picture and what is printed on it.

    Attributes:
        name: such as `pages 12`.
        image: the picture, as it is cut.
        lines: (text, box, em size in px) of each printed line in reading order; the size is 0 where it isn't known.
    """

    name: str
    image: Image.Image
    lines: tuple[tuple[str, Box, float], ...]


@dataclass(frozen=True)
class LayoutFigures:
    """What became of a picture's lines.

    Attributes:
        lines: that are printed.
        characters: of them.
        split: printed lines whose words were found in several lines.
        joined: found lines with words of several printed ones.
        disordered: printed lines that must move to be in order.
        lost: printed lines that no found line shows.
        extra: found lines where nothing is printed.
        off_size: lines that were not found at about their size.
        cut_words: cuts within words.
        errors: edit distance to the truth if every piece is read without an error, cuts within words not counted.
    """

    lines: int = 0
    characters: int = 0
    split: int = 0
    joined: int = 0
    disordered: int = 0
    lost: int = 0
    extra: int = 0
    off_size: int = 0
    cut_words: int = 0
    errors: int = 0

    def __add__(self, other: "LayoutFigures") -> "LayoutFigures":
        """Sum each figure."""
        return LayoutFigures(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def describe(page: PageDrawing, name: str, region: tuple[int, int, int, int] | None = None) -> Printed:
    """Take the lines of a drawn page, or of a region of it.

    Args:
        page: the drawing.
        name: for the list of the worst.
        region: (x1, y1, x2, y2) in px, which is cut out.

    Returns:
        The picture with its lines.
    """
    x1, y1, x2, y2 = region or (0, 0, *page.image.size)
    lines = []
    for block in page.blocks:
        size_px = page.body_px if block.kind in ("paragraph", "list") else 0.0
        for line in block.lines:
            left, top, right, bottom = line.box
            if x1 <= (left + right) / 2 < x2 and y1 <= (top + bottom) / 2 < y2:
                lines.append((line.text, (left - x1, top - y1, right - x1, bottom - y1), size_px))
    return Printed(name, page.image.crop((x1, y1, x2, y2)), tuple(lines))


def draw(materials: Materials, tier: str, number: int) -> Iterator[Printed]:
    """Draw a picture of a tier as it is measured, with its lines' places.

    Args:
        materials: fonts and text.
        tier: one of `DRAWN`.
        number: which picture; a document gives several pages.

    Yields:
        The pictures.
    """
    rng = np.random.default_rng((EVALUATION_SEED, zlib.crc32(tier.encode()), number))
    for place in range(2 + number % 7 if tier == "multi-page" else 1):
        dpi = float(rng.uniform(*PAGE_DPI))
        page = draw_page(rng, materials.known, dpi=dpi, max_characters=350 if tier == "multi-page" else None)
        region = draw_region(rng, page).box if tier == "box" else None
        yield describe(page, f"{tier} {number}" + (f", page {place + 1}" if tier == "multi-page" else ""), region)


def _words(printed: Printed, sliced: SlicedPage) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Place words by their characters' share of the line.

    Returns:
        (n) words, their (n, 4) boxes in the upright picture, and the (n,) numbers of their lines.
    """
    words, boxes, owner = [], [], []
    for number, (text, (x1, y1, x2, y2), _) in enumerate(printed.lines):
        unit = (x2 - x1) / max(len(text), 1)
        start = 0
        for word in text.split(" "):
            if word:
                words.append(word)
                boxes.append((x1 + start * unit, y1, x1 + (start + len(word)) * unit, y2))
                owner.append(number)
            start += len(word) + 1
    found = np.array(boxes, dtype=float).reshape(-1, 4)
    middle = np.array(sliced.size) / 2
    sine, cosine = np.sin(np.deg2rad(sliced.skew_degrees)), np.cos(np.deg2rad(sliced.skew_degrees))
    centre = (found[:, :2] + found[:, 2:]) / 2 - middle
    turned = np.stack([centre[:, 0] * cosine + centre[:, 1] * sine, centre[:, 1] * cosine - centre[:, 0] * sine], 1)
    shift = turned - centre
    return words, found + np.concatenate([shift, shift], 1), np.array(owner, dtype=int)


def _give_words(boxes: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Number of the found line that shows each word. (n, 4) and (m, 4) to (n,), -1 for none."""
    if not len(found):
        return np.full(len(boxes), -1)
    quarter = (boxes[:, 3] - boxes[:, 1])[:, None] / 4
    top, bottom = boxes[:, 1:2] + quarter, boxes[:, 3:] - quarter
    wide = np.minimum(boxes[:, 2:3], found[:, 2]) - np.maximum(boxes[:, 0:1], found[:, 0])
    high = np.minimum(bottom, found[:, 3]) - np.maximum(top, found[:, 1])
    share = wide.clip(0) / (boxes[:, 2:3] - boxes[:, 0:1]).clip(1) * high.clip(0) / (bottom - top).clip(1)
    off = np.abs((boxes[:, 1:2] + boxes[:, 3:]) - (found[:, 1] + found[:, 3])) / (8 * quarter)
    best = np.argmax(np.where(share > 0, share - 0.1 * off, -np.inf), axis=1)
    return np.where(share[np.arange(len(boxes)), best] > LEAST_SHARE, best, -1)


def _longest_rise(places: Sequence[int]) -> int:
    """Length of the longest strictly rising subsequence."""
    ends: list[int] = []
    for place in places:
        position = int(np.searchsorted(ends, place))
        ends[position : position + 1] = [place]
    return len(ends)


def _sizes(sliced: SlicedPage) -> np.ndarray:
    """(n,) em size in px at which each line was found, told by how much its first piece was scaled; 0 for no piece."""
    text_px = sliced.options.text_height_px
    sizes = np.zeros(len(sliced.line_boxes))
    for piece in sliced.pieces:
        # The slice shows a tenth of an em and some pixels above and below the box.
        shown = max(piece.slice_box[3] - piece.slice_box[1] - 0.2 * text_px, 1.0)
        size = text_px * (piece.box[3] - piece.box[1] + PADDING_PX) / shown
        sizes[piece.line] = sizes[piece.line] or size
    return sizes


def judge(printed: Printed, sliced: SlicedPage) -> LayoutFigures:
    """Compare what was found with what is printed.

    Args:
        printed: the picture.
        sliced: of `slice_page`.

    Returns:
        The figures.
    """
    words, boxes, owner = _words(printed, sliced)
    found = np.array(sliced.line_boxes, dtype=float).reshape(-1, 4)
    shown = _give_words(boxes, found)
    lines = [sorted(set(shown[owner == number].tolist()) - {-1}) for number in range(len(printed.lines))]
    answer = []
    for number, box in enumerate(found):
        own = np.flatnonzero(shown == number)
        text = " ".join(words[index] for index in own[np.argsort(boxes[own, 0], kind="stable")])
        answer.append(text or UNKNOWN * max(1, round((box[2] - box[0]) / (box[3] - box[1]))))
    truth = single_blanks(" ".join(text for text, _, _ in printed.lines))
    owners = [set(owner[shown == number].tolist()) for number in range(len(found))]
    order = [places[0] for places in lines if places]
    sizes = _sizes(sliced)
    off_size = 0
    for (_, _, size_px), places in zip(printed.lines, lines, strict=True):
        if size_px and len(places) == 1 and sizes[places[0]]:
            off_size += not SIZE_LIMITS[0] < sizes[places[0]] / size_px < SIZE_LIMITS[1]
    distinct = [place for number, place in enumerate(order) if place not in order[:number]]
    return LayoutFigures(
        lines=len(lines),
        characters=len(truth),
        split=sum(len(places) > 1 for places in lines),
        joined=sum(len(of) > 1 for of in owners),
        disordered=len(distinct) - _longest_rise(distinct),
        lost=sum(not places for places in lines),
        extra=sum(not of for of in owners),
        off_size=off_size,
        cut_words=sum(piece.joined for piece in sliced.pieces),
        errors=edit_distance(truth, single_blanks(" ".join(answer))),
    )


def save_picture(printed: Printed, sliced: SlicedPage, path: Path) -> None:
    """Draw the found lines over the picture: green boxes with their numbers, and a line from each to the next.

    Args:
        printed: the picture.
        sliced: of `slice_page`.
        path: PNG to write.
    """
    picture = printed.image.convert("RGB")
    pencil = ImageDraw.Draw(picture)
    last = None
    for number, box in enumerate(sliced.line_boxes):
        pencil.rectangle(box, outline=(0, 160, 0))
        pencil.text((box[0] - 2, box[1]), str(number), (220, 0, 0), anchor="ra", font_size=14)
        here = box[0], (box[1] + box[3]) // 2
        if last:
            pencil.line((*last, *here), (40, 80, 255))
        last = here
    picture.save(path)


def _row(name: str, figures: LayoutFigures) -> str:
    rate = 100 * figures.errors / max(figures.characters, 1)
    return f"| {name} | " + " | ".join(str(value) for value in astuple(figures)) + f" | {rate:.2f} |"


def table(judged: Sequence[tuple[str, LayoutFigures]], worst: int) -> str:
    """Sum the figures and list the worst pictures.

    Args:
        judged: (name, figures) of each picture.
        worst: how many to list.

    Returns:
        Markdown.
    """
    names = [field.name.replace("_", " ") for field in fields(LayoutFigures)]
    rows = [f"| picture | {' | '.join(names)} | CER % |", "|---" * (len(names) + 2) + "|"]
    total = sum((figures for _, figures in judged), LayoutFigures())
    rows.append(_row(f"all {len(judged)}", total))
    ranked = sorted(judged, key=lambda one: -one[1].errors)
    rows += [_row(name, figures) for name, figures in ranked[:worst] if figures.errors]
    return "\n".join(rows) + "\n"


def _count_lines(
    materials: Materials, tier_key: str, numbers: range, options: SlicingOptions, canvas_size: int
) -> str:
    """Count the lines of a tier that prints blocks. Returns a sentence."""
    (tier,) = find_tiers([tier_key])
    printed = found = 0
    differing = []
    for number in numbers:
        question = tier.question(materials, number)
        for image, text in zip(question.pages, question.texts, strict=True):
            count = len(slice_page(image, options, canvas_size).line_boxes)
            printed, found = printed + text.count("\n") + 1, found + count
            differing += [number] if count != text.count("\n") + 1 else []
    return f"{tier_key}: {printed} lines printed, {found} found; {len(differing)} pictures differ: {differing}\n"


def main() -> int:
    """Run the benchmark.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m got_ocr.nano.benchmarks.layout", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--tier", default="pages", help="pages, multi-page, box, or one that prints blocks (pages)")
    parser.add_argument("--first", type=int, default=0, help="number of the first picture (0)")
    parser.add_argument("--count", type=int, default=500, help="pictures (500)")
    parser.add_argument("--worst", type=int, default=20, help="pictures to list (20)")
    parser.add_argument("--corpus", type=Path, help="corpus.txt of an evaluation's output, to draw the same text")
    parser.add_argument("--config", type=Path, default=Path("configuration/training/nano.yaml"), help="for the fonts")
    parser.add_argument("--model", type=Path, default=Path("got_ocr/assets/nano"), help="the checkpoint's folder")
    parser.add_argument("--save", type=Path, help="folder for pictures of those with errors")
    parser.add_argument("--numbers", type=int, nargs="+", help="only these pictures")
    arguments = parser.parse_args()
    from tqdm import tqdm

    from got_ocr.configuration.config import GotOcrConfig
    from got_ocr.nano.config import NanoTrainingConfig

    config = GotOcrConfig.from_pretrained(arguments.model)
    options, canvas_size = SlicingOptions.from_dict(config.slicing), config.vision_config.image_size
    materials = Materials(NanoTrainingConfig.read(arguments.config), arguments.corpus)
    numbers = arguments.numbers or range(arguments.first, arguments.first + arguments.count)
    if arguments.tier not in DRAWN:
        sys.stdout.write(_count_lines(materials, arguments.tier, numbers, options, canvas_size))
        return 0
    judged = []
    for number in tqdm(numbers, unit="picture", disable=None):
        for printed in draw(materials, arguments.tier, number):
            sliced = slice_page(printed.image, options, canvas_size)
            judged.append((printed.name, judge(printed, sliced)))
            if arguments.save and judged[-1][1].errors:
                arguments.save.mkdir(parents=True, exist_ok=True)
                save_picture(printed, sliced, arguments.save / f"{printed.name.replace(', ', '-')}.png")
    sys.stdout.write(table(judged, arguments.worst))
    return 0


if __name__ == "__main__":
    sys.exit(main())
