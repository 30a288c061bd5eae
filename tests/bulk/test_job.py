"""Whole jobs on one local Ray: rows equal the serial run's, each page once, whatever dies on the way."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="bulk reading on Ray needs the extra bulk")
pytest.importorskip("ray.data", reason="bulk reading on Ray needs ray[data]")
from PIL import Image  # noqa: E402

from got_ocr import BUILTIN_CHECKPOINT  # noqa: E402
from got_ocr.bulk import BulkJob, BulkOptions, Gates, Identity, Outputs, Workers  # noqa: E402
from got_ocr.bulk.benchmarks.awkward import find_different  # noqa: E402
from got_ocr.bulk.benchmarks.kills import run_serially  # noqa: E402
from got_ocr.bulk.benchmarks.materials import write_awkward_pdfs, write_small_pages  # noqa: E402
from got_ocr.bulk.cluster import _join  # noqa: E402
from got_ocr.bulk.output import OutputFolder  # noqa: E402
from got_ocr.bulk.pipeline import Stage, Target, write_exactly_once  # noqa: E402
from got_ocr.bulk.stores import Store  # noqa: E402
from got_ocr.cli.read import SPELLED  # noqa: E402
from got_ocr.hub.errors import ModelError  # noqa: E402
from got_ocr.processing.mode import Mode  # noqa: E402
from got_ocr.processing.options import SourceOptions  # noqa: E402
from got_ocr.reading.answer import GotOcrAnswer  # noqa: E402

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # Workers know nothing of tests.
IDENTITY = Identity("fake", "", "1")
SOON_S = 240  # What a loaded machine may take for something that takes seconds.


@pytest.fixture(scope="module")
def cluster():
    """One Ray of this machine for all of this module."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 by default: beside other work they would get nothing.
    context = ray.init(
        address="local",
        num_cpus=4,
        object_store_memory=150 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    yield context.address_info["address"]
    ray.shutdown()


class SizeReader:
    """Reads a picture's width, notes it in a file, and dies over pages of some widths."""

    batch_size = 2

    def __init__(self, log: Path, deadly: tuple[int, ...] = (), seconds: float = 0.0) -> None:
        self.log, self.deadly, self.seconds = log, deadly, seconds

    def read(self, images, stop):
        widths = [image.width for image in images]
        if set(widths) & set(self.deadly):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)
        with open(self.log, "a", encoding="ascii") as log:
            log.write("".join(f"{width}\n" for width in widths))
        return [GotOcrAnswer(f"width {width}", "stop", 1, width / 1000, width / 1000) for width in widths]


def widths_read(log: Path) -> list[int]:
    return sorted(map(int, log.read_text().split())) if log.exists() else []


def write_pictures(folder: Path, widths: range) -> None:
    folder.mkdir(exist_ok=True)
    for width in widths:
        image = Image.new("L", (width, 40), 255)
        image.paste(0, (5, 5, 15, 30))
        image.save(folder / f"{width}.png")


def make_job(tmp_path: Path, log: Path, **more: object) -> BulkJob:
    deadly, seconds = more.pop("deadly", ()), more.pop("seconds", 0.0)
    options = BulkOptions(Mode(), "unused", gates=more.pop("gates", Gates()))
    return BulkJob(
        [str(tmp_path / "in")],
        str(tmp_path / "out"),
        options,
        IDENTITY,
        Workers(rows_per_file=2, batch_size=2),
        load_reader=lambda options, workers: SizeReader(log, deadly, seconds),
        **more,
    )


def rows_of(tmp_path: Path) -> list[dict]:
    return sorted(OutputFolder(str(tmp_path / "out"), 2).iterate(), key=lambda row: row["source"])


def test_rows_equal_the_serial_runs_and_each_failure_is_one(cluster, tmp_path):
    """The built-in model, pictures and PDFs of all awkward kinds; the serial run is `got-ocr FOLDER --json`."""
    pytest.importorskip("pikepdf", reason="writes the encrypted PDFs")
    expected = write_awkward_pdfs(tmp_path / "in", 10)
    files = write_small_pages(tmp_path / "in", 6)
    given = [str(file) for file in (*sorted((tmp_path / "in").glob("*.pdf")), *files)]
    records = run_serially(given, tmp_path / "serial.jsonl", "nano")
    options = BulkOptions(Mode(), str(BUILTIN_CHECKPOINT), sources=SourceOptions(spelled=SPELLED))
    outputs = Outputs(jsonl=True, documents=True, sheet=2, price_per_hour=1.0)
    job = BulkJob(
        [str(tmp_path / "in")], str(tmp_path / "out"), options, Identity("nano", "", "1"), Workers(), outputs
    )

    report = job.run()
    rows = rows_of(tmp_path)

    failures = {Path(row["source"]).name: row["error_kind"] for row in rows if row["source"].endswith(".pdf")}
    assert failures == expected
    assert len(rows) == report["pages"] == report["listed"] == 16
    assert sum(report["failures"].values()) == report["failed"] == sum(map(bool, expected.values()))
    assert find_different(rows, records) == []
    assert (tmp_path / "out" / "least_certain.html").read_text().count("<img") == 2
    assert json.loads((tmp_path / "out" / "report.json").read_text())["this_run"]["cost"] > 0
    assert len(list((tmp_path / "out" / "jsonl").iterdir())) == len(list((tmp_path / "out" / "pages").iterdir()))


def test_what_dies_on_the_way_costs_no_page_and_doubles_none(cluster, tmp_path):
    """The driver is killed, the same job goes on, workers die over a page, which is tried again when asked."""
    log = tmp_path / "log"
    write_pictures(tmp_path / "in", range(50, 70))
    script = """
        import sys
        sys.path[:0] = {path!r}
        from pathlib import Path
        import ray
        ray.init(address={address!r}, log_to_driver=False, logging_level="ERROR")
        from tests.bulk import test_job
        test_job.make_job(Path({place!r}), Path({log!r}), seconds=0.2).run()
    """
    root = str(Path(__file__).resolve().parents[2])
    code = textwrap.dedent(script).format(path=[root], address=cluster, place=str(tmp_path), log=str(log))
    target = OutputFolder(str(tmp_path / "out"), 2).pages
    driver = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + SOON_S
        while not target.done() and driver.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        written = target.done()
    finally:
        driver.kill()
        _, said = driver.communicate()
    assert written, said.decode()[-2000:]
    deadly = max(set(range(50, 70)) - {row["width_px"] for row in OutputFolder(str(tmp_path / "out"), 2).iterate()})

    report = make_job(tmp_path, log, deadly=(deadly,)).run()
    rows = rows_of(tmp_path)
    retried = make_job(tmp_path, log, retry_failed=True).run()

    assert [row["width_px"] for row in rows] == list(range(50, 70))
    assert [(row["width_px"], row["error_kind"]) for row in rows if row["error"]] == [(deadly, "poison")]
    assert "2 workers died" in next(row["error"] for row in rows if row["error"])
    assert report["failures"] == {"poison": 1} and report["this_run"]["workers_died_over_pages"] >= 2
    assert report["this_run"]["pages"] <= 20 - len(written)
    assert retried["failed"] == 0 and retried["this_run"]["pages"] == 1
    assert [row["text"] for row in rows_of(tmp_path)] == [f"width {width}" for width in range(50, 70)]


class Copier:
    """A stage that changes nothing."""

    def __call__(self, batch):
        yield batch


def test_writing_waits_for_no_core_and_ray_notes_no_more_of_more_blocks(cluster, tmp_path, monkeypatch):
    """Ray grants cores from the list on downwards: what writes would get none of a cluster with just enough."""
    import pyarrow as pa
    from ray.data import DataContext
    from ray.data._internal.execution.execution_callback import ExecutionCallback

    noted, cores = {}, {}

    class Noting(ExecutionCallback):
        def after_execution_succeeds(self, executor):
            for operator in executor._topology:
                noted[operator.name] = len(getattr(operator, "_output_blocks_stats", ()))
                cores[operator.name] = operator.incremental_resource_usage().cpu

    monkeypatch.setattr("got_ocr.bulk.pipeline.KEPT_STATISTICS", 3)
    monkeypatch.setattr(DataContext.get_current(), "custom_execution_callback_classes", [Noting])
    store = Store.open(str(tmp_path))
    target = Target(store.below("data"), store.below("checkpoint"), "id", 4)
    table = pa.table({"id": [f"{number}" for number in range(8)]})

    write_exactly_once(table, [Stage(Copier, {}, 1, 1, {"num_cpus": 1})], target, list_rows=1)

    assert target.done() == set(table["id"].to_pylist())
    assert max(noted.values()) == 3 and len(noted) >= 3, noted
    assert {
        name.split("->")[0]: number for name, number in cores.items() if name.startswith(("ReadPages", "Write"))
    } == {
        "ReadPages": 0,
        "Write": 0,
    }, cores
    assert DataContext.get_current().custom_execution_callback_classes == [Noting]


@pytest.mark.slow
def test_a_second_run_reads_only_what_is_new(cluster, tmp_path):
    log = tmp_path / "log"
    write_pictures(tmp_path / "in", range(50, 55))
    make_job(tmp_path, log).run()
    write_pictures(tmp_path / "in", range(50, 58))
    (tmp_path / "in" / "50.png").write_bytes((tmp_path / "in" / "57.png").read_bytes())  # Replaced by a copy.

    report = make_job(tmp_path, log).run()
    third = make_job(tmp_path, log).run()

    assert widths_read(log) == list(range(50, 58))
    assert report["this_run"]["pages"] == 3 and third["this_run"]["pages"] == 0
    assert sorted(row["width_px"] for row in rows_of(tmp_path)) == list(range(51, 58))
    with pytest.raises(ValueError, match=r"gates\.skip_blank was true, now false"):
        make_job(tmp_path, log, gates=Gates(skip_blank=False)).run()


@pytest.mark.slow
def test_equal_pixels_are_read_once_where_that_is_asked(cluster, tmp_path):
    log = tmp_path / "log"
    write_pictures(tmp_path / "in", range(50, 52))
    Image.open(tmp_path / "in" / "50.png").save(tmp_path / "in" / "99.bmp")

    make_job(tmp_path, log, gates=Gates(skip_duplicates=True)).run()
    rows = rows_of(tmp_path)

    assert widths_read(log) == [50, 51]
    (duplicate,) = [row for row in rows if row["finish_reason"] == "duplicate"]
    original = next(row for row in rows if row["id"] == duplicate["duplicate_of"])
    assert original["text"] == "width 50" and duplicate["text"] == ""

    Image.open(tmp_path / "in" / "51.png").save(Path(original["source"]))  # What it repeated is gone with its text.
    make_job(tmp_path, log, gates=Gates(skip_duplicates=True)).run()

    assert "width 50" in {row["text"] for row in rows_of(tmp_path)}


def test_no_two_jobs_write_to_one_folder(cluster, tmp_path):
    from filelock import FileLock

    write_pictures(tmp_path / "in", range(50, 51))
    (tmp_path / "out" / "_got_ocr").mkdir(parents=True)
    with FileLock(tmp_path / "out" / "_got_ocr" / "lock"), pytest.raises(ValueError, match="another job writes to it"):
        make_job(tmp_path, tmp_path / "log").run()


@pytest.mark.slow
def test_a_model_that_can_not_be_loaded_is_one_line(cluster, tmp_path):
    write_pictures(tmp_path / "in", range(50, 51))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "GOT", "hidden_size": "wide"}')
    options = BulkOptions(Mode(), str(tmp_path / "model"))
    job = BulkJob([str(tmp_path / "in")], str(tmp_path / "out"), options, IDENTITY)

    with pytest.raises(ModelError, match="model can't be loaded") as error:
        job.run()
    assert "\n" not in str(error.value)


def test_workers_that_want_more_than_there_is_are_refused(cluster, tmp_path):
    write_pictures(tmp_path / "in", range(50, 51))
    job = make_job(tmp_path, tmp_path / "log")
    for workers, said in (
        (Workers(gpus=1.0), "want 1 GPU, the whole cluster has 0: lower --workers, --worker-gpus"),
        (Workers(count=9), "want 11 CPU, the whole cluster has 4: lower --workers, --worker-cpus or --renderers"),
    ):
        job.workers = workers
        with pytest.raises(ValueError, match=said):
            job.run()


def test_an_address_where_nobody_answers_is_refused_at_once():
    with socket.socket() as taken:  # Bound and not listening: nobody else takes it meanwhile.
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ValueError, match=f"no Ray cluster answers at {address} .*refused"):
            _join(ray, Workers(address=address))


def test_what_workers_meet_stays_off_standard_output():
    code = (
        "from got_ocr.bulk.cluster import import_ray; import_ray(); "
        "from ray._private.worker import print_to_stdstream; "
        "print_to_stdstream({'lines': ['Task failed, and its stack'], 'pid': 'raylet', 'is_err': False}, False)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == ""
