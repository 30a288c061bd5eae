"""Put real pictures with known truth into the forms of olmOCR-bench and of OmniDocBench, to be scored as these are.

    python -m got_ocr.evaluation.benchmarks.real_samples FOLDER --output DIR [--source olmocr ...]
    got-ocr eval --suite olmocr-bench --data DIR/olmocr-bench --engine tesseract --output run
    got-ocr eval --suite omnidocbench --data DIR/omnidocbench --model nano --output run

Any picture below FOLDER counts that has its truth beside it: NAME.gt.txt (text), NAME.html (one table) or NAME.tex
(one formula). These are not the benchmarks' own tests, which are asked of their own pages; they are made of the truth
by rules that leave no choice:

- **olmOCR-bench**: `present` for the longest lines of a text, `order` for lines that follow one another in it, `table`
  for cells with their four neighbours, `math`, and `baseline` for each page. Pictures become PDFs of one page.
- **OmniDocBench**: a page's lines as text blocks, a table, or a formula.
"""

import argparse
import html
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...processing.pictures import load_image
from ..tables import Cell, parse_table

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
TRUTHS = {"text": ".gt.txt", "table": ".html", "formula": ".tex"}
TESTS_A_PAGE = 5  # of each kind, so that a long page counts no more than a short one
LEAST_CHARACTERS = 25  # of a line that a test asks for: shorter ones stand on a page by chance
MOST_CHARACTERS = 120
LEAST_NEIGHBOURS = 2  # of a cell that is asked for
DPI = 200.0  # at which PDFs are drawn by default, so that a picture stays as it is
SHARE_WRONG = 0.04  # of a line's characters may differ: the benchmark's own allowances for sentences are of that kind


@dataclass(frozen=True)
class RealPage:
    """A picture with what is known of it.

    Attributes:
        name: Its source and name, as a file's without suffix.
        picture: The file.
        kind: One of TRUTHS.
        truth: Text, HTML or LaTeX.
    """

    name: str
    picture: Path
    kind: str
    truth: str


def find_pages(folder: Path, sources: list[str] | None = None) -> Iterator[RealPage]:
    """Yield the pictures of a folder that have a truth beside them, in order; a table or formula before its text."""
    for path in sorted(folder.rglob("*")):
        source = path.parent.name
        if path.suffix.lower() not in PICTURE_SUFFIXES or (sources and source not in sources):
            continue
        for kind in ("table", "formula", "text"):
            truth = path.with_name(path.name.removesuffix(path.suffix) + TRUTHS[kind])
            if truth.is_file() and truth.read_text(encoding="utf-8").strip():
                name = re.sub(r"[^\w.-]", "_", f"{source}-{path.stem}")
                yield RealPage(name, path, kind, truth.read_text(encoding="utf-8"))
                break


def make_tests(page: RealPage) -> list[dict[str, Any]]:
    """Make tests of olmOCR-bench of a page's truth.

    Args:
        page: The page.

    Returns:
        Lines of its JSONL files, without `id`, `pdf` and `page`.
    """
    if page.kind == "formula":
        return [{"type": "math", "math": page.truth.strip()}]
    return _table_tests(page.truth) if page.kind == "table" else _text_tests(page.truth)


def _text_tests(truth: str) -> list[dict[str, Any]]:
    lines = [" ".join(line.split()) for line in truth.splitlines()]
    fits = [LEAST_CHARACTERS <= len(line) <= MOST_CHARACTERS and lines.count(line) == 1 for line in lines]
    chosen = sorted((line for line, fit in zip(lines, fits, strict=True) if fit), key=len, reverse=True)[:TESTS_A_PAGE]
    tests: list[dict[str, Any]] = [{"type": "present", "text": line, "max_diffs": _allowed(line)} for line in chosen]
    pairs = [number for number in range(len(lines) - 1) if fits[number] and fits[number + 1]]
    for number in pairs[:: max(1, len(pairs) // TESTS_A_PAGE)][:TESTS_A_PAGE]:
        before, after = lines[number], lines[number + 1]
        allowed = _allowed(min(before, after, key=len))
        tests.append({"type": "order", "before": before, "after": after, "max_diffs": allowed})
    return tests


def _allowed(text: str) -> int:
    return max(1, round(SHARE_WRONG * len(text)))


def _table_tests(truth: str) -> list[dict[str, Any]]:
    """Ask for cells that stand once in the table, by all neighbours that they have."""
    grid: dict[tuple[int, int], Cell] = {}
    for row, cells in enumerate(parse_table(truth)):
        column = 0
        for cell in cells:
            while (row, column) in grid:
                column += 1
            grid |= {(row + down, column + right): cell for down in range(cell.rows) for right in range(cell.columns)}
            column += cell.columns
    # What spans is left out: the checker counts its places otherwise in rows than in headings.
    texts = {place: _visible(cell.text) for place, cell in grid.items() if (cell.rows, cell.columns) == (1, 1)}
    counts = Counter(texts.values())
    tests = []
    for (row, column), text in texts.items():
        near = {
            "up": (row - 1, column),
            "down": (row + 1, column),
            "left": (row, column - 1),
            "right": (row, column + 1),
        }
        asked = {name: texts[place] for name, place in near.items() if texts.get(place)}
        if text and counts[text] == 1 and len(asked) >= LEAST_NEIGHBOURS:
            tests.append({"type": "table", "cell": text, **asked, "max_diffs": 0})
    return tests[:: max(1, len(tests) // TESTS_A_PAGE)][:TESTS_A_PAGE]


def _visible(text: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def write_olmocr_bench(pages: list[RealPage], folder: Path) -> int:
    """Write pages and tests as olmOCR-bench has them. Returns: how many tests."""
    (folder / "pdfs" / "real").mkdir(parents=True, exist_ok=True)
    groups: dict[str, list[dict[str, Any]]] = {}
    for page in pages:
        pdf = f"real/{page.name}.pdf"
        load_image(page.picture).save(folder / "pdfs" / pdf, resolution=DPI, quality=100, subsampling=0)
        for number, test in enumerate(make_tests(page)):
            line = {"pdf": pdf, "page": 1, "id": f"{page.name}_{test['type']}_{number}", **test}
            groups.setdefault(page.kind, []).append(line)
    for kind, tests in groups.items():
        lines = "".join(json.dumps(test, ensure_ascii=False) + "\n" for test in tests)
        (folder / f"{kind}.jsonl").write_text(lines, encoding="utf-8")
    return sum(map(len, groups.values()))


def write_omnidocbench(pages: list[RealPage], folder: Path) -> int:
    """Write pages as OmniDocBench has them. Returns: how many."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    entries = []
    for page in pages:
        load_image(page.picture).save(folder / "images" / f"{page.name}.png")
        entries.append({"page_info": {"image_path": f"{page.name}.png"}, "layout_dets": _blocks(page)})
    (folder / "OmniDocBench.json").write_text(json.dumps(entries, ensure_ascii=False, indent=1), encoding="utf-8")
    return len(entries)


def _blocks(page: RealPage) -> list[dict[str, Any]]:
    if page.kind == "table":
        return [{"category_type": "table", "html": page.truth, "order": 1}]
    if page.kind == "formula":
        return [{"category_type": "equation_isolated", "latex": page.truth, "order": 1}]
    lines = [line for line in page.truth.splitlines() if line.strip()]
    return [{"category_type": "text_block", "text": line, "order": number} for number, line in enumerate(lines, 1)]


def main(argv: list[str] | None = None) -> int:
    """Write both folders. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--source", action="append", help="only pictures of folders of this name; repeatable")
    options = parser.parse_args(argv)
    pages = list(find_pages(options.folder, options.source))
    if not pages:
        parser.error(f"{options.folder} holds no picture with {', '.join(TRUTHS.values())} beside it.")
    tests = write_olmocr_bench(pages, options.output / "olmocr-bench")
    write_omnidocbench(pages, options.output / "omnidocbench")
    print(f"{len(pages)} pages, {tests} tests: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
