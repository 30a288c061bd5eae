"""`got-ocr eval`: read ground truth's pictures, score the answers, write the report."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import exit_codes
from .exit_codes import CommandError
from .score import add_scoring_arguments, write_reports

if TYPE_CHECKING:
    from ..evaluation.engines import Engine, EngineOptions
    from ..evaluation.results import Result
    from ..evaluation.samples import Sample
    from ..evaluation.suites import Suite

SUMMARY = """\
read the pictures of ground truth and score the answers

Ground truth is a published conversation list (Fox, GOT), OneChart's chart file, a folder of pictures with .txt or
.gt.txt files beside them, or a Hub dataset. Answers are written as they come: a run that was stopped goes on where it
was. Several GPUs: torchrun --nproc-per-node 4 -m got_ocr.cli.evaluate ...; several machines: --ray, or
--num-chunks and --chunk-index with a shared --output."""

PAGE_SEGMENTATION = {"scene": 11, "box": 6, "color": 6}  # Tesseract's --psm where 3, a page, doesn't fit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--data", required=True, metavar="GT", help="JSON file, folder, or hub:owner/name")
    parser.add_argument("--images", metavar="DIR", help="folder of the pictures that the JSON file names (its own)")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for answers and reports")
    parser.add_argument(
        "--suite",
        choices=("olmocr-bench", "omnidocbench"),
        help="--data is this public benchmark's folder, which brings tests or truth of its own form",
    )
    parser.add_argument(
        "--push-results",
        metavar="OWNER/NAME",
        help="with --suite: propose the figures to this model on the Hub, as a pull request",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="read only the first N samples")
    parser.add_argument(
        "--box-unit",
        choices=("per-mille", "pixel"),
        default="per-mille",
        help="unit of boxes in questions (%(default)s)",
    )
    engine = parser.add_argument_group("who reads")
    engine.add_argument(
        "--engine", choices=("got", "tesseract", "rapidocr", "transformers"), default="got", help="(%(default)s)"
    )
    engine.add_argument("--model", metavar="ID", help="checkpoint: folder or Hub id (got: nano or full too)")
    engine.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (%(default)s)")
    engine.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16", "float16"))
    engine.add_argument("--threads", type=int, metavar="N", help="cores to use, so that times compare")
    engine.add_argument("--batch-size", type=int, default=4, metavar="N", help="pictures read at once (%(default)s)")
    engine.add_argument("--max-new-tokens", type=int, default=4096, metavar="N", help="longest answer (%(default)s)")
    engine.add_argument("--crop", action="store_true", help="read in tiles (multi-crop)")
    engine.add_argument("--languages", default="eng", metavar="L", help="Tesseract's, as eng+chi_sim (%(default)s)")
    engine.add_argument("--psm", type=int, metavar="N", help="Tesseract's page segmentation (fits the task)")
    engine.add_argument(
        "--prompt", metavar="TEXT", help="what to ask instead of the model's own words (got, transformers)"
    )
    hub = parser.add_argument_group("Hub datasets")
    hub.add_argument("--image-column", default="image", metavar="NAME", help="(%(default)s)")
    hub.add_argument("--text-column", default="text", metavar="NAME", help="(%(default)s)")
    hub.add_argument("--question-column", metavar="NAME", help="boxes and colours stand there")
    hub.add_argument("--config", metavar="NAME", help="the dataset's configuration")
    hub.add_argument("--split", default="test", metavar="NAME", help="(%(default)s)")
    many = parser.add_argument_group("many processes and machines")
    many.add_argument("--num-chunks", type=int, metavar="N", help="cut the work into N chunks ...")
    many.add_argument("--chunk-index", type=int, metavar="I", help="... and read the one of this number, from 0")
    many.add_argument("--ray", type=int, metavar="N", help="read with N Ray workers")
    many.add_argument(
        "--ray-address", metavar="A", help="Ray cluster to join, as auto (one of its own on this machine)"
    )
    many.add_argument("--ray-gpus", type=float, default=0.0, metavar="G", help="GPUs of each worker (%(default)s)")
    add_scoring_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Read, score, report. Returns the exit code."""
    from ..evaluation.runner import Shard, collect
    from ..evaluation.runner import run as read_samples

    if args.batch_size < 1 or args.max_new_tokens < 1 or (args.threads is not None and args.threads < 1):
        raise ValueError("--batch-size, --max-new-tokens and --threads must be at least 1.")
    args.task = args.task or ("format" if args.suite else "plain")
    _check_push(args)
    suite = _open_suite(args) if args.suite else None
    samples = list(suite.samples) if suite is not None else _load_samples(args)
    shard = _shard(args, Shard)
    options, model_name = _engine_options(args, speak=shard.rank == 0)
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    record = _run_record(args, options, model_name, samples)
    _check_same_run(folder, record)
    with _ProgressBar(shard.rank) as progress:
        if args.ray:
            from ..evaluation.ray_runner import RayWorkers, run_on_ray

            workers = RayWorkers(args.ray, args.ray_address, args.ray_gpus)
            run_on_ray(workers, args.engine, options, samples, folder, progress.show)
        else:
            read_samples(
                lambda: _make_engine(args.engine, options),
                samples,
                folder,
                shard=shard,
                batch_size=args.batch_size,
                progress=progress.show,
            )
    launched = shard.world_size > 1 and args.num_chunks is None
    if launched and shard.rank:
        return exit_codes.OK
    results = collect(folder, samples, wait=launched)
    if results is None:
        print(
            f"got-ocr: chunk {shard.rank} of {shard.world_size} is read; the report is made when all are",
            file=sys.stderr,
        )
        return exit_codes.OK
    if suite is not None:
        from .suite import push_suite, report_suite

        report_suite(suite, results, folder, record)
        if args.push_results is not None:
            push_suite(folder, args.suite, args.push_results)
    else:
        by_index = {sample.index: sample for sample in samples}

        def load_picture(result: "Result") -> Any:
            return by_index[result.index].load()[0]

        write_reports(args, results, folder, run_record=_for_people(record), load_picture=load_picture)
    failed = sum(bool(result.error) for result in results)
    return (
        exit_codes.OK
        if not failed
        else (exit_codes.NO_PAGE_READ if failed == len(results) else exit_codes.SOME_PAGES_FAILED)
    )


def _check_push(args: argparse.Namespace) -> None:
    """Refuse before hours of reading what could not be pushed after them."""
    if args.push_results is None:
        return
    from ..hub.repository import check_repository

    check_repository(args.push_results)
    if not args.suite:
        raise ValueError("--push-results goes with --suite: the Hub shows figures of registered benchmarks.")


def _load_samples(args: argparse.Namespace) -> list["Sample"]:
    from ..evaluation.samples import HubColumns, load_samples

    return load_samples(
        args.data,
        task=args.task,
        images=args.images,
        box_unit=args.box_unit,
        hub=HubColumns(args.image_column, args.text_column, args.question_column, args.config, args.split),
        limit=args.limit,
    )


def _open_suite(args: argparse.Namespace) -> "Suite":
    from ..evaluation.suites import open_suite

    if args.task not in ("plain", "format"):
        raise ValueError(f"--suite reads whole pages: --task plain or format, got {args.task}.")
    if args.images or args.limit:
        raise ValueError(f"--suite scores all of its pages: leave out {'--images' if args.images else '--limit'}.")
    return open_suite(args.suite, args.data)


def _shard(args: argparse.Namespace, shard_class: Any) -> Any:
    if (args.num_chunks is None) != (args.chunk_index is None):
        raise ValueError("--num-chunks and --chunk-index belong together: give both or neither.")
    if args.ray and args.num_chunks is not None:
        raise ValueError("--ray shares the work out itself: leave --num-chunks and --chunk-index out.")
    if args.ray:
        return shard_class()
    if args.num_chunks is not None:
        return shard_class(args.chunk_index, args.num_chunks)
    return shard_class.from_environment()


def _engine_options(args: argparse.Namespace, *, speak: bool) -> tuple["EngineOptions", str]:
    """Build the engine's options, the model chosen as for reading; returns them and the model's name."""
    from ..evaluation.engines import EngineOptions

    model = args.model
    if args.engine == "got":
        from ..hub.model_choice import choose_model

        choice = choose_model(args.model)
        model = choice.location
        if speak:
            print(f"got-ocr: {choice.notice}", file=sys.stderr)
    elif args.engine == "transformers" and model is None:
        raise ValueError("--engine transformers needs --model FOLDER_OR_HUB_ID.")
    options = EngineOptions(
        model=model,
        device=args.device,
        dtype=args.dtype,
        threads=args.threads,
        batch_size=args.batch_size,
        max_new_tokens=args.max_new_tokens,
        formatted=args.task in ("format", "chart"),
        crop=args.crop,
        languages=args.languages,
        page_segmentation=args.psm if args.psm is not None else PAGE_SEGMENTATION.get(args.task, 3),
        prompt=args.prompt,
    )
    return options, model or ""


def _make_engine(name: str, options: "EngineOptions") -> "Engine":
    from ..evaluation.engines import make_engine

    return make_engine(name, options)


def _run_record(
    args: argparse.Namespace, options: "EngineOptions", model: str, samples: Sequence["Sample"]
) -> dict[str, Any]:
    """Record what decides the answers, and nothing else."""
    from ..evaluation.engines import engine_version
    from ..evaluation.identity import identify_checkpoint

    digest = hashlib.sha256()
    for sample in samples:
        digest.update(json.dumps([sample.index, sample.image, sample.question, sample.label]).encode("ascii"))
    record = {
        "engine": args.engine,
        "version": engine_version(args.engine),
        "data": args.data,
        "samples": len(samples),
        "fingerprint": digest.hexdigest()[:16],
        "task": args.task,
        **({"suite": args.suite} if args.suite else {}),
        "box_unit": args.box_unit,
    }
    if args.engine in ("got", "transformers"):
        record.update(model=model, dtype=options.dtype, max_new_tokens=options.max_new_tokens, crop=options.crop)
        record["weights"] = identify_checkpoint(model)
        # Left out where there is none, so that runs of before can be gone on with.
        record.update({"prompt": options.prompt} if options.prompt else {})
    if args.engine == "tesseract":
        record.update(languages=options.languages, page_segmentation=options.page_segmentation)
    return record


def _check_same_run(folder: Path, record: dict[str, Any]) -> None:
    from ..evaluation.results import PART_PATTERN, RUN, write_atomically

    path = folder / RUN
    if path.is_file() and any(folder.glob(PART_PATTERN)):
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            before = {}
        other = [key for key in {**record, **before} if before.get(key) != record.get(key)]
        if other:
            raise CommandError(
                exit_codes.WRONG_USAGE,
                f"{folder} holds another run: {other[0]} was {before.get(other[0])!r}, now {record.get(other[0])!r}; "
                "give another --output, or remove the folder.",
            )
    write_atomically(path, json.dumps(record, ensure_ascii=False, indent=1) + "\n")


def _for_people(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value != "" and key != "fingerprint"}


class _ProgressBar:
    """A bar on stderr, of the first process only, and only on a terminal."""

    def __init__(self, rank: int) -> None:
        self._shown = rank == 0 and sys.stderr.isatty()
        self._bar: Any = None

    def __enter__(self) -> "_ProgressBar":
        return self

    def show(self, done: int, total: int) -> None:
        """Show how many samples are read."""
        if not self._shown:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=done, unit="page", file=sys.stderr, dynamic_ncols=True)
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


if __name__ == "__main__":  # for torchrun: python -m got_ocr.cli.evaluate
    from .dispatch import main

    sys.exit(main(["eval", *sys.argv[1:]]))
