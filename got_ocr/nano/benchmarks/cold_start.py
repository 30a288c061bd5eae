"""How long a newcomer waits: from starting a fresh process to the first character of the sample page.

    python -m got_ocr.nano.benchmarks.cold_start [--runs 5] [--model got_ocr/assets/nano] [--picture PAGE.png]

Two ways in: the library (`chat_stream` in a script) and the command line (`got-ocr --stream PAGE.png`). The library's
time is parted into starting Python and imports, loading the weights, and reading up to the first piece of text. One
run before the counted ones warms the file cache. `--imports N` also lists the N slowest imports.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

PARTS = ("python and imports", "weights", "reading")
# Prints the clock at each mark. The clock is the system's: the parent's start can be taken from it.
SCRIPT = """
import json, sys, time
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.processing.processor import GotOcrProcessor
marks = [time.time()]
model = GotOcrForConditionalGeneration.from_pretrained(sys.argv[1]).eval()
processor = GotOcrProcessor.from_pretrained(sys.argv[1])
marks.append(time.time())
pieces = model.chat_stream(processor, sys.argv[2])
first = next(pieces)
marks.append(time.time())
text = first + "".join(pieces)
marks.append(time.time())
print(json.dumps({"marks": marks, "characters": len(text.strip()), "first": len(first.strip())}))
"""


def time_library(model: Path, picture: Path, environment: dict[str, str]) -> dict[str, float]:
    """Time a fresh process that uses the library.

    Args:
        model: the checkpoint's folder.
        picture: the page.
        environment: of the process.

    Returns:
        Seconds of `PARTS`, `first character` (their sum) and `last character`.
    """
    begun = time.time()
    command = [sys.executable, "-c", SCRIPT, str(model), str(picture)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    if not result["first"]:
        raise ValueError(f"{picture} gave no text: name a page that the model reads")
    marks = [begun, *result["marks"]]
    times = {name: after - before for name, before, after in zip(PARTS, marks, marks[1:], strict=False)}
    return {**times, "first character": marks[3] - begun, "last character": marks[4] - begun}


def time_command(model: Path, picture: Path, environment: dict[str, str]) -> dict[str, float]:
    """Time the command line up to the first character on its standard output.

    Args:
        model: the checkpoint's folder.
        picture: the page.
        environment: of the process.

    Returns:
        Seconds: `first character` and `last character`.
    """
    begun = time.time()
    command = [sys.executable, "-m", "got_ocr", "--quiet", "--stream", "--model", str(model), str(picture)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        while (character := process.stdout.read(1)).isspace():
            pass
        first = time.time() - begun
        process.stdout.read()
        error = process.stderr.read().decode("utf-8", "replace")
    if process.returncode or not character:
        raise ValueError(f"the command gave no text: {error.strip() or 'no reason given'}")
    return {"first character": first, "last character": time.time() - begun}


def slow_imports(count: int, environment: dict[str, str]) -> list[str]:
    """List the imports that take longest by themselves, of those that the library needs to read.

    Args:
        count: how many.
        environment: of the process.

    Returns:
        Lines `own ms, with its own imports ms, name`.
    """
    script = "import got_ocr.reading.model, got_ocr.processing.processor"
    command = [sys.executable, "-X", "importtime", "-c", script]
    log = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr
    found = [
        (int(own), int(total), name.strip())
        for own, total, name in re.findall(r"import time:\s*(\d+) \|\s*(\d+) \| (.*)", log)
    ]
    return [f"{own / 1000:7.1f} {total / 1000:8.1f}  {name}" for own, total, name in sorted(found)[::-1][:count]]


def main() -> int:
    """Time and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("got_ocr/assets/nano"), help="(%(default)s)")
    parser.add_argument("--picture", type=Path, default=Path("examples/images/sample_page.png"), help="(%(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each way (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="cores to use (%(default)s)")
    parser.add_argument("--ways", nargs="+", choices=("library", "command line"), default=["library", "command line"])
    parser.add_argument("--imports", type=int, default=0, metavar="N", help="list the N slowest imports, too")
    args = parser.parse_args()
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(args.threads),
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
    }
    ways = {"library": time_library, "command line": time_command}
    print(f"seconds from the start of a fresh process, median of {args.runs} (least to most), {args.threads} cores")
    for way in args.ways:
        measure = ways[way]
        runs = [measure(args.model, args.picture, environment) for _ in range(args.runs + 1)][1:]
        for name in runs[0]:
            values = [run[name] for run in runs]
            median = statistics.median(values)
            print(f"{way}, {name}: {median:.2f} ({min(values):.2f} to {max(values):.2f})")
    for line in slow_imports(args.imports, environment) if args.imports else []:
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
