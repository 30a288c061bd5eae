"""Read a part of a page, chosen by a box in pixels or by the colour of a frame: `python examples/regions.py`."""

import json
from pathlib import Path

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor

CHECKPOINT = str(BUILTIN_CHECKPOINT)
IMAGES = Path(__file__).resolve().parent / "images"


def main() -> None:
    """Read each frame of the sample by its colour and by its box."""
    model = GotOcrForConditionalGeneration.from_pretrained(CHECKPOINT).eval()
    processor = GotOcrProcessor.from_pretrained(CHECKPOINT)
    regions = json.loads((IMAGES / "regions.json").read_text(encoding="utf-8"))
    for color, region in regions.items():
        by_color = model.chat(processor, IMAGES / "regions.png", ocr_color=color)
        x1, y1, x2, y2 = region["box"]
        inside = [x1 + 10, y1 + 10, x2 - 10, y2 - 10]  # without the frame itself
        by_box = model.chat(processor, IMAGES / "regions.png", ocr_box=inside)
        print(f"--- {color}\nby colour: {by_color!r}\nby box:    {by_box!r}\ntrue text: {region['text']!r}")


if __name__ == "__main__":
    main()
