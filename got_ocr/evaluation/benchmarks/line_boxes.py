"""How often a whole page's text gets the right boxes: `got_ocr.layout.text_places` on pages whose lines are known.

    python -m got_ocr.evaluation.benchmarks.line_boxes [--count 60] [--seed 1] [--corpus FILE]
    python -m got_ocr.evaluation.benchmarks.line_boxes --real FOLDER [--answers FILE.jsonl] [--reader tesseract]

Drawn pages have their truth's lines. Of real pictures (any below FOLDER) the built-in model's answer gives lines
with boxes, since it reads line by line; joined into plain text they are matched anew, without its boxes. That measures
the matching alone, on lines that the layout has itself. `--reader tesseract` takes text and boxes of Tesseract, which
finds lines and their order by itself, as a model that reads whole pages does: what is wrong then may be the layout,
the matching, or Tesseract. The text is that of the lines, changed as answers differ from a page (`CASES`); where each
character comes from stays known.

Printed for each case, in characters: `boxed` (stand on a line that was matched), `right` of those (their own line has
at least half of its area there, or half of the box), and `lines`, the share of boxed lines of whose characters most
are right. No GPU and no full model is needed; a page takes a second or less.
"""

import argparse
import csv
import io
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ...layout.page import analyse_page
from ...layout.text_places import PlacedText, place_text
from ...processing.pictures import load_image

Box = tuple[float, float, float, float]
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
CASES = ("as it is", "5 % wrong", "joined", "20 % wrong, joined", "lines lacking", "lines invented", "blocks swapped")
LEAST_OVERLAP = 0.5  # of the truth's line or of the box
MOST_RIGHT = 0.7  # of a boxed line's characters: then the line counts as right
LACKING, INVENTED = 0.15, 0.1  # shares of the page's lines
LETTERS = "etaoinsrhldcumfpgwybvkxjqz"
INVENTED_TEXT = "the words of this line are not on the page but a model wrote them all the same and went on"


@dataclass(frozen=True)
class TruthLine:
    """A line of a page.

    Attributes:
        text: What stands there.
        box: Where, in px.
        block: Number of its paragraph.
    """

    text: str
    box: Box
    block: int


@dataclass(frozen=True)
class KnownText:
    """A text that stands for a model's answer.

    Attributes:
        text: The answer.
        owners: Of each character, the number of its line on the page; -1 for white space and what was invented.
    """

    text: str
    owners: list[int]


@dataclass
class Counts:
    """What became of characters and lines."""

    characters: int = 0
    boxed: int = 0
    right: int = 0
    lines: int = 0
    right_lines: int = 0
    wrong: list[str] = field(default_factory=list)


def make_answer(lines: Sequence[TruthLine], case: str, chance: random.Random) -> KnownText:
    """Write a page's text as a model might.

    Args:
        lines: The page's.
        case: One of `CASES`.
        chance: Decides.

    Returns:
        The text.
    """
    order = list(range(len(lines)))
    if case == "lines lacking":
        order = [number for number in order if chance.random() >= LACKING]
    if case == "blocks swapped":
        blocks = list(dict.fromkeys(line.block for line in lines))
        if len(blocks) > 1:
            first = chance.randrange(len(blocks) - 1)
            blocks[first], blocks[first + 1] = blocks[first + 1], blocks[first]
        order.sort(key=lambda number: blocks.index(lines[number].block))
    share_wrong = 0.0 if case == "as it is" else 0.2 if "20 %" in case else 0.05
    text = ""
    owners: list[int] = []
    last = -1
    for number in order:
        if case == "lines invented" and chance.random() < INVENTED:
            start = chance.randrange(30)
            made_up = INVENTED_TEXT[start : start + chance.randrange(15, 60)] + "\n"
            made_up = "\n" * (bool(text) and not text.endswith("\n")) + made_up
            text, owners = text + made_up, owners + [-1] * len(made_up)
        if text and not text.endswith("\n"):
            same = last >= 0 and lines[last].block == lines[number].block
            text, owners = text + (" " if "joined" in case and same else "\n"), [*owners, -1]
        for character in lines[number].text:
            for written in _misread(character, share_wrong, chance):
                text += written
                owners.append(-1 if written.isspace() else number)
        last = number
    return KnownText(text, owners)


def _misread(character: str, share: float, chance: random.Random) -> str:
    if chance.random() >= share:
        return character
    return chance.choice(("", chance.choice(LETTERS), character + chance.choice(LETTERS)))


def count_places(
    truth: Sequence[TruthLine], answer: KnownText, placed: Sequence[tuple[PlacedText, Box | None]]
) -> Counts:
    """Count what stands where it should.

    Args:
        truth: The page's lines.
        answer: The text.
        placed: Its parts with their boxes.

    Returns:
        The counts.
    """
    counts = Counts(characters=sum(owner >= 0 for owner in answer.owners))
    for part, box in placed:
        if box is None:
            continue
        owners = [owner for start in range(part.start, part.end) if (owner := answer.owners[start]) >= 0]
        visible = sum(not character.isspace() for character in answer.text[part.start : part.end])
        right = sum(overlap(truth[owner].box, box) >= LEAST_OVERLAP for owner in owners)
        counts.boxed += visible
        counts.right += right
        counts.lines += 1
        counts.right_lines += right >= MOST_RIGHT * visible
        if right < MOST_RIGHT * visible:
            counts.wrong.append(answer.text[part.start : part.end])
    return counts


def overlap(one: Box, other: Box) -> float:
    """Share of the smaller of two boxes that the other covers."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return max(width, 0.0) * max(height, 0.0) / max(smaller, 1.0)


def drawn_pages(count: int, seed: int, corpus: Path | None) -> Iterator[tuple[str, Image.Image, list[TruthLine]]]:
    """Draw pages. Yields: names, pictures and their lines."""
    from ...synthesis.pages.drawing import draw_page
    from ...synthesis.resources import Resources

    resources = Resources(corpus_files=(corpus,) if corpus is not None else (), held_out=True)
    for number in range(count):
        page = draw_page(np.random.default_rng((seed, number)), resources)
        lines = []
        for block, drawn in enumerate(page.blocks):
            lines += [TruthLine(line.text, line.box, block) for line in drawn.lines]
        yield f"drawn {number}", page.image, lines


def real_pages(folder: Path, kept: Path | None, reader: str) -> Iterator[tuple[str, Image.Image, list[TruthLine]]]:
    """Read real pictures with the built-in model or Tesseract, or take what was read. Yields: as `drawn_pages`."""
    answers = {}
    if kept is not None and kept.exists():
        answers = {entry["name"]: entry["lines"] for entry in map(json.loads, kept.read_text("utf-8").splitlines())}
    read = _open_builtin() if reader == "nano" else _read_by_tesseract
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES):
        name = path.relative_to(folder).as_posix()
        picture = load_image(path)
        if name not in answers:
            answers[name] = read(picture)
            if kept is not None:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"name": name, "lines": answers[name]}) + "\n")
        lines = [TruthLine(text, tuple(box), block) for text, box, block in answers[name]]
        if lines:
            yield name, picture, lines


def _open_builtin() -> Callable[[Image.Image], list[tuple[str, Box, int | None]]]:
    from ...hub.cache import BUILTIN_CHECKPOINT
    from ...light import open_light

    light = open_light(BUILTIN_CHECKPOINT)
    if light is None:
        raise ValueError(f"{BUILTIN_CHECKPOINT} can't be read by numpy.")

    def read(picture: Image.Image) -> list[tuple[str, Box, int | None]]:
        (answer,) = light.read(None, [picture])
        return [(line.text, line.box, line.block) for line in answer.lines if line.box is not None]

    return read


def _read_by_tesseract(picture: Image.Image) -> list[tuple[str, Box, int | None]]:
    """Read by Tesseract. Returns: its lines, with the boxes around their words and the numbers of their paragraphs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.png"
        picture.save(path)
        command = ["tesseract", str(path), "-", "-l", "eng", "--psm", "3", "tsv"]
        said = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "OMP_THREAD_LIMIT": "1"}
        )
    lines: dict[tuple[str, str, str], list[tuple[str, Box]]] = {}
    for row in csv.DictReader(io.StringIO(said.stdout), delimiter="\t", quoting=csv.QUOTE_NONE):
        if (row["text"] or "").strip():
            left, top, width, height = (float(row[name]) for name in ("left", "top", "width", "height"))
            place = row["block_num"], row["par_num"], row["line_num"]
            lines.setdefault(place, []).append((row["text"], (left, top, left + width, top + height)))
    paragraphs = list(dict.fromkeys(place[:2] for place in lines))
    found: list[tuple[str, Box, int | None]] = []
    for (block, paragraph, _), words in lines.items():
        edges = list(zip(*(box for _, box in words), strict=True))
        box = (min(edges[0]), min(edges[1]), max(edges[2]), max(edges[3]))
        found.append((" ".join(word for word, _ in words), box, paragraphs.index((block, paragraph))))
    return found


def measure(
    pages: Iterator[tuple[str, Image.Image, list[TruthLine]]],
    seed: int,
    show_wrong: bool,
    cases: Sequence[str] = CASES,
) -> dict[str, Counts]:
    """Match each page's text in each of the cases. Returns: the counts by case."""
    sums = {case: Counts() for case in cases}
    for number, (name, picture, truth) in enumerate(pages):
        layout = analyse_page(picture, keep_pixels=True)
        for case in cases:
            answer = make_answer(truth, case, random.Random(f"{seed} {number} {case}"))
            boxes = [
                (part, None if part.line is None else layout.place(layout.upright_lines[part.line].box))
                for part in place_text(layout, answer.text)
            ]
            counts = count_places(truth, answer, boxes)
            for field_name in ("characters", "boxed", "right", "lines", "right_lines"):
                setattr(sums[case], field_name, getattr(sums[case], field_name) + getattr(counts, field_name))
            if show_wrong and counts.wrong:
                print(f"{name}, {case}: {counts.wrong}", file=sys.stderr)
            print(f"\r{number + 1} pages", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return sums


def main() -> int:
    """Measure and print. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="UTF-8 text to draw instead of the machine's")
    parser.add_argument("--real", type=Path, help="folder of real pictures")
    parser.add_argument("--answers", type=Path, help="keeps what was read of them")
    parser.add_argument("--reader", choices=("nano", "tesseract"), default="nano", help="whose lines of real pictures")
    parser.add_argument("--case", action="append", choices=CASES, help="only this; repeatable")
    parser.add_argument("--show-wrong", action="store_true")
    options = parser.parse_args()
    pages = (
        real_pages(options.real, options.answers, options.reader)
        if options.real is not None
        else drawn_pages(options.count, options.seed, options.corpus)
    )
    print("| text | characters | boxed | right of those | lines right |\n|---|---:|---:|---:|---:|")
    for case, counts in measure(pages, options.seed, options.show_wrong, options.case or CASES).items():
        boxed, lines = max(counts.boxed, 1), max(counts.lines, 1)
        print(
            f"| {case} | {counts.characters} | {100 * counts.boxed / max(counts.characters, 1):.1f} % "
            f"| {100 * counts.right / boxed:.2f} % | {100 * counts.right_lines / lines:.2f} % |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
