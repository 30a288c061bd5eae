"""A job from its inputs to its report."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import pyarrow as pa

from .answers import Identity
from .catalog import Cataloguer, list_pages, make_sources
from .cluster import import_ray, join_cluster, plain_errors
from .documents import write_documents
from .drawing import Drawer
from .inputs import find_sources
from .ledger import start_ledger
from .manifest import describe_run, take_folder
from .options import BulkOptions, Outputs, Workers
from .output import REPORT_JSON, REPORT_TEXT, SHEET, OutputFolder
from .pipeline import Stage, Target, write_exactly_once
from .reading import DEFAULT_BATCH_SIZE, VLLM_BATCH_SIZE, PageReader, ReadingWorker
from .report import RunFacts, make_report, write_as_text
from .rows import PAGE_ID, SOURCE_KEY
from .sheet import write_sheet

SOURCES_AT_ONCE = 16  # That a process looks into, where they are handed out.
LOOK_S = 1.0  # How often the ledger is asked how far the job is.
HERE_S = 5.0  # So long sources are looked into by this process: handing them out takes longer to begin.


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        done: Pages read in this run.
        total: Pages to read in this run.
        failures: Of them, by kind.
        tokens: Written by the model.
        deaths: Of workers, over pages.
        devices: What each worker's GPU does.
    """

    done: int
    total: int
    failures: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    deaths: int = 0
    devices: Sequence[dict[str, Any]] = ()


@dataclass
class BulkJob:
    """Reads pages and writes what was read.

    Attributes:
        inputs: What :func:`find_sources` takes.
        output: Folder or URL.
        options: What decides the rows.
        identity: What rows say of the model.
        workers: Who does the work.
        outputs: What else is written.
        load_reader: Makes what reads, in each worker; None for our own `Reader`.
        retry_failed: Whether pages that failed before are tried again.
        read_anew: Whether what was read with other options goes.
        on_progress: Told how far it is, about once a second, by a thread of its own.
        notify: Told in one line what is good to know.
    """

    inputs: Sequence[str]
    output: str
    options: BulkOptions
    identity: Identity
    workers: Workers = field(default_factory=Workers)
    outputs: Outputs = field(default_factory=Outputs)
    load_reader: Callable[[BulkOptions, Workers], PageReader] | None = None
    retry_failed: bool = False
    read_anew: bool = False
    on_progress: Callable[[Progress], None] = lambda progress: None
    notify: Callable[[str], None] = lambda line: None

    def run(self) -> dict[str, Any]:
        """Read what is not read yet.

        Returns:
            The report, which is in the output too.

        Raises:
            ValueError: If an input is not there, the output holds something else, or another job writes to it.
            ModelError: If a worker can't load the model.
            OSError: If the output can't be written.
            ModuleNotFoundError: If Ray is not installed.
        """
        start = time.perf_counter()
        import_ray()
        if self.output.startswith("memory:"):
            raise ValueError(f"{self.output} is the memory of one process: give an --output that all workers see.")
        folder = OutputFolder(self.output, self.workers.rows_per_file)
        run = describe_run(self.options, self.identity)
        own = folder.store.root if folder.store.is_local else folder.store.url
        sources = make_sources(find_sources(self.inputs, own))
        folder.house.make()
        with _only_writer(folder):
            if take_folder(folder, run, self.read_anew):
                self.notify("what was read with other options is gone: reading anew.")
            with plain_errors(folder.store.url), contextlib.ExitStack() as cluster:
                join = cache(lambda: self._join(cluster))  # At the first call, if there is one.
                pages = self._list_pages(folder, sources, join)
                facts = self._read(folder, pages, join, start)
            return self._finish(folder, pages, facts, run)

    def _join(self, cluster: contextlib.ExitStack) -> None:
        dashboard = cluster.enter_context(join_cluster(self.workers))
        if dashboard is not None:
            self.notify(f"Ray's dashboard: {dashboard}")

    def _list_pages(self, folder: OutputFolder, sources: pa.Table, join: Callable[[], None]) -> pa.Table:
        """Look into the sources that are not in the catalogue, and list the pages of all."""
        target = folder.catalog
        target.clean()
        if self.retry_failed:
            _forget_failed_sources(folder)
        known = target.done()
        new = sources.filter(pa.array([key not in known for key in sources[SOURCE_KEY].to_pylist()], pa.bool_()))
        if new.num_rows:
            self.notify(f"looking into {new.num_rows:,} of {sources.num_rows:,} sources.")
        arguments: dict[str, Any] = {"options": self.options.sources, "image_column": self.options.image_column}
        left = _look_here(new, Cataloguer(**arguments), target)
        if left.num_rows:
            join()
            stage = Stage(Cataloguer, arguments, SOURCES_AT_ONCE, self.workers.renderers, {"num_cpus": 1})
            write_exactly_once(left, [stage], target)
        order = dict(zip(sources[SOURCE_KEY].to_pylist(), sources["order"].to_pylist(), strict=True))
        tables = [target.data.read_table(path) for path in target.files()]
        return list_pages(pa.concat_tables(tables), order)

    def _read(self, folder: OutputFolder, pages: pa.Table, join: Callable[[], None], start: float) -> RunFacts:
        folder.pages.clean()
        self._remove_old_rows(folder, pages)
        done = folder.pages.done()
        left = pages.filter(pa.array([page not in done for page in pages[PAGE_ID].to_pylist()], pa.bool_()))
        if len(done):
            self.notify(f"{pages.num_rows - left.num_rows:,} of {pages.num_rows:,} pages are read already.")
        if not left.num_rows:
            return RunFacts(pages.num_rows, 0, 0, 0, time.perf_counter() - start, 0.0)
        join()
        begin = time.perf_counter()
        ledger = start_ledger()
        with self._watched(ledger, left.num_rows) as look:
            write_exactly_once(left, self._stages(ledger), folder.pages, list_rows=self._batch_rows)
            state = look()
        end = time.perf_counter()
        return RunFacts(
            pages.num_rows, left.num_rows, state.get("begun_again", 0), state["deaths"], end - start, end - begin
        )

    @property
    def _batch_rows(self) -> int:
        usual = VLLM_BATCH_SIZE if self.options.engine == "vllm" else DEFAULT_BATCH_SIZE
        return self.workers.batch_size or usual

    def _stages(self, ledger: Any) -> list[Stage]:
        workers = self.workers
        drawing = {"options": self.options, "ledger": ledger, "poison_after": workers.poison_after}
        reading = {
            "options": self.options,
            "workers": workers,
            "identity": self.identity,
            "ledger": ledger,
            "load_reader": self.load_reader,
        }
        resources = {"num_cpus": workers.cpus, **({"num_gpus": workers.gpus} if workers.gpus else {})}
        return [
            Stage(Drawer, drawing, self._batch_rows, workers.renderers, {"num_cpus": 1}),
            Stage(ReadingWorker, reading, self._batch_rows, workers.count, resources),
        ]

    def _remove_old_rows(self, folder: OutputFolder, pages: pa.Table) -> None:
        """Remove rows of sources whose content is another now, and failed ones where they are to be tried again."""
        ids, sources = set(pages[PAGE_ID].to_pylist()), set(pages["source"].to_pylist())

        def is_replaced(row: dict[str, Any]) -> bool:
            return row["source"] in sources and row[PAGE_ID] not in ids

        replaced = folder.remove_rows(is_replaced, ["source"])
        if replaced:
            self.notify(f"{len(replaced):,} rows of files that have changed are gone.")
        lost = set(replaced)
        if self.retry_failed:
            failed = folder.remove_rows(lambda row: row["error"] is not None, ["error"])
            if failed:
                self.notify(f"{len(failed):,} pages that failed are tried again.")
            lost.update(failed)
        while lost:  # Their duplicates have no text of their own.
            lost = set(folder.remove_rows(partial(_repeats, lost), ["duplicate_of"]))

    @contextlib.contextmanager
    def _watched(self, ledger: Any, total: int) -> Iterator[Callable[[], dict[str, Any]]]:
        """Tell how far it is while it lasts."""
        ray = import_ray()
        over = threading.Event()

        def look() -> dict[str, Any]:
            state: dict[str, Any] = ray.get(ledger.look.remote(), timeout=60)
            self.on_progress(
                Progress(
                    min(state.get("pages", 0), total),
                    total,
                    state["failures"],
                    state.get("tokens", 0),
                    state["deaths"],
                    state["devices"],
                )
            )
            return state

        def watch() -> None:
            while not over.wait(LOOK_S):
                with contextlib.suppress(Exception):  # The ledger is being moved, or the job ends.
                    look()

        thread = threading.Thread(target=watch, name="got-ocr-bulk-progress", daemon=True)
        thread.start()
        try:
            yield look
        finally:
            over.set()
            thread.join(LOOK_S)

    def _finish(self, folder: OutputFolder, pages: pa.Table, facts: RunFacts, run: dict[str, Any]) -> dict[str, Any]:
        folder.pages.clean()
        missing = pages.num_rows - len(folder.pages.done() & set(pages[PAGE_ID].to_pylist()))
        if missing:
            self.notify(f"{missing:,} pages have no row: is {folder.store.url} a folder that all machines share?")
            facts = replace(facts, read=facts.read - missing, left=missing)
        if self.outputs.jsonl:
            folder.write_jsonl()
        report = make_report(folder, facts, self.outputs, run)
        if self.outputs.documents:
            report["documents_written"] = write_documents(folder)
        if self.outputs.sheet:
            sheet = write_sheet(folder, self.outputs.sheet, pages, self.options)
            folder.store.write(sheet.encode("utf-8", "replace"), SHEET)
        folder.store.write_json(report, REPORT_JSON)
        folder.store.write(write_as_text(report).encode(), REPORT_TEXT)
        return report


def _look_here(sources: pa.Table, look: Cataloguer, target: Target) -> pa.Table:
    """Look into sources as long as that is short. Returns: those that are left."""
    end = time.monotonic() + HERE_S
    tables: list[pa.Table] = []
    done = 0
    while done < sources.num_rows and time.monotonic() < end:
        tables += look(sources.slice(done, 1))
        done += 1
    if tables:
        name = f"here_{time.time_ns()}.parquet"
        target.data.make()
        target.checkpoint.make()
        target.data.write_table(pa.concat_tables(tables), name)
        target.checkpoint.write_table(sources.slice(0, done).select([SOURCE_KEY]), name)
    return sources.slice(done)


def _repeats(pages: set[str], row: dict[str, Any]) -> bool:
    return row["duplicate_of"] in pages


def _forget_failed_sources(folder: OutputFolder) -> None:
    """Take sources that could not be had, or in part, out of the catalogue."""
    target = folder.catalog
    for path in target.files():
        table = target.data.read_table(path)
        whole = [all(item["error"] is None for item in row["items"]) for row in table.to_pylist()]
        if not all(whole):
            target.data.write_table(table.filter(pa.array(whole, pa.bool_())), path.rsplit("/", 1)[1])


@contextlib.contextmanager
def _only_writer(folder: OutputFolder) -> Iterator[None]:
    """Keep a second job off a folder of this machine. Raises: ValueError."""
    if not folder.store.is_local:
        yield
        return
    from filelock import FileLock, Timeout

    lock = FileLock(folder.house.path("lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        place = folder.store.url
        raise ValueError(f"{place}: another job writes to it: wait for it, or give another --output.") from None
    try:
        yield
    finally:
        lock.release()
