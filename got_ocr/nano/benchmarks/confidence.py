"""Does the mark of doubt find the lines with errors? Measured on drawn pages, clean and degraded, line by line.

    python -m got_ocr.nano.benchmarks.confidence [--model got_ocr/assets/nano] [--pages 20] [--corpus-cache FILE]
        [--real FOLDER [--plot FILE.png]]

Each line that was read is compared with the printed line whose box it covers most. The table says for several limits
of `min_probability` how many lines are marked, how many of the lines with an error that finds, and how many of the
marked lines have one. `GotOcrLine.is_low_confidence` uses the limit `LOW_CONFIDENCE`.

With `--real` pictures are read whose truth stands beside them, as real_documents.py takes them, and the table says how
much is right of what was read with which mean probability: `RELIABILITY`, by which `GotOcrLine.confidence` goes.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from got_ocr.evaluation.distances import edit_distance
from got_ocr.hub.model_choice import ModelChoice, load_model_for
from got_ocr.nano.benchmarks.real_documents import fold, pictures_of, truth_of
from got_ocr.nano.plots import draw_reliability
from got_ocr.processing.pictures import load_image
from got_ocr.processing.prompt import PLAIN
from got_ocr.reading.answer import LOW_CONFIDENCE, GotOcrLine, calibrate
from got_ocr.synthesis.degradation.degradations import DEFAULT_DEGRADATIONS, degrade_share
from got_ocr.synthesis.pages.drawing import TextLine, draw_page
from got_ocr.synthesis.resources import Resources

SEED = 1_000_017
PLOT_TITLE = "Characters in words without an error"
LIMITS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.96, 0.98, 0.99, 0.995, 1.01)
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class JudgedLine:
    """A line that was read.

    Attributes:
        min_probability: as the model gave it.
        characters: of the printed line.
        errors: edit distance to the printed line.
    """

    min_probability: float
    characters: int
    errors: int


def judge(lines: Sequence[GotOcrLine], printed: Sequence[TextLine]) -> list[JudgedLine]:
    """Compare what was read with what is printed there.

    Args:
        lines: of an answer, with boxes.
        printed: the page's lines.

    Returns:
        The lines that lie over a printed one.
    """
    judged = []
    for line in lines:
        if line.box is None:
            continue
        box = line.box
        shared = [_shared(box, other.box) for other in printed]
        if shared and max(shared) > 0:
            truth = " ".join(printed[int(np.argmax(shared))].text.split())
            judged.append(JudgedLine(line.min_probability, len(truth), edit_distance(truth, line.text)))
    return judged


def _shared(a: Box, b: Box) -> float:
    """Area that two boxes share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def table(judged: Sequence[JudgedLine]) -> str:
    """Write the table of limits.

    Args:
        judged: lines.

    Returns:
        Markdown.
    """
    least = np.array([line.min_probability for line in judged])
    wrong = np.array([line.errors > 0 for line in judged])
    errors = np.array([line.errors for line in judged])
    rows = [
        f"{len(judged)} lines, {wrong.mean():.1%} with an error, "
        f"{errors.sum() / sum(line.characters for line in judged):.2%} of characters",
        "| marked below | lines marked | wrong lines found | wrong characters found | marked lines that are wrong |",
        "|---|---|---|---|---|",
    ]
    for limit in LIMITS:
        marked = least < limit
        cells = (
            marked.mean(),
            marked[wrong].mean() if wrong.any() else 0.0,
            errors[marked].sum() / max(errors.sum(), 1),
            wrong[marked].mean() if marked.any() else 0.0,
        )
        name = f"**{limit}**" if limit == LOW_CONFIDENCE else str(limit)
        rows.append(f"| {name} | " + " | ".join(f"{cell:.1%}" for cell in cells) + " |")
    return "\n".join(rows)


def read_real(model: Any, processor: Any, folder: Path) -> list[tuple[float, int, int]]:
    """Read real pictures.

    Args:
        model: the checkpoint.
        processor: its processor.
        folder: of folders with pictures and their truth.

    Returns:
        Of each line its mean probability, its characters, and those in words that stand in the truth.
    """
    found = []
    for picture in [path for source in sorted(folder.iterdir()) if source.is_dir() for path in pictures_of(source)]:
        words = set((truth_of(picture) or "").split())
        if not words:
            continue
        (answer,) = model.read(processor, [load_image(picture)], batch_size=16)
        for line in answer.lines:
            own = fold(line.text).split()
            right = sum(len(word) for word in own if word in words)
            found.append((line.mean_probability, sum(map(len, own)), right))
    return found


@dataclass(frozen=True)
class Bin:
    """Lines of about one mean probability.

    Attributes:
        low: Least mean probability.
        high: They are below this.
        lines: How many there are.
        told: Mean confidence of their characters.
        right: Share of the characters that stand in words without an error.
    """

    low: float
    high: float
    lines: int
    told: float
    right: float


def put_in_bins(lines: Sequence[tuple[float, int, int]]) -> list[Bin]:
    """Group `read_real`'s lines by their mean probability. Args: lines: they. Returns: the bins that have text."""
    found = []
    for low, high in pairwise(BINS):
        some = [line for line in lines if low <= line[0] < high]
        total = sum(line[1] for line in some)
        if total:
            told = sum(calibrate(line[0]) * line[1] for line in some) / total
            found.append(Bin(low, high, len(some), told, sum(line[2] for line in some) / total))
    return found


def reliability(bins: Sequence[Bin]) -> str:
    """Write the table of bins. Args: bins: they. Returns: Markdown."""
    rows = ["| mean probability | lines | characters in right words | confidence |", "|---|---|---|---|"]
    for one in bins:
        rows.append(f"| {one.low} to {min(one.high, 1.0)} | {one.lines} | {one.right:.1%} | {one.told:.1%} |")
    return "\n".join(rows)


def main() -> int:
    """Run the benchmark.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m got_ocr.nano.benchmarks.confidence", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", type=Path, default=Path("got_ocr/assets/nano"), help="the checkpoint's folder")
    parser.add_argument("--pages", type=int, default=20, help="half of them degraded (20)")
    parser.add_argument("--corpus-cache", type=Path, help="prose collected before, to save collecting it anew")
    parser.add_argument("--real", type=Path, help="a folder of folders of pictures with NAME.gt.txt beside them")
    parser.add_argument("--plot", type=Path, help="with --real: where to draw the reliability curve, a PNG file")
    options = parser.parse_args()
    from tqdm import tqdm

    model, processor = load_model_for(ModelChoice(str(options.model), ""), PLAIN)
    if options.real:
        bins = put_in_bins(read_real(model, processor, options.real))
        sys.stdout.write(reliability(bins) + "\n")
        if options.plot:
            draw_reliability(PLOT_TITLE, [(one.told, one.right) for one in bins]).save(options.plot, optimize=True)
        return 0
    resources = Resources(corpus_cache=options.corpus_cache, held_out=True)
    judged: list[JudgedLine] = []
    for number in tqdm(range(options.pages), unit="page", disable=None):
        rng = np.random.default_rng((SEED, number))
        page = draw_page(rng, resources, max_characters=1200)
        names = DEFAULT_DEGRADATIONS if number % 2 else ()
        image, _ = degrade_share(page.image, rng, names, share=1.0, keep_places=True)
        (answer,) = model.read(processor, [image], batch_size=16)
        judged += judge(answer.lines, page.all_lines())
    sys.stdout.write(table(judged) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
