"""Read PDFs of all awkward kinds: each failure must be one row with its reason, each good page what `got-ocr` reads.

python -m got_ocr.bulk.benchmarks.awkward --count 200
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..output import REPORT_JSON, OutputFolder
from .kills import find_differences, run_serially
from .materials import copy_fresh, write_awkward_pdfs

MEMORY_GIB = 0.2  # For pages on their way.


def find_wrong(rows: Sequence[Mapping[str, Any]], expected: Mapping[str, str | None]) -> list[str]:
    """Find the files whose rows are not what they should be.

    Args:
        rows: Of the job.
        expected: The kind of failure by file name; None for a good one.

    Returns:
        Their names.
    """
    named = [(Path(row["source"]).name, row) for row in rows]
    count = Counter(name for name, _ in named)
    wrong = {name for name, row in named if row["error_kind"] != expected[name]}
    wrong |= {name for name in expected if count[name] != 1}
    wrong |= {name for name, row in named if row["error"] is not None and name not in row["error"]}
    return sorted(wrong)


def find_different(rows: Sequence[Mapping[str, Any]], records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Find the rows that say anything else than the serial run: of a failure, that there is one.

    Args:
        rows: Of the job.
        records: Of the serial run, by input.

    Returns:
        What the two say where they differ.
    """
    found = []
    for row in rows:
        record = records.get(row["source"]) or records.get(f"{row['source']}#page={row['page']}")
        if record is None:
            found.append(f"{row['source']}: not read serially")
        elif row["error"] is not None or record["error"] is not None:
            found += [] if row["error"] == record["error"] else [f"{row['error']!r}, serially {record['error']!r}"]
        elif row["finish_reason"] != "blank":  # These are not sent to the model; serially they are.
            found += find_differences(row, record)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark. Returns: 0 where every file has the rows that it should have."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/got-ocr-awkward"))
    parser.add_argument("--model", default="nano", help="as of got-ocr (%(default)s)")
    args = parser.parse_args(argv)
    expected = write_awkward_pdfs(copy_fresh(args.folder / "in"), args.count)
    output = copy_fresh(args.folder / "out")
    command = [sys.executable, "-m", "got_ocr", "bulk", str(args.folder / "in"), "--output", str(output), "-q"]
    command += ["--model", args.model, "--device", "cpu", "--object-store-memory", str(MEMORY_GIB), "--no-dashboard"]
    start = time.monotonic()
    code = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    seconds = time.monotonic() - start
    report = json.loads((output / REPORT_JSON).read_text(encoding="utf-8"))
    rows = list(OutputFolder(str(output), 1).iterate())
    files = sorted(str(file) for file in (args.folder / "in").iterdir())
    start = time.monotonic()
    records = run_serially(files, args.folder / "serial.jsonl", args.model)
    figures = {"files": len(expected), "rows": len(rows), "exit_code": code, "failures": report["failures"]}
    wrong, different = find_wrong(rows, expected), find_different(rows, records)
    times = {"seconds": round(seconds, 1), "seconds_serially": round(time.monotonic() - start, 1)}
    print(json.dumps({**figures, "wrong": wrong, "different": different, **times}))
    return int(bool(wrong or different))


if __name__ == "__main__":
    sys.exit(main())
