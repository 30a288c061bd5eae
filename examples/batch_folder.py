"""Read all pages of a folder in batches: `python examples/batch_folder.py [FOLDER] [BATCH_SIZE]`.

A page that can't be loaded is named and left out; the others are read. The command `got-ocr FOLDER --output TEXTS`
does the same and goes on where it stopped.
"""

import sys
from pathlib import Path

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor
from got_ocr.processing.pages import Page, PageError, find_pages

CHECKPOINT = str(BUILTIN_CHECKPOINT)
SAMPLES = Path(__file__).resolve().parent / "images"


def main() -> None:
    """Gather pages to batches, read them, print the first line of each."""
    folder = sys.argv[1] if len(sys.argv) > 1 else SAMPLES
    batch_size = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    model = GotOcrForConditionalGeneration.from_pretrained(CHECKPOINT).eval()
    processor = GotOcrProcessor.from_pretrained(CHECKPOINT)

    def read(batch: list[Page]) -> None:
        answers = model.read(processor, [page.image for page in batch], batch_size=batch_size)
        for page, answer in zip(batch, answers, strict=True):
            first_line = answer.text.partition("\n")[0]
            print(f"{page.name}: {first_line!r} ... ({len(answer.text)} characters)")

    batch: list[Page] = []
    for found in find_pages(folder):
        try:
            batch.append(found.load())
        except PageError as error:
            print(f"left out: {error}", file=sys.stderr)
        if len(batch) == batch_size:
            read(batch)
            batch = []
    if batch:
        read(batch)


if __name__ == "__main__":
    main()
