"""Memory, threads and open files over thousands of pages of mixed sizes, in one process.

A PDF of pages of mixed sizes, with pictures and a damaged page among them, is gone through again and again, by the way
that `chat`, pipelines and the command line go. Printed, and written as CSV with --curve: resident memory of this
process and of the process that decodes, threads of the system, open files. With --read each page is read by the
built-in model too, as the command line reads it (numpy) or by torch.
"""

import argparse
import csv
import io
import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from got_ocr.processing.pages import PageError, find_pages

SEED = 7
PAGES_A_ROUND = 60
STEP = 100


def write_sources(folder: Path, largest_px: int, most_rows: int) -> list[Path]:
    """Write a PDF of pages of mixed sizes, pictures of several kinds, and a broken one."""
    chance = random.Random(SEED)
    pages = []
    for number in range(PAGES_A_ROUND - 12):
        page = Image.new("L", (chance.randrange(200, largest_px), chance.randrange(60, largest_px)), 255)
        draw = ImageDraw.Draw(page)
        for row in range(20, page.height - 20, 24)[:most_rows]:
            draw.text((20, row), f"page {number}, row {row}: {chance.random():.12f}", fill=0)
        pages.append(page)
    pages[0].save(folder / "book.pdf", save_all=True, append_images=pages[1:], resolution=150)
    for number, suffix in enumerate(("png", "jpg", "webp", "bmp", "gif", "tif")):
        pages[number].save(folder / f"picture-{number}.{suffix}")
        pages[number + 6].convert("RGB").save(folder / f"picture-{number + 6}.{suffix}")
    (folder / "broken.png").write_bytes((folder / "picture-0.png").read_bytes()[:900])
    return sorted(folder.iterdir())


def resident_kib(process: int) -> int:
    """Resident memory of a process, from /proc."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))


def decoders() -> list[int]:
    """The processes that decode for this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and b"page_worker" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (OSError, IndexError):
            continue
    return found


def open_reading(engine: str) -> Callable[[Image.Image], str]:
    """Load the built-in model. Returns: a page's text."""
    from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor
    from got_ocr.light import open_light

    if engine == "numpy":
        light = open_light(BUILTIN_CHECKPOINT)
        if light is None:
            raise ValueError("numpy doesn't read the built-in model here.")
        return lambda page: str(light.read(None, [page])[0].text)
    model = GotOcrForConditionalGeneration.from_pretrained(BUILTIN_CHECKPOINT).eval()
    processor = GotOcrProcessor.from_pretrained(BUILTIN_CHECKPOINT)
    return lambda page: str(model.read(processor, [page])[0].text)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=3000)
    parser.add_argument("--read", nargs="?", const="numpy", choices=("numpy", "torch"), help="read each page too")
    parser.add_argument("--largest", type=int, default=1800, metavar="PX", help="longest side of a page")
    parser.add_argument("--rows", type=int, default=1000, help="most lines of text on a page")
    parser.add_argument("--here", action="store_true", help="decode in this process")
    parser.add_argument("--curve", type=Path, help="CSV to write")
    args = parser.parse_args()
    read = open_reading(args.read) if args.read else None
    rows: list[list[int]] = []
    count = failed = characters = 0
    with tempfile.TemporaryDirectory() as folder:
        sources = write_sources(Path(folder), args.largest, args.rows)
        print(f"{'pages':>6} {'MiB':>7} {'MiB decoding':>13} {'threads':>8} {'files':>6}")
        while count < args.pages:
            for found in find_pages(sources, page_timeout_s=None if args.here else 60):
                try:
                    page = found.load()
                    if read is not None:
                        characters += len(read(page.image))
                except PageError:
                    failed += 1
                count += 1
                if count % STEP == 0:
                    own, theirs = resident_kib(os.getpid()), sum(map(resident_kib, decoders()))
                    threads, files = (len(os.listdir(f"/proc/self/{name}")) for name in ("task", "fd"))
                    rows.append([count, own, theirs, threads, files])
                    print(f"{count:>6} {own / 1024:>7.1f} {theirs / 1024:>13.1f} {threads:>8} {files:>6}")
                    sys.stdout.flush()
                if count >= args.pages:
                    break
    half = rows[len(rows) // 3 :]
    slope = np.polyfit([row[0] for row in half], [row[1] + row[2] for row in half], 1)[0]
    print(
        f"{count} pages, {failed} of them broken, {characters} characters read; "
        f"{slope * 1000 / 1024:+.2f} MiB a thousand pages after the first third"
    )
    if args.curve:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerows([["pages", "kib", "kib_decoding", "threads", "files"], *rows])
        args.curve.write_text(text.getvalue())


if __name__ == "__main__":
    main()
