"""`got-ocr bench`: what the full model costs on this machine, beside transformers' port and the machine's limits."""

import argparse
import sys
from pathlib import Path

from ..benchmarks.options import CLOCKS, STAGES, VARIANTS, BenchOptions
from . import exit_codes
from .exit_codes import CommandError
from .terminal import check_standard_output
from .writing import try_folder, writing

SUMMARY = """\
measure the full model's stages and pages beside transformers' port, on random weights

Nothing is downloaded: weights of the published size are drawn in memory (2.3 GB in float32). Variants are measured in
turns in one run, beside what the machine does at most, and a run that others disturbed is said to be so.

  got-ocr bench                                             stages in float32, ours and the port's: minutes
  got-ocr bench --variant ours-float32,ours-int8,ours-int4 --stage prefill,decode
  got-ocr bench --stage page --answer 256,1024 --batch 1,4 --variant ours-int8,port-float32
  got-ocr bench --device cuda --batch 1,4,16,64 --variant ours-bfloat16,port-bfloat16,port-compiled"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    default = BenchOptions()
    parser.add_argument(
        "--stage",
        type=_words,
        default=default.stages,
        metavar="A,B",
        help=f"of {', '.join(STAGES)} (default: all but page)",
    )
    parser.add_argument(
        "--variant",
        type=_words,
        default=None,
        metavar="A,B",
        help=f"of {', '.join(VARIANTS)} (default: float32 on a CPU, bfloat16 on a GPU)",
    )
    lists = {
        "--batch": (default.batches, "pages at once"),
        "--answer": (default.answers, "tokens of a whole page's answer"),
        "--context": (default.contexts, "answer lengths at which a token is timed"),
    }
    for option, (numbers, meaning) in lists.items():
        said = ",".join(map(str, numbers))
        parser.add_argument(option, type=_numbers, default=numbers, metavar="N,M", help=f"{meaning} (default: {said})")
    counts = {
        "--steps": (default.steps, "tokens timed at each of these lengths"),
        "--repeats": (default.repeats, "rounds; medians count"),
        "--layers": (default.layers, "of the decoder"),
        "--tower-layers": (default.tower_layers, "of the tower: 3, 6, 9 or 12"),
    }
    for option, (number, meaning) in counts.items():
        parser.add_argument(option, type=int, default=number, metavar="N", help=f"{meaning} (default: {number})")
    parser.add_argument("--threads", type=int, metavar="N", help="of a CPU (default: all cores)")
    parser.add_argument(
        "--clock",
        choices=CLOCKS,
        default="wall",
        help="wall (default), or cpu: processor seconds with --threads 1, on a machine that others use too",
    )
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="also write JSON, Markdown and a picture, named by the device"
    )
    parser.add_argument("--name", default="", help="of the files in --output (default: the device's name)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on standard error")


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(text: str) -> tuple[int, ...]:
    words = _words(text)
    if not words or not all(word.isascii() and word.isdigit() for word in words):
        raise argparse.ArgumentTypeError(f"must be whole numbers with commas between, got {text!r}")
    return tuple(int(word) for word in words)


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Args:
        args: Of `add_arguments`.

    Returns:
        The exit code.

    Raises:
        CommandError: If the installed transformers has no port of the model.
        ValueError: If an argument is not allowed.
    """
    is_gpu = args.device.startswith("cuda")
    variants = ("ours-bfloat16", "port-bfloat16") if is_gpu else BenchOptions().variants
    options = BenchOptions(
        stages=args.stage,
        variants=variants if args.variant is None else args.variant,
        batches=args.batch,
        answers=args.answer,
        contexts=args.context,
        steps=args.steps,
        repeats=args.repeats,
        device=args.device,
        threads=args.threads,
        clock=args.clock,
        layers=args.layers,
        tower_layers=args.tower_layers,
    )
    from ..hub.model_choice import pick_device, silence_libraries

    if args.output is None:
        check_standard_output("give --output, or leave it open")
    else:
        with writing(args.output):
            args.output.mkdir(parents=True, exist_ok=True)
            try_folder(args.output)
    pick_device(args.device)
    silence_libraries(show_downloads=False)
    try:
        from ..benchmarks.bench import run_bench
        from ..benchmarks.report import describe, write_report
    except ImportError as error:
        if not (error.name or "").startswith("transformers"):
            raise
        raise CommandError(
            exit_codes.PART_MISSING,
            f"the benchmark needs transformers' own port of GOT ({error.name}): 4.57 or newer.",
        ) from error

    def say(text: str) -> None:
        if not args.quiet:
            print(f"got-ocr: {text} ...", file=sys.stderr, flush=True)

    report = run_bench(options, say)
    if args.output is not None:
        for path in write_report(report, args.output, args.name):
            if not args.quiet:
                print(f"got-ocr: written: {path}", file=sys.stderr)
    print(describe(report))
    return exit_codes.OK
