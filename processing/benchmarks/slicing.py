"""How fast pages are sliced, and how many of their lines come back exactly from a perfect reader.

`python processing/benchmarks/slicing.py --pages 40` draws seeded pages of several text sizes, fonts, columns and kinds
of wear, slices them, reads the slices with the drawn truth and compares line by line.
"""

import argparse
import difflib
import time

import numpy as np
from PIL import Image
from truth_pages import DEGRADATIONS, TruthPage, find_fonts, perfect_reading, running_page

from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.slices.joining import join_slices
from got_ocr.slices.slicing import slice_page

# (font size, page width, page height) in px.
SIZES = ((10, 700, 500), (14, 800, 700), (21, 1000, 1000), (30, 1654, 1200), (42, 2480, 1800), (60, 2400, 1700))


def exact_lines(page: TruthPage, options: SlicingOptions) -> int:
    """Lines of the page that come back letter by letter, in order."""
    sliced = slice_page(page.image.convert("RGB"), options, 192)
    got = [line for line in join_slices(sliced, perfect_reading(page, sliced)).split("\n") if line]
    want = [line.text for line in page.lines]
    blocks = difflib.SequenceMatcher(None, want, got, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks)


def measure_lines(pages: int, seed: int) -> None:
    """Print the share of exact lines by size and by wear."""
    options = SlicingOptions()
    fonts = find_fonts()
    rng = np.random.default_rng(seed)
    tally: dict[str, list[int]] = {}
    for number in range(pages):
        name = list(DEGRADATIONS)[number % len(DEGRADATIONS)]
        size_px, width, height = SIZES[rng.integers(len(SIZES))]
        columns, font = int(rng.integers(1, 3)), fonts[rng.integers(len(fonts))]
        page = DEGRADATIONS[name](running_page(seed + number, font, size_px, width, height, columns))
        exact = exact_lines(page, options)
        for key in ("all", name, f"{size_px} px", f"{columns} columns", font.stem):
            count = tally.setdefault(key, [0, 0])
            count[0] += exact
            count[1] += len(page.lines)
    for key, (exact, lines) in tally.items():
        print(f"{key:28} {exact:5} of {lines:5} lines exact: {exact / lines:7.2%}")


def measure_speed(repeats: int) -> None:
    """Print processor seconds a page by size."""
    font = find_fonts()[0]
    for name, size_px, width, height, skew in (
        ("screen 1000 x 700", 22, 1000, 700, False),
        ("A4 at 150 dpi", 21, 1240, 1754, False),
        ("A4 at 200 dpi", 28, 1654, 2339, False),
        ("letter at 300 dpi", 42, 2500, 3300, False),
        ("letter at 300 dpi, skewed", 42, 2500, 3300, True),
    ):
        page = running_page(1, font, size_px, width, height)
        image = DEGRADATIONS["skew -1.1"](page).image if skew else page.image
        image = Image.merge("RGB", [image] * 3)
        times = []
        for _ in range(repeats):
            start = time.process_time()
            sliced = slice_page(image, SlicingOptions(), 192)
            times.append(time.process_time() - start)
        print(f"{name:28} {np.median(times):6.2f} s, {len(sliced.line_boxes)} lines, {len(sliced.slices)} slices")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    measure_speed(arguments.repeats)
    measure_lines(arguments.pages, arguments.seed)


if __name__ == "__main__":
    main()
