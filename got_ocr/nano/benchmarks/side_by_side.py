"""The built-in checkpoint beside Tesseract and RapidOCR: a Markdown table for the README.

    python -m got_ocr.nano.benchmarks.side_by_side --output runs/side_by_side [--uw3 FOLDER]
        [--engines got tesseract rapidocr] [--count 40] [--model got_ocr/assets/nano]

Pictures of the development sets are drawn as got_ocr.nano.evaluate draws them (text that training leaves out, own
seeds) and written as PNG with .gt.txt. Every engine reads every set by `got-ocr eval`, on one core; runs that were
stopped go on. White space counts as single blanks, since engines break lines otherwise.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENGINES = ("got", "tesseract", "rapidocr")
NAMES = {"got": "built-in checkpoint", "tesseract": "Tesseract", "rapidocr": "RapidOCR"}
DRAWN_TIERS = ("lines", "paragraphs-unseen", "paragraphs-degraded", "lines-unseen")


@dataclass(frozen=True)
class DevelopmentSet:
    """Pictures with their texts.

    Attributes:
        name: For the table.
        folder: Of the pictures.
        page_segmentation: What fits for Tesseract: 7 a line, 6 a block.
    """

    name: str
    folder: Path
    page_segmentation: int


def draw_sets(folder: Path, model: Path, count: int, corpus: Path | None) -> list[DevelopmentSet]:
    """Draw the development sets of the built-in checkpoint, those that are not there yet."""
    from got_ocr.nano.batches import Vocabulary
    from got_ocr.nano.config import NanoTrainingConfig
    from got_ocr.nano.materials import Materials, freeze_corpus
    from got_ocr.nano.tiers import find_tiers

    sets = []
    config = NanoTrainingConfig.read(Path("configuration/training/nano.yaml"))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        alphabet = Vocabulary(model / "qwen.tiktoken").alphabet
        freeze_corpus(corpus or Path(temporary) / "corpus.txt", folder / "corpus.txt", alphabet)
    materials = Materials(config, folder / "corpus.txt")
    for tier in find_tiers(DRAWN_TIERS):
        target = folder / tier.key
        sets.append(DevelopmentSet(tier.name, target, tier.page_segmentation))
        if (target / "complete").exists():
            continue
        target.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            question = tier.question(materials, number)
            question.pages[0].save(target / f"{number:04d}.png")
            (target / f"{number:04d}.gt.txt").write_text(question.texts[0] + "\n", encoding="utf-8")
        (target / "complete").touch()
    return sets


def evaluate(engine: str, data: DevelopmentSet, output: Path, model: Path, limit: int | None) -> dict[str, Any]:
    """Run `got-ocr eval` in a process of its own; return its report with its times."""
    command = [sys.executable, "-m", "got_ocr.cli.evaluate", "--data", str(data.folder), "--engine", engine]
    command += ["--output", str(output), "--normalize", "space", "--threads", "1"]
    if engine == "got":
        command += ["--model", str(model), "--batch-size", "8"]
    if engine == "tesseract":
        command += ["--psm", str(data.page_segmentation)]
    if limit is not None:
        command += ["--limit", str(limit)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    exact = [sample["figures"]["edit_distance"][0] == 0 for sample in report["per_sample"]]
    return {
        **report,
        "timing": json.loads((output / "timing.json").read_text(encoding="utf-8")),
        "exact": sum(exact) / len(exact),
    }


def table(rows: list[tuple[str, str, dict[str, Any]]]) -> str:
    """Lay out the rows (set, engine, report) as Markdown."""
    lines = [
        "| pictures | engine | CER (95 % interval) | WER | without an error | s a picture, one core |",
        "|---|---|---|---|---|---|",
    ]
    for name, engine, report in rows:
        figures = report["figures"]
        cer = figures["cer"]
        version = report["run"].get("version", "")
        lines.append(
            f"| {name} ({report['samples']}) | {NAMES[engine]} {version} | {cer['value']:.1%} ({cer['low']:.1%} to "
            f"{cer['high']:.1%}) | {figures['wer']['value']:.1%} | {report['exact']:.0%} | "
            f"{report['timing']['mean_cpu_s']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Evaluate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=Path("got_ocr/assets/nano"))
    parser.add_argument("--uw3", type=Path, help="folder of UW3 lines (.bin.png and .gt.txt)")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--count", type=int, default=40, help="pictures of each drawn set (%(default)s)")
    parser.add_argument("--limit", type=int, help="read only the first so many of each set")
    parser.add_argument("--corpus", type=Path, help="the training run's corpus.txt, to save collecting prose anew")
    parser.add_argument("--no-drawn", action="store_true", help="leave the drawn sets out")
    args = parser.parse_args()
    sets = [] if args.no_drawn else draw_sets(args.output / "sets", args.model, args.count, args.corpus)
    if args.uw3:
        sets.append(DevelopmentSet("scanned journal lines (UW3)", args.uw3, 7))
    rows = []
    for data in sets:
        for engine in args.engines:
            output = args.output / "runs" / f"{data.folder.name}-{engine}"
            rows.append((data.name, engine, evaluate(engine, data, output, args.model, args.limit)))
            print(f"{data.name}, {engine}: CER {rows[-1][2]['figures']['cer']['value']:.4f}", file=sys.stderr)
    text = table(rows)
    (args.output / "table.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
