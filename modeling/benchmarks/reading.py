"""Measure what a page, a paragraph and a line cost the built-in checkpoint: CPU seconds from picture to text.

    python modeling/benchmarks/reading.py [--repeats 3] [--threads 1] [--model FOLDER]

Each picture is drawn once and read `--repeats` times, whole and streamed; the least CPU time counts, since a machine
that is shared adds to all others. `first text` is the CPU time until a streaming caller gets the first characters.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from got_ocr.processing.processor import GotOcrProcessor  # noqa: E402
from got_ocr.reading.model import GotOcrForConditionalGeneration  # noqa: E402
from got_ocr.synthesis.pages.drawing import draw_page  # noqa: E402
from got_ocr.synthesis.resources import Resources  # noqa: E402

DPI = 150.0
MARGIN_PX = 10


def draw_pictures() -> dict[str, Image.Image]:
    """Draw a page, its longest paragraph, and that paragraph's first line."""
    page = draw_page(np.random.default_rng((78, 1)), Resources(held_out=True), dpi=DPI, max_characters=2500)
    paragraph = max(page.blocks, key=lambda block: len(block.text))
    boxes = {"paragraph": paragraph.box, "line": paragraph.lines[0].box}
    margin = np.array([-MARGIN_PX, -MARGIN_PX, MARGIN_PX, MARGIN_PX])
    crops = {name: page.image.crop(tuple(np.array(box).round().astype(int) + margin)) for name, box in boxes.items()}
    return {"page": page.image, **crops}


def measure(model: GotOcrForConditionalGeneration, processor: GotOcrProcessor, image: Image.Image) -> list[float]:
    """Read a picture twice. Returns: characters, slices, CPU seconds whole, CPU seconds until the first text."""
    start = time.process_time()
    (answer,) = model.read(processor, [image])
    whole = time.process_time() - start
    given: list[float] = []
    start = time.process_time()
    model.read(processor, [image], on_text=lambda _: given.append(time.process_time() - start))
    return [len(answer.text), len(answer.slices), whole, given[0] if given else float("nan")]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", type=Path, default=ROOT / "got_ocr" / "assets" / "nano")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = GotOcrForConditionalGeneration.from_pretrained(arguments.model).eval()
    processor = GotOcrProcessor.from_pretrained(arguments.model)
    print("| picture | characters | slices | CPU s | characters / CPU s | first text, CPU s |")
    print("|---|---|---|---|---|---|")
    for name, image in draw_pictures().items():
        characters, slices, whole, first = np.min(
            [measure(model, processor, image) for _ in range(arguments.repeats)], axis=0
        )
        print(f"| {name} | {characters:.0f} | {slices:.0f} | {whole:.2f} | {characters / whole:.0f} | {first:.2f} |")


if __name__ == "__main__":
    main()
