"""Measure the built-in checkpoint on its tiers, beside Tesseract, for its model card.

    python -m got_ocr.nano.evaluate [--model got_ocr/assets/nano] [--tesseract] [--uw3 FOLDER] [--output DIR]
        [--tiers lines pages ...] [--count 500] [--processes 2]

Pictures are drawn with text, and for some tiers fonts, that training leaves out, by seeds of their own, and read as
users read: `model.chat`, one picture or document a call, one thread a process. Answers are kept in the output folder
as they come; a stopped run goes on where it was. At the end, and with `--report` at any time, the card's tables are
printed, and `report.json`, `report.md`, the plots and the worst answers are written.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from got_ocr.nano.card import card_tables, write_plots
from got_ocr.nano.materials import freeze_corpus
from got_ocr.nano.report import Scored, TierFigures, describe_structure, score, summarise
from got_ocr.nano.run import Job, answers_file, load_answers, run_job
from got_ocr.nano.tiers import TIERS, Tier, find_tiers
from got_ocr.nano.worst_answers import write_worst

CHECKPOINT_FILES = ("config.json", "model.safetensors", "qwen.tiktoken", "generation_config.json")


def model_folder(checkpoint: Path) -> str:
    """Name the folder of a checkpoint's answers after its weights and settings, so that none are mixed up.

    Args:
        checkpoint: folder of the model.

    Returns:
        Such as `nano-1a2b3c4d`.

    Raises:
        ValueError: the folder holds no checkpoint.
    """
    digest = hashlib.sha256()
    for name in CHECKPOINT_FILES:
        if not (checkpoint / name).is_file():
            raise ValueError(f"{checkpoint} has no {name}: name the folder of a nano checkpoint")
        digest.update((checkpoint / name).read_bytes())
    return f"nano-{digest.hexdigest()[:8]}"


def load_results(
    folder: Path, readers: dict[str, str], tiers: Sequence[Tier], counts: dict[str, int]
) -> tuple[dict[str, dict[str, TierFigures]], dict[str, dict[str, list[Scored]]]]:
    """Score all answers that are there.

    Args:
        folder: of the answers.
        readers: reader to its folder's name.
        tiers: which.
        counts: pictures by the tier's key; answers beyond are left out.

    Returns:
        Figures and scored answers by the tier's key and the reader.
    """
    results: dict[str, dict[str, TierFigures]] = {}
    scored: dict[str, dict[str, list[Scored]]] = {}
    for tier in tiers:
        found = {reader: load_answers(answers_file(folder, name, tier)) for reader, name in readers.items()}
        own = found.get("nano", {})
        for reader, answers in found.items():
            kept = [
                answer
                for number, answer in sorted(answers.items())
                if number < counts[tier.key] and (number not in own or own[number].picture == answer.picture)
            ]
            if len(kept) < min(len(answers), counts[tier.key]):
                sys.stderr.write(f"{tier.key}: {reader} answered to other pictures, which are left out\n")
            if kept:
                scored.setdefault(tier.key, {})[reader] = [score(tier, answer) for answer in kept]
                results.setdefault(tier.key, {})[reader] = summarise(tier, reader, scored[tier.key][reader])
    return results, scored


def _one_line(figures: TierFigures) -> str:
    parts = [f"{figures.tier}, {figures.reader}: {figures.pictures} pictures"]
    if figures.error is not None:
        low, high = 100 * figures.error.low, 100 * figures.error.high
        parts.append(f"CER {100 * figures.error.value:.2f} % ({low:.2f} to {high:.2f})")
    parts.append(f"read {100 * figures.passed.value:.1f} %, exact {100 * figures.exact:.1f} %")
    parts.append(f"unfinished {100 * figures.unfinished:.1f} %, invented words {100 * figures.invented_words:.2f} %")
    if figures.structure:
        parts.append(describe_structure(figures.structure))
    parts.append(f"failed {figures.failed}, {figures.cpu_s_a_page:.2f} CPU s a page")
    return "; ".join(parts) + "\n"


def _parse() -> argparse.Namespace:
    keys = [tier.key for tier in TIERS]
    parser = argparse.ArgumentParser(
        prog="python -m got_ocr.nano.evaluate", description="Measure the built-in checkpoint."
    )
    parser.add_argument("--model", type=Path, default=Path("got_ocr/assets/nano"), help="the checkpoint's folder")
    parser.add_argument(
        "--config", type=Path, default=Path("configuration/training/nano.yaml"), help="of its training, for the fonts"
    )
    parser.add_argument("--corpus-cache", type=Path, help="the run's corpus.txt, to save collecting prose anew")
    parser.add_argument("--count", type=int, help="pictures a tier (default: 500, of some diagnostic tiers 200)")
    parser.add_argument("--tiers", nargs="+", metavar="TIER", default=keys, help=f"of {', '.join(keys)} (all)")
    parser.add_argument("--rungs", dest="tiers", nargs="+", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.add_argument("--uw3", type=Path, help="folder of real scanned lines (NAME.png, NAME.gt.txt)")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each (2)")
    parser.add_argument("--tesseract", action="store_true", help="have the installed Tesseract read the same pictures")
    parser.add_argument("--only-tesseract", action="store_true", help="don't read with the model")
    parser.add_argument("--again", action="store_true", help="forget what the model has answered")
    parser.add_argument("--report", action="store_true", help="read nothing more, only report")
    parser.add_argument("--worst", type=int, default=5, help="worst answers of a tier to write with pictures (5)")
    parser.add_argument("--output", type=Path, default=Path("runs/evaluation"), help="folder (runs/evaluation)")
    options = parser.parse_args()
    if options.processes < 1 or (options.count is not None and options.count < 2):
        parser.error("--processes must be at least 1, and --count at least 2")
    return options


def main() -> int:
    """Run the command.

    Returns:
        The exit code.
    """
    options = _parse()
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    readers = {"nano": model_folder(options.model)}
    if options.tesseract or options.only_tesseract or (output / "tesseract").exists():
        readers["tesseract"] = "tesseract"
    tiers = [tier for tier in find_tiers(options.tiers) if tier.key != "uw3" or options.uw3]
    if len(tiers) < len(set(options.tiers)):
        sys.stderr.write("uw3 is left out: name the folder of scanned lines (--uw3 FOLDER)\n")
    corpus = output / "corpus.txt"
    from got_ocr.nano.batches import Vocabulary

    alphabet = Vocabulary(options.model / "qwen.tiktoken").alphabet
    freeze_corpus(options.corpus_cache or output / "collected.txt", corpus, alphabet)
    asked = {"tesseract": "tesseract"} if options.only_tesseract else dict(readers)
    if not (options.tesseract or options.only_tesseract):
        asked.pop("tesseract", None)
    job = Job(options.model, options.config, corpus, asked, options.uw3)
    materials = job.materials()
    counts = {tier.key: options.count or tier.count for tier in tiers}
    if "uw3" in counts:
        counts["uw3"] = min(counts["uw3"], len(materials.scans))
    if options.again:
        for tier in tiers:
            answers_file(output, readers["nano"], tier).unlink(missing_ok=True)

    def tell(tier: Tier) -> None:
        for figures in load_results(output, asked, [tier], counts)[0].get(tier.key, {}).values():
            sys.stderr.write(_one_line(figures))
            sys.stderr.flush()

    begun = time.monotonic()
    if not options.report:
        run_job(job, tiers, counts, output, options.processes, tell)
        sys.stderr.write(f"read in {time.monotonic() - begun:.0f} s with {options.processes} processes\n")
    results, scored = load_results(output, readers, tiers, counts)
    tables = card_tables(tiers, results, scored)
    sys.stdout.write(tables)
    (output / "report.md").write_text(tables, encoding="utf-8")
    figures = [one.as_json() for found in results.values() for one in found.values()]
    (output / "report.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    unseen = frozenset(materials.config.held_out_families)
    for path in write_plots(output, scored, unseen):
        sys.stderr.write(f"wrote {path}\n")
    if options.worst:
        write_worst(output / "worst", tiers, scored, materials, options.worst)
    return 0


if __name__ == "__main__":
    sys.exit(main())
