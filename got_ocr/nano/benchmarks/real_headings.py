r"""Format mode on real pictures: what it takes for headings, and the share that somebody has judged to be some.

    OMP_NUM_THREADS=1 python -m got_ocr.nano.benchmarks.real_headings FOLDER [--judged FILE.tsv] [--sources NAME ...]
        [--model got_ocr/assets/nano]

Each subfolder of FOLDER is a source. Printed is a line for each heading or title: its picture, `yes`, `no` or `?`, and
its words, separated by tabs. To judge them, write `yes` or `no` into the second column and give the file as --judged:
pictures' truths don't say what is a heading. Printed at the end, on stderr: how many of the judged headings are some
(precision), how many of those judged `yes` are found again, and how many nobody has judged.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...processing.mode import Mode
from .real_documents import PICTURE_SUFFIXES, open_reader

HEADING = re.compile(r"\\(?:title|(?:sub)*section)\*?\{\s*(.*?)\s*\}\s*(?:\n|$)", re.DOTALL)
Judged = Mapping[tuple[str, str], bool]


def headings(answer: str) -> list[str]:
    """Tell the headings and titles of an answer. Args: answer: Mathpix Markdown. Returns: their words, in order."""
    return [" ".join(found.split()) for found in HEADING.findall(answer)]


def read_judged(path: Path) -> dict[tuple[str, str], bool]:
    """Read what somebody has judged.

    Args:
        path: lines of `picture`, `yes` or `no`, and `words`, separated by tabs; lines with anything else are left out.

    Returns:
        Whether it is a heading, by picture and words.
    """
    rows = [line.split("\t", 2) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(row[0], row[2]): row[1] == "yes" for row in rows if len(row) == 3 and row[1] in ("yes", "no")}


def summarise(found: Sequence[tuple[str, str]], judged: Judged) -> str:
    """Say how good the headings are.

    Args:
        found: picture and words of each.
        judged: see `read_judged`.

    Returns:
        A line.
    """
    known = [judged[one] for one in found if one in judged]
    right = {one for one, is_heading in judged.items() if is_heading}
    parts = [f"{len(found)} headings, {len(found) - len(known)} of them not judged"]
    if known:
        parts.append(f"of the judged ones {100 * sum(known) / len(known):.0f} % are headings")
    if right:
        parts.append(f"of {len(right)} judged to be some {100 * len(right & set(found)) / len(right):.0f} % are found")
    return "; ".join(parts)


def main(argv: list[str] | None = None) -> int:
    """Read, and print the headings. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--judged", type=Path, metavar="FILE.tsv", help="what is printed, with yes or no in its column"
    )
    parser.add_argument("--sources", nargs="+", metavar="NAME", help="subfolders; all by default")
    parser.add_argument("--model", type=Path, default=Path(__file__).resolve().parents[2] / "assets" / "nano")
    args = parser.parse_args(argv)
    folders = [path for path in sorted(args.folder.iterdir()) if path.is_dir()]
    folders = [path for path in folders if not args.sources or path.name in args.sources]
    pictures = [path for folder in folders for path in sorted(folder.iterdir())]
    pictures = [path for path in pictures if path.suffix.lower() in PICTURE_SUFFIXES]
    if not pictures:
        parser.error(f"{args.folder} holds no subfolder with pictures{' of these names' if args.sources else ''}.")
    reader = open_reader(parser, args.model)
    judged = read_judged(args.judged) if args.judged else {}
    found = []
    for number, picture in enumerate(pictures, 1):
        answer = "\n\n".join(page.text for page in reader.read_pages(str(picture), Mode("format")))
        for words in headings(answer):
            one = (f"{picture.parent.name}/{picture.name}", words)
            found.append(one)
            verdict = {True: "yes", False: "no", None: "?"}[judged.get(one)]
            print(f"{one[0]}\t{verdict}\t{one[1]}", flush=True)
        sys.stderr.write(f"\r{number} of {len(pictures)} pictures")
    sys.stderr.write(f"\n{summarise(found, judged)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
