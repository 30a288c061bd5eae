"""Format mode on real pictures of tables: TEDS of each, with the cells' texts and without.

    OMP_NUM_THREADS=1 python -m got_ocr.nano.benchmarks.real_tables FOLDER [--model got_ocr/assets/nano]

A picture of FOLDER has its table beside it in NAME.html. Of an answer with several tables the most alike counts; an
answer without any scores 0. Printed at the end: the means, and how many answers hold a table at all.
"""

import argparse
import sys
from pathlib import Path

from ...evaluation.sections import split_sections
from ...evaluation.tables import parse_table, teds
from ...processing.mode import Mode
from .real_documents import PICTURE_SUFFIXES, open_reader


def similarities(truth: str, answer: str) -> tuple[float, float] | None:
    """Compare the tables of an answer with the true one.

    Args:
        truth: HTML of the table.
        answer: Mathpix Markdown.

    Returns:
        TEDS and TEDS without the texts of the table that is most alike, 0 to 1; None where there is no table.
    """
    table = parse_table(truth)
    others = [parse_table(source) for source in split_sections(answer).tables]
    return max(((teds(table, other), teds(table, other, structure_only=True)) for other in others), default=None)


def main(argv: list[str] | None = None) -> int:
    """Read, and print the figures. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, default=Path(__file__).resolve().parents[2] / "assets" / "nano")
    args = parser.parse_args(argv)
    pictures = [path for path in sorted(args.folder.iterdir()) if path.suffix.lower() in PICTURE_SUFFIXES]
    pictures = [path for path in pictures if path.with_suffix(".html").is_file()]
    if not pictures:
        parser.error(f"{args.folder} holds no picture with a NAME.html beside it.")
    reader = open_reader(parser, args.model)
    found = []
    for picture in pictures:
        answer = "\n\n".join(page.text for page in reader.read_pages(str(picture), Mode("format")))
        pair = similarities(picture.with_suffix(".html").read_text(encoding="utf-8"), answer)
        found.append(pair)
        print(f"{picture.name:40} {'no table' if pair is None else f'{pair[0]:.3f} {pair[1]:.3f}'}", flush=True)
    whole, structure = (sum(pair[place] for pair in found if pair) / len(found) for place in (0, 1))
    count = sum(pair is not None for pair in found)
    print(f"{len(found)} pictures, {count} answers with a table: TEDS {whole:.3f}, without the texts {structure:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
