"""A whole run of the data engine: what is missing in the folder is drawn by workers and written in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from got_ocr.synthesis.engine import FailedSample, Job
from got_ocr.synthesis.output.manifest import Plan, describe_environment, describe_options, only_writer, open_folder
from got_ocr.synthesis.output.shards import ShardWriter
from got_ocr.synthesis.output.writers import ConversationWriter, Writer, write_failures
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.workers import Result, WorkerPool

# Where every sample fails from the start, something is missing or broken that the others would fail by too.
MOST_FAILURES_AT_FIRST = 20


@dataclass
class KindReport:
    """What became of one kind.

    Attributes:
        kind: its name.
        path: the conversation file or the index of the shards.
        total: samples asked for.
        drawn: samples drawn and written by this run.
        failures: samples that could not be drawn.
        gave_up: whether the kind was left alone because the first samples all failed.
    """

    kind: str
    path: Path
    total: int
    drawn: int = 0
    failures: list[FailedSample] = field(default_factory=list)
    gave_up: bool = False


@dataclass(frozen=True)
class Listener:
    """Who hears how the run gets on; each is called in the order of the samples.

    Attributes:
        begin: with the number of samples to draw, once.
        result: with each sample or failure.
        warning: with a line for the user.
    """

    begin: Callable[[int], None] = lambda total: None
    result: Callable[[Result], None] = lambda result: None
    warning: Callable[[str], None] = lambda line: None


def synthesize(
    folder: Path, plan: Plan, resources: Resources, *, workers: int = 1, listener: Listener | None = None
) -> list[KindReport]:
    """Draw samples into a folder; what it has of the same run already is kept.

    Args:
        folder: new, empty, or of the same plan and resources (a smaller count is continued).
        plan: what to draw.
        resources: fonts and text to draw with.
        workers: processes; the files don't depend on how many.
        listener: hears how it gets on.

    Returns:
        A report for each kind.

    Raises:
        ValueError: the folder holds another run, or a kind can't be drawn on this machine.
        OSError: a file can't be written; what was written is kept, and the next run goes on from there.
    """
    listener = listener or Listener()
    warning = open_folder(folder, describe_options(plan, resources), describe_environment(resources))
    if warning:
        listener.warning(warning)
    with only_writer(folder):
        writers = {kind: _make_writer(folder, kind, plan) for kind in plan.kinds}
        try:
            pending = {kind: writer.pending(plan.numbers) for kind, writer in writers.items()}
            listener.begin(sum(map(len, pending.values())))
            reports = [_report(kind, folder, plan) for kind in plan.kinds]
            to_draw = [kind for kind in plan.kinds if pending[kind]]
            if to_draw:
                with WorkerPool(to_draw, resources, min(workers, sum(map(len, pending.values())))) as pool:
                    for report in reports:
                        _draw_kind(pool, writers[report.kind], pending[report.kind], plan.seed, report, listener)
            for report in reports:
                report.path = writers[report.kind].finish()
        finally:
            for writer in writers.values():
                writer.close()
        failures = [failure for report in reports for failure in report.failures]
        write_failures(folder / "failures.jsonl", map(describe_failure, failures))
    return reports


def _make_writer(folder: Path, kind: str, plan: Plan) -> Writer:
    if plan.output_format == "webdataset":
        return ShardWriter(folder, kind, plan.shard_size)
    return ConversationWriter(folder, kind)


def _report(kind: str, folder: Path, plan: Plan) -> KindReport:
    return KindReport(kind, folder, len(plan.numbers))


def _draw_kind(
    pool: WorkerPool, writer: Writer, pending: list[int], seed: int, report: KindReport, listener: Listener
) -> None:
    def jobs() -> Iterator[Job]:
        for number in pending:
            if report.gave_up:
                return
            yield Job(report.kind, seed, number)

    for result in pool.draw(jobs()):
        if report.gave_up:
            continue
        if isinstance(result, FailedSample):
            report.failures.append(result)
            has_none = report.drawn == 0 and len(pending) == report.total
            report.gave_up = has_none and len(report.failures) == MOST_FAILURES_AT_FIRST < report.total
        else:
            writer.write(result)
            report.drawn += 1
        listener.result(result)


def describe_failure(failure: FailedSample) -> dict[str, object]:
    """Make a failure JSON-ready.

    Args:
        failure: a sample that could not be drawn.

    Returns:
        What is needed to draw it alone, and what went wrong.
    """
    job = failure.job
    return {
        "kind": job.kind,
        "number": job.number,
        "seed": job.seed,
        "error": failure.error,
        "details": failure.details,
    }
