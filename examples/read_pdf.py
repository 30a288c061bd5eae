"""Read a PDF page by page: `python examples/read_pdf.py [FILE.pdf]`. One page at a time is in memory."""

import sys
from pathlib import Path

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor, iter_pages

CHECKPOINT = str(BUILTIN_CHECKPOINT)
SAMPLE = Path(__file__).resolve().parent / "images" / "sample.pdf"


def main() -> None:
    """Draw each page at 150 dpi and print its text."""
    path = sys.argv[1] if len(sys.argv) > 1 else SAMPLE
    model = GotOcrForConditionalGeneration.from_pretrained(CHECKPOINT).eval()
    processor = GotOcrProcessor.from_pretrained(CHECKPOINT)
    for page in iter_pages(path, dpi=150):
        print(f"--- page {page.number}")
        print(model.chat(processor, page.image))


if __name__ == "__main__":
    main()
