"""Draw the learning curve of a training run of nano from its log.

    python -m got_ocr.nano.curve runs/nano/log.jsonl got_ocr/assets/nano/learning_curve.png

Shown are errors on training pictures as they are drawn (each is seen once, so they are as good as new ones), over the
characters read so far: of the next character given the true text before it, and of the dense losses' slots.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

SIZE_PX = (720, 400)
MARGINS_PX = (60, 30, 20, 50)  # left, top, right, bottom
SERIES = {
    "neck_accuracy": ("character under a slot, from the tower", (120, 160, 210)),
    "tokens_accuracy": ("character under a slot, from the image tokens", (230, 160, 80)),
    "text_accuracy": ("next character, from the decoder", (180, 40, 40)),
}
SMOOTHED_ENTRIES = 5


def smooth(values: Sequence[float], width: int = SMOOTHED_ENTRIES) -> list[float]:
    """Average each value with those before it.

    Args:
        values: one an entry of the log.
        width: entries in a full average.

    Returns:
        As many values.
    """
    parts = [values[max(0, stop - width) : stop] for stop in range(1, len(values) + 1)]
    return [sum(part) / len(part) for part in parts]


def draw_curve(entries: Sequence[dict[str, Any]]) -> Image.Image:
    """Draw the curve.

    Args:
        entries: of the log, in order, at least two.

    Returns:
        The picture.

    Raises:
        ValueError: there are fewer than two entries.
    """
    if len(entries) < 2:
        raise ValueError(f"the log has {len(entries)} entries, a curve needs two: let the training go on a minute")
    width, height = SIZE_PX
    left, top, right, bottom = MARGINS_PX
    image = Image.new("RGB", SIZE_PX, "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    most = max(entry["characters"] for entry in entries) / 1e6
    errors = [1 - entry[name] for entry in entries for name in SERIES if name in entry]
    lowest = math.floor(math.log10(max(min(errors), 1e-4)))

    def place(millions: float, error: float) -> tuple[float, float]:
        share = max(math.log10(max(error, 1e-9)), lowest) / lowest
        return left + (width - left - right) * millions / most, top + (height - top - bottom) * share

    for exponent in range(lowest, 1):
        for factor in (1, 2, 5) if exponent < 0 else (1,):
            error = factor * 10.0**exponent
            y = place(0, error)[1]
            draw.line([(left, y), (width - right, y)], (225, 225, 225))
            draw.text((left - 6, y), f"{100 * error:g} %", "black", font, anchor="rm")
    step = max(1, round(most / 8 * 2)) / 2
    for tick in range(int(most / step) + 1):
        x = place(tick * step, 1.0)[0]
        draw.line([(x, height - bottom), (x, height - bottom + 4)], "black")
        draw.text((x, height - bottom + 6), f"{tick * step:g}", "black", font, anchor="mt")
    draw.text(((left + width - right) / 2, height - 8), "million characters read", "black", font, anchor="ms")
    draw.text((left, top - 10), "share of errors on fresh training pictures", "black", font, anchor="ls")
    for row, (name, (label, colour)) in enumerate(SERIES.items()):
        points = [(entry["characters"] / 1e6, 1 - entry[name]) for entry in entries if name in entry]
        values = smooth([error for _, error in points])
        if len(points) > 1:
            line = [place(x, error) for (x, _), error in zip(points, values, strict=True)]
            draw.line(line, colour, width=2)
        draw.text((width - right - 6, top + 8 + 17 * row), label, colour, font, anchor="rt")
    return image


def main() -> None:
    """Run the command."""
    program = "python -m got_ocr.nano.curve"
    parser = argparse.ArgumentParser(prog=program, description="Draw a learning curve.")
    parser.add_argument("log", type=Path, help="log.jsonl of a run")
    parser.add_argument("picture", type=Path, help="PNG file to write")
    options = parser.parse_args()
    entries = [json.loads(line) for line in options.log.read_text(encoding="utf-8").splitlines()]
    # A run that was killed logs the steps after its last save twice: the later entry holds.
    latest = {entry["step"]: entry for entry in entries}
    draw_curve([latest[step] for step in sorted(latest)]).quantize(64).save(options.picture, optimize=True)


if __name__ == "__main__":
    main()
