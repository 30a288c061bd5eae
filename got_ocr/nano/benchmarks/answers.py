"""Keep what a checkpoint answers on a folder of pictures, and compare: a refactor must not change a character.

    python -m got_ocr.nano.benchmarks.answers PICTURES... --output answers.jsonl
    python -m got_ocr.nano.benchmarks.answers PICTURES... --against answers.jsonl

Plain and format mode, with lines, boxes and probabilities. `python -m got_ocr.nano.benchmarks.answers --draw FOLDER
--count 100` writes the first pictures of the benchmark's whole pages beforehand.
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from got_ocr.hub.cache import BUILTIN_CHECKPOINT
from got_ocr.hub.model_choice import ENGINES, ModelChoice, load_model_for
from got_ocr.processing.mode import Mode
from got_ocr.processing.pictures import load_image

CONFIG = Path("configuration/training/nano.yaml")


def draw_pictures(folder: Path, model: Path, tier: str, count: int) -> list[Path]:
    """Draw the first pictures of a tier of the benchmark.

    Args:
        folder: where to; the prose is kept there too, so that the same pictures are drawn again.
        model: the checkpoint, whose alphabet bounds the text.
        tier: such as `pages`.
        count: how many.

    Returns:
        The pictures' files, their texts beside them; of documents the first page's, without a text.
    """
    from got_ocr.nano.batches import Vocabulary
    from got_ocr.nano.config import NanoTrainingConfig
    from got_ocr.nano.materials import Materials, freeze_corpus
    from got_ocr.nano.tiers import find_tiers

    folder.mkdir(parents=True, exist_ok=True)
    alphabet = Vocabulary(model / "qwen.tiktoken").alphabet
    freeze_corpus(folder / "collected.txt", folder / "corpus.txt", alphabet)
    materials = Materials(NanoTrainingConfig.read(CONFIG), folder / "corpus.txt")
    (chosen,) = find_tiers([tier])
    files = []
    for number in range(count):
        question = chosen.question(materials, number)
        files.append(folder / f"{chosen.key}-{number:04d}.png")
        question.pages[0].save(files[-1])
        if len(question.pages) == 1:
            files[-1].with_suffix(".gt.txt").write_text(question.texts[0] + "\n", encoding="utf-8")
    return files


def read_pictures(
    model: Path, pictures: list[Path], modes: list[str], engine: str = "auto"
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read each picture in each mode.

    Args:
        model: the checkpoint's folder.
        pictures: files.
        modes: `ocr`, `format`.
        engine: `torch`, `numpy` or `auto`.

    Yields:
        `picture mode`, and the answer's fields.
    """
    network, processor = load_model_for(ModelChoice(str(model), ""), Mode(), "cpu", engine=engine)
    for picture in tqdm(pictures, unit="page", disable=None):
        for mode in modes:
            (answer,) = network.read(processor, [load_image(picture)], mode=Mode(mode))
            plain = json.loads(json.dumps(answer, default=dataclasses.asdict))
            yield f"{picture.name} {mode}", plain


def differences(before: Any, now: Any, tolerance: float, place: str = "") -> list[str]:
    """List where two answers differ.

    Args:
        before: an answer's fields, or a part of them.
        now: the other's. Fields that only this one has do not count.
        tolerance: of numbers that are no integers, such as probabilities.
        place: of the part.

    Returns:
        Places, each with both values; empty if equal.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        shared = [key for key in before if key in now]
        return [found for key in shared for found in differences(before[key], now[key], tolerance, f"{place}.{key}")]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [found for number, (a, b) in pairs for found in differences(a, b, tolerance, f"{place}[{number}]")]
    if isinstance(before, float) and isinstance(now, float) and abs(before - now) <= tolerance:
        return []
    return [] if before == now else [f"{place}: {before!r} is now {now!r}"]


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m got_ocr.nano.benchmarks.answers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", type=Path, nargs="*", help="files, or folders of PNG files")
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="only draw pictures of the benchmark there")
    parser.add_argument("--tier", default="pages", help="of the benchmark, to draw (%(default)s)")
    parser.add_argument("--count", type=int, default=100, help="pictures to draw (%(default)s)")
    parser.add_argument("--model", type=Path, default=Path(BUILTIN_CHECKPOINT), help="checkpoint (the built-in one)")
    parser.add_argument("--modes", nargs="+", choices=("ocr", "format"), default=["ocr", "format"], help="(both)")
    parser.add_argument("--engine", choices=ENGINES, default="auto", help="what computes (%(default)s)")
    parser.add_argument("--output", type=Path, help="file to keep the answers in")
    parser.add_argument("--against", type=Path, help="file of answers to compare with")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="of probabilities (%(default)s)")
    options = parser.parse_args(arguments)
    if bool(options.pictures) == bool(options.draw):
        parser.error("name pictures to read, or --draw FOLDER")
    if options.count < 1:
        parser.error(f"--count must be at least 1, got {options.count}")
    missing = next((path for path in options.pictures if not path.exists()), None)
    if missing is not None:
        parser.error(f"there is no {missing}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: without the program's name; the process's own by default.

    Returns:
        0; 1 if an answer differs, or none was compared.
    """
    options = _parse(arguments)
    if options.draw:
        drawn = draw_pictures(options.draw, options.model, options.tier, options.count)
        sys.stdout.write(f"{options.draw}: {len(drawn)} pictures\n")
        return 0
    files = [file for path in options.pictures for file in (sorted(path.glob("*.png")) if path.is_dir() else [path])]
    kept = {}
    if options.against:
        kept = {row["key"]: row["answer"] for row in map(json.loads, options.against.open(encoding="utf-8"))}
    different = compared = 0
    with (options.output or Path(os.devnull)).open("w", encoding="utf-8") as output:
        for key, answer in read_pictures(options.model, files, options.modes, options.engine):
            output.write(json.dumps({"key": key, "answer": answer}, ensure_ascii=False) + "\n")
            output.flush()
            if key in kept:
                compared += 1
                found = differences(kept[key], answer, options.tolerance)
                different += bool(found)
                sys.stdout.writelines(f"{key} {line}\n" for line in found[:3])
    if options.against:
        sys.stdout.write(f"{compared} answers compared, {different} differ\n")
    return int(different > 0 or (options.against is not None and not compared))


if __name__ == "__main__":
    sys.exit(main())
