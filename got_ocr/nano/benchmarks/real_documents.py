"""Engines beside one another on real pictures, source by source: a Markdown table.

    OMP_NUM_THREADS=1 python -m got_ocr.nano.benchmarks.real_documents FOLDER [--engines got tesseract rapidocr]
        [--answers FILE.jsonl] [--sources NAME ...] [--limit 10] [--model got_ocr/assets/nano] [--one-line NAME ...]
        [--fold-case NAME ...]

Each subfolder of FOLDER is a source; a picture has its truth beside it in NAME.gt.txt, and an empty truth says that
there is nothing to read. Every engine reads the same files on one core. Text is compared after NFKC, quotes, dashes
and bullets folded, white space as single blanks. Printed for each source and engine: characters wrong (CER),
characters wrong with the reading order left out (bag), F1 of the words, both with their 95 % bootstrap interval over
pictures, CPU seconds a picture; and how many answers are empty where there is text, or invented where there is none.
Answers are kept in --answers and not read again.
"""

import argparse
import json
import math
import os
import resource
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...evaluation.engines import ENGINES, EngineOptions, make_engine
from ...evaluation.samples import Sample
from ...evaluation.statistics import Interval, bootstrap
from ...evaluation.text_metrics import character_errors
from ...light import open_light
from ...processing.pictures import load_image

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".pbm", ".ppm", ".webp", ".gif", ".jp2")
FOLDED = str.maketrans(
    {
        **dict.fromkeys("‘’`", "'"),
        **dict.fromkeys("“”„«»", '"'),
        **dict.fromkeys("–—‐‑−", "-"),
        **dict.fromkeys("•·●▪■", "*"),
        **dict.fromkeys("\u00ad\u200b\ufeff"),
    }
)
# Tesseract's page segmentation: a page whose orientation is found, and a single line.
PAGE_SEGMENTATION, LINE_SEGMENTATION = 1, 7


@dataclass(frozen=True)
class Read:
    """What an engine read of a picture.

    Attributes:
        engine: One of `ENGINES`.
        picture: `source/name`.
        text: The answer.
        cpu_s: CPU seconds, those of programs that the engine started included.
        error: Why there is no answer, or empty.
    """

    engine: str
    picture: str
    text: str
    cpu_s: float
    error: str = ""


def fold(text: str) -> str:
    """Write a text as it is compared."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(FOLDED).replace("''", '"').split())


def bag_errors(answer: str, truth: str) -> int:
    """Count the wrong characters with the order of words left out.

    Args:
        answer: The folded answer.
        truth: The folded truth.

    Returns:
        Equal words cancel; of the rest, the most alike pairs count their edit distance, and what has no partner its
        length.
    """
    left, right = Counter(answer.split()), Counter(truth.split())
    extra, missing = list((left - right).elements()), list((right - left).elements())
    pairs = []
    for number, word in enumerate(missing):
        for other_number, other in enumerate(extra):
            errors, longest = character_errors(word, other)[0], max(len(word), len(other))
            if errors < longest:
                pairs.append((errors / longest, errors, number, other_number))
    total = 0
    partners: tuple[set[int], set[int]] = (set(), set())
    for _, errors, number, other_number in sorted(pairs):
        if number not in partners[0] and other_number not in partners[1]:
            partners[0].add(number)
            partners[1].add(other_number)
            total += errors
    lonely = [word for number, word in enumerate(missing) if number not in partners[0]]
    lonely += [word for number, word in enumerate(extra) if number not in partners[1]]
    return total + sum(map(len, lonely))


def word_f1(answer: str, truth: str) -> float:
    """Compute the F1 of the words, each counted as often as it stands there."""
    left, right = Counter(answer.split()), Counter(truth.split())
    return 2 * (left & right).total() / max(1, left.total() + right.total())


def open_reader(parser: argparse.ArgumentParser, checkpoint: Path) -> Any:
    """Open what reads pages by numpy.

    Args:
        parser: of the command, which ends with an error where that can't be.
        checkpoint: a folder.

    Returns:
        A reader of pages.
    """
    model = open_light(checkpoint)
    if model is None:
        parser.error(f"{checkpoint} is no small checkpoint for slices.")
    return model.reader()


def pictures_of(folder: Path) -> list[Path]:
    """List a source's pictures."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)


def truth_of(picture: Path) -> str | None:
    """Read the folded truth beside a picture; None where there is none."""
    file = picture.with_name(f"{picture.stem}.gt.txt")
    return fold(file.read_text(encoding="utf-8")) if file.is_file() else None


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def read_picture(engine: Any, name: str, picture: Path) -> Read:
    """Read one picture; an engine's failure is an empty answer with its reason."""
    start_s = _cpu_s()
    sample = Sample(0, picture.name, "", "", picture)
    title = f"{picture.parent.name}/{picture.name}"
    try:
        reading = engine.read([sample], [[load_image(picture)]])[0]
    except (ValueError, RuntimeError, OSError) as error:
        return Read(name, title, "", _cpu_s() - start_s, f"{type(error).__name__}: {error}")
    return Read(name, title, reading.text, _cpu_s() - start_s, reading.error)


def kept_reads(file: Path | None) -> dict[tuple[str, str], Read]:
    """Take up the answers of an earlier run."""
    if file is None or not file.is_file():
        return {}
    reads = [Read(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]
    return {(read.engine, read.picture): read for read in reads}


def read_all(folders: list[Path], args: argparse.Namespace) -> Iterator[Read]:
    """Read every source's pictures with every engine."""
    kept = kept_reads(args.answers)
    engines: dict[tuple[str, int], Any] = {}
    for folder in folders:
        segmentation = LINE_SEGMENTATION if folder.name in args.one_line else args.page_segmentation
        # Engines take turns, so that whatever else the machine does burdens all of them.
        for picture in pictures_of(folder)[:: args.every][: args.limit]:
            for name in args.engines:
                read = kept.get((name, f"{folder.name}/{picture.name}"))
                if read is None:
                    key = (name, segmentation if name == "tesseract" else 0)
                    if key not in engines:
                        options = EngineOptions(model=str(args.model), threads=1, page_segmentation=segmentation)
                        engines[key] = make_engine(name, options)
                    read = read_picture(engines[key], name, picture)
                    if args.answers:
                        with args.answers.open("a", encoding="utf-8") as file:
                            file.write(json.dumps(asdict(read), ensure_ascii=False) + "\n")
                yield read


def row(source: str, engine: str, folder: Path, reads: list[Read], fold_case: bool = False) -> str:
    """Lay out one source's figures of one engine as a row of the table, capitals as small letters if so asked."""
    measured, empty, invented = [], 0, 0
    for read in reads:
        truth, answer = truth_of(folder / read.picture), fold(read.text)
        if fold_case and truth:
            truth, answer = truth.lower(), answer.lower()
        if truth == "":
            invented += len(answer)
        if not truth:
            continue
        errors = character_errors(truth, answer)[0]
        measured.append((errors, bag_errors(answer, truth), word_f1(answer, truth), len(truth)))
        empty += not answer
    figures = ["-"] * 3
    if measured:
        numbers = np.array(measured, dtype=float).T
        pictures = np.ones(len(measured))
        wrong, bag, f1 = bootstrap(numbers[:3], np.stack([numbers[3], numbers[3], pictures]))
        figures = [f"{wrong.value:.4f}", _with_ends(bag, 4), _with_ends(f1, 3)]
    cpu_s = sum(read.cpu_s for read in reads) / max(1, len(reads))
    return f"| {source} ({len(reads)}) | {engine} | {' | '.join(figures)} | {cpu_s:.2f} | {empty} | {invented} |"


def _with_ends(figure: Interval, digits: int) -> str:
    ends = "" if math.isnan(figure.low) else f" ({figure.low:.3f} to {figure.high:.3f})"
    return f"{figure.value:.{digits}f}{ends}"


def main(argv: list[str] | None = None) -> int:
    """Read, and print the table. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=["got", "tesseract"])
    parser.add_argument("--model", type=Path, default=Path(__file__).resolve().parents[2] / "assets" / "nano")
    parser.add_argument("--sources", nargs="+", help="only these subfolders")
    parser.add_argument("--one-line", nargs="*", default=[], help="sources whose pictures are single lines or words")
    parser.add_argument(
        "--fold-case", nargs="*", default=[], help="sources whose truth doesn't keep capitals, as SROIE's"
    )
    parser.add_argument(
        "--page-segmentation",
        type=int,
        default=PAGE_SEGMENTATION,
        help="Tesseract's, of pages; 3 for upright ones, whose orientation need not be found (%(default)s)",
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every N-th picture of each source")
    parser.add_argument("--limit", type=int, help="only the first so many pictures of each source")
    parser.add_argument("--answers", type=Path, help="JSON lines: where answers are kept and taken up")
    args = parser.parse_args(argv)
    os.environ["OMP_NUM_THREADS"] = "1"
    folders = sorted(path for path in args.folder.iterdir() if path.is_dir())
    folders = [path for path in folders if args.sources is None or path.name in args.sources]
    reads: dict[tuple[str, str], list[Read]] = {}
    for read in read_all(folders, args):
        reads.setdefault((read.picture.split("/", 1)[0], read.engine), []).append(read)
    print(
        "| source | engine | CER | bag | F1 | CPU s | empty | invented characters |\n|---|---|---|---|---|---|---|---|"
    )
    for (source, engine), found in reads.items():
        print(row(source, engine, args.folder, found, source in args.fold_case))
    return 0


if __name__ == "__main__":
    sys.exit(main())
