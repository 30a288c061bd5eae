"""Train the built-in checkpoint on your own documents: `python examples/finetune_on_my_documents.py`.

Here "my documents" are 50 strips of pages set in a handwriting-like font that the checkpoint has never seen and reads
badly; 50 others, with other words, tell whether it has learned. For your own, name a folder of page.png + page.txt
pairs (the text line by line as printed) with --documents, and another with --check. Every command that is run is
printed first, so that you can go on with them by hand. Some minutes on two cores.

The built-in checkpoint reads pages in slices, so they are cut first (`got_ocr.nano.slice_samples`); a full-size
checkpoint is trained on whole pages: leave that step out and start from configuration/training/lora.yaml.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

CONFIGURATION = Path(__file__).resolve().parent.parent / "configuration" / "training" / "finetune.yaml"
FONT = "femkeklaver"  # Debian: fonts-femkeklaver
GOT_OCR = (sys.executable, "-m", "got_ocr")
CUT = (sys.executable, "-m", "got_ocr.nano.slice_samples")


def run(*command: object) -> None:
    """Print a command and run it."""
    words = [str(word) for word in command]
    print("$", shlex.join(["python", *words[1:]]), file=sys.stderr, flush=True)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def draw(folder: Path, font: str, count: int, seed: int, *options: str) -> Path:
    """Draw strips of pages in one font; gives the conversation file."""
    where = ("--count", count, "--seed", seed, "--font-family", font, "--workers", 1, "--out", folder)
    run(*GOT_OCR, "synth", "slices", *where, *options)
    return folder / "slices.json"


def error_rate(check: Path, model: Path, output: Path) -> float:
    """Read the documents with a checkpoint; gives the character error rate."""
    run(*GOT_OCR, "eval", "--data", check, "--model", model, "--output", output, "--normalize", "space")
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    return report["figures"]["cer"]["value"]


def main() -> None:
    """Draw, cut, train, and compare before and after."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=Path, help="folder of pictures with .txt files, to train on")
    parser.add_argument("--check", type=Path, help="another, to measure on")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/my_documents"), help="folder to work in (%(default)s)"
    )
    parser.add_argument("--font", default=FONT, help="family to draw with, without --documents (%(default)s)")
    parser.add_argument("--count", type=int, default=50, help="strips to draw (%(default)s)")
    parser.add_argument("--set", action="append", default=[], help="passed on to got-ocr train")
    options = parser.parse_args()
    if (options.documents is None) != (options.check is None):
        parser.error("give --documents and --check together: what is trained on can't tell what was learned")
    output = options.output
    documents = options.documents or draw(output / "train", options.font, options.count, 1)
    check = options.check or draw(output / "check", options.font, options.count, 2, "--held-out")
    from got_ocr import BUILTIN_CHECKPOINT

    before = error_rate(check, BUILTIN_CHECKPOINT, output / "before")
    run(*CUT, documents, "--output", output / "slices")
    mine = f"data.sets.mine.path={output / 'slices' / 'conversations.json'}"
    changes = [
        word for change in (mine, f"model.checkpoint={BUILTIN_CHECKPOINT}", *options.set) for word in ("--set", change)
    ]
    run(*GOT_OCR, "train", CONFIGURATION, *changes, "--output", output / "run")
    after = error_rate(check, output / "run" / "model", output / "after")
    print(f"character error rate {before:.1%} before, {after:.1%} after: {output / 'run' / 'model'}")


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
