"""Read PDFs of all awkward kinds: each failure must be one row with its reason, and each good page one with its text.

python -m got_ocr.bulk.benchmarks.awkward --count 200
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..job import BulkJob
from ..options import Workers
from ..output import OutputFolder
from .kills import NO_MODEL, LoggedReader
from .materials import copy_fresh, write_awkward_pdfs
from .throughput import IDENTITY, OBJECT_STORE_BYTES, make_options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns: 0 where every file has the rows that it should have."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/got-ocr-awkward"))
    parser.add_argument("--model", help=f"folder, or {NO_MODEL} for none (the built-in one)")
    args = parser.parse_args(argv)
    expected = write_awkward_pdfs(copy_fresh(args.folder / "in"), args.count)
    output = copy_fresh(args.folder / "out")
    workers = Workers(
        batch_size=4, device="cpu", object_store_bytes=OBJECT_STORE_BYTES, show_dashboard=False, rows_per_file=64
    )
    start = time.monotonic()
    job = BulkJob(
        [str(args.folder / "in")], str(output), make_options(args.model), IDENTITY, workers, load_reader=LoggedReader
    )
    report = job.run()
    rows = [(Path(row["source"]).name, row) for row in OutputFolder(str(output), 1).iterate()]
    count = Counter(name for name, _ in rows)
    wrong = [name for name, row in rows if row["error_kind"] != expected[name]]
    wrong += [name for name in expected if count[name] != 1]
    wrong += [name for name, row in rows if row["error"] is not None and name not in row["error"]]
    figures = {"files": len(expected), "rows": len(rows), "failures": report["failures"]}
    seconds = round(time.monotonic() - start, 1)
    print(json.dumps({**figures, "wrong": sorted(set(wrong)), "seconds": seconds}))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
