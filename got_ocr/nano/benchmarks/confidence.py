"""Does the mark of doubt find the lines with errors? Measured on drawn pages, clean and degraded, line by line.

    python -m got_ocr.nano.benchmarks.confidence [--model got_ocr/assets/nano] [--pages 20] [--corpus-cache FILE]

Each line that was read is compared with the printed line whose box it covers most. The table says for several limits
of `min_probability` how many lines are marked, how many of the lines with an error that finds, and how many of the
marked lines have one. `GotOcrLine.is_low_confidence` uses the limit `LOW_CONFIDENCE`.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from got_ocr.evaluation.distances import edit_distance
from got_ocr.reading.answer import LOW_CONFIDENCE, GotOcrLine
from got_ocr.synthesis.degradation.degradations import DEFAULT_DEGRADATIONS, degrade_share
from got_ocr.synthesis.pages.drawing import TextLine, draw_page
from got_ocr.synthesis.resources import Resources

SEED = 1_000_017
LIMITS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
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
    options = parser.parse_args()
    from tqdm import tqdm

    from got_ocr.processing.processor import GotOcrProcessor
    from got_ocr.reading.model import GotOcrForConditionalGeneration

    model = GotOcrForConditionalGeneration.from_pretrained(options.model).eval()
    processor = GotOcrProcessor.from_pretrained(options.model)
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
