"""Train the built-in checkpoint on your own documents: `python examples/finetune_on_my_documents.py --lora`.

Here "my documents" are 40 small pages in outlined letters, which the checkpoint has never seen and reads badly; 20
others, with other words, tell whether it has learned. For your own, name a folder of page.png + page.txt pairs (the
text line by line as printed) with --documents, and another with --check. Every command that is run is printed first,
so that you can go on with them by hand. Offline, on a CPU, some minutes on two cores.

The built-in checkpoint reads pages in slices, so they are cut first (`got_ocr.nano.slice_samples`); a full-size
checkpoint is trained on whole pages: leave that step out and start from configuration/training/lora.yaml. With --lora
adapters are trained, without it all weights.
"""

import argparse
import json
import os
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

GOT_OCR = (sys.executable, "-m", "got_ocr")
CUT = (sys.executable, "-m", "got_ocr.nano.slice_samples")
LINES_A_PAGE, WORDS_A_LINE, LETTERS_PX, LINE_PX, WIDTH_PX = 6, 6, 34, 60, 1000


def run(*command: object) -> None:
    """Print a command and run it."""
    words = [str(word) for word in command]
    print("$", shlex.join(["python", *words[1:]]), file=sys.stderr, flush=True)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def draw_pages(folder: Path, count: int, seed: int) -> Path:
    """Draw pages in outlined letters, of words that stand in Python's own documentation; gives their folder."""
    from pydoc_data.topics import topics

    words = sorted(set(re.findall(r"\b[A-Za-z]{2,9}[,.]?(?=\s)", " ".join(topics.values()))))
    chance = random.Random(seed)
    chosen = [word for word in words if (sum(map(ord, word)) % 5 == 0) == (seed % 2 == 0)]  # Odd seeds share no word.
    font = ImageFont.load_default(LETTERS_PX)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = Image.new("RGB", (WIDTH_PX, LINE_PX * (LINES_A_PAGE + 1)), "white")
        draw = ImageDraw.Draw(picture)
        lines = [" ".join(chance.choice(chosen) for _ in range(WORDS_A_LINE)) for _ in range(LINES_A_PAGE)]
        for line, text in enumerate(lines):
            place = (40, LINE_PX * line + LINE_PX // 2)
            draw.text(place, text, fill="white", stroke_fill="black", stroke_width=1, font=font)
        picture.save(folder / f"{number:03}.png")
        (folder / f"{number:03}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def draw_font(folder: Path, font: str, count: int, seed: int, *options: str) -> Path:
    """Draw strips of pages in a font of the machine; gives the conversation file."""
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
    parser.add_argument("--font", help="draw strips in this font family instead, such as femkeklaver")
    parser.add_argument("--count", type=int, default=40, help="pages or strips to draw (%(default)s)")
    parser.add_argument("--lora", action="store_true", help="train adapters (nano-lora.yaml), not all weights")
    parser.add_argument("--set", action="append", default=[], help="passed on to got-ocr train")
    options = parser.parse_args()
    if (options.documents is None) != (options.check is None):
        parser.error("give --documents and --check together: what is trained on can't tell what was learned")
    output, count = options.output, options.count
    if options.documents is not None:
        documents, check = options.documents, options.check
    elif options.font is not None:
        documents = draw_font(output / "train", options.font, count, 1)
        check = draw_font(output / "check", options.font, count, 2, "--held-out")
    else:
        documents, check = draw_pages(output / "train", count, 1), draw_pages(output / "check", (count + 1) // 2, 2)
    from got_ocr import BUILTIN_CHECKPOINT

    before = error_rate(check, BUILTIN_CHECKPOINT, output / "before")
    run(*CUT, documents, "--output", output / "slices")
    mine = f"data.sets.mine.path={output / 'slices' / 'conversations.json'}"
    changes = [
        word for change in (mine, f"model.checkpoint={BUILTIN_CHECKPOINT}", *options.set) for word in ("--set", change)
    ]
    run(*GOT_OCR, "train", "nano-lora" if options.lora else "finetune", *changes, "--output", output / "run")
    after = error_rate(check, output / "run" / "model", output / "after")
    print(f"character error rate {before:.1%} before, {after:.1%} after: {output / 'run' / 'model'}")


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
