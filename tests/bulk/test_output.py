"""What stands in an output folder: rows that go, stops in the midst of it, JSON lines, documents, reports."""

import gzip
import json

import pytest

pa = pytest.importorskip("pyarrow", reason="bulk reading needs pyarrow")
import pyarrow.parquet as pq  # noqa: E402

from got_ocr.bulk.documents import join_pages, write_documents  # noqa: E402
from got_ocr.bulk.manifest import MANIFEST, READING, find_difference, take_folder  # noqa: E402
from got_ocr.bulk.options import Outputs  # noqa: E402
from got_ocr.bulk.output import OutputFolder  # noqa: E402
from got_ocr.bulk.report import RunFacts, make_report, write_as_text  # noqa: E402
from got_ocr.bulk.rows import ROWS, make_table  # noqa: E402
from got_ocr.bulk.sheet import find_least_certain  # noqa: E402
from got_ocr.bulk.stores import Store  # noqa: E402


def row(number: int, **more: object) -> dict:
    from datetime import datetime, timezone

    values = {"id": f"{number:08x}#1", "source": f"{number}.png", "page": 1, "sha256": f"{number:08x}", "copies": []}
    values |= {"text": f"text {number}", "lines": [], "num_tokens": 2, "finish_reason": "stop", "model": "m"}
    values |= {"mean_probability": number / 10, "read_at": datetime(2026, 1, 2, tzinfo=timezone.utc), "version": "1"}
    return {**values, **more}


def write(folder: OutputFolder, name: str, rows: list[dict], checkpoint: str | None = None) -> None:
    """Write a file as Ray does: rows in one, their ids in another of nearly the same name."""
    folder.pages.data.make()
    folder.pages.checkpoint.make()
    table = make_table(rows, ROWS)
    folder.pages.data.write_table(table, f"{name}-0.parquet")
    folder.pages.checkpoint.write_table(table.select(["id"]), checkpoint or f"{name}.parquet")


def ids(folder: OutputFolder) -> list[str]:
    return [one["id"] for one in folder.iterate(["id"])]


def lines_below(store: Store) -> list[str]:
    files = [store.read(path.rsplit("/", 1)[1]).decode() for path in store.list_files()]
    return [line for file in files for line in file.splitlines()]


@pytest.fixture(params=["local", "fsspec"])
def folder(tmp_path, request):
    """A folder of this machine, and one of a store that fsspec knows."""
    url = str(tmp_path / "out") if request.param == "local" else f"memory://{tmp_path.name}/out"
    folder = OutputFolder(url, 2)
    write(folder, "run_000000", [row(1), row(2, error="x", error_kind="time", finish_reason="error")])
    write(folder, "run_000001", [row(3), row(4)])
    yield folder
    if request.param == "fsspec":
        folder.store.filesystem.delete_dir(folder.store.root)


def test_what_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(NotADirectoryError) as error:
        OutputFolder(str(tmp_path / "file"), 2).house.make()
    assert error.value.filename == f"{tmp_path}/file/_got_ocr" and error.value.strerror == "Not a directory"


class TestRows:
    def test_only_what_the_checkpoint_says_counts(self, folder):
        write(folder, "run_000002", [row(5)], "run_000002.pending.parquet")
        folder.pages.data.write_table(make_table([row(6)], ROWS), "orphan_000000-0.parquet")

        assert folder.pages.done() == {f"{number:08x}#1" for number in (1, 2, 3, 4)}
        assert folder.pages.clean() == 2
        assert len(folder.pages.data.list_files()) == 2
        assert not folder.pages.checkpoint.list_files(".pending.parquet")

    def test_a_file_that_somebody_deleted_is_read_again(self, folder):
        folder.store.filesystem.delete_file(folder.pages.files()[0])

        assert folder.pages.done() == {"00000003#1", "00000004#1"}

    def test_rows_go_and_the_others_stay(self, folder):
        gone = folder.remove_rows(lambda one: one["error"] is not None, ["error"])

        assert gone == ["00000002#1"]
        assert sorted(ids(folder)) == ["00000001#1", "00000003#1", "00000004#1"]
        assert folder.pages.clean() == 0

    def test_rows_go_from_a_file_again_and_again(self, folder):
        for number in (3, 4):
            folder.remove_rows(lambda one, number=number: one["id"] == f"{number:08x}#1", ["id"])

        assert sorted(ids(folder)) == ["00000001#1", "00000002#1"]

    @pytest.mark.parametrize("calls", range(12))
    def test_a_stop_at_any_point_loses_no_row_and_doubles_none(self, folder, monkeypatch, calls):
        """Each write, move and deletion may be the last: what is left counts each page once, or reads it again."""
        import got_ocr.bulk.stores as stores

        real, left = folder.store.filesystem, [calls]

        class Stop(Exception):
            pass

        class Stopping:
            def __getattr__(self, name):
                done = getattr(real, name)

                def call(*args, **options):
                    if name in ("move", "delete_file"):
                        if left[0] == 0:
                            raise Stop
                        left[0] -= 1
                    return done(*args, **options)

                return call

        def write_table(table, target, filesystem):
            if left[0] == 0:
                raise Stop
            left[0] -= 1
            pq.write_table(table, target, filesystem=real)

        stopping = OutputFolder(folder.store.url, 2)
        for target in (stopping.pages.data, stopping.pages.checkpoint):
            object.__setattr__(target, "filesystem", Stopping())
        monkeypatch.setattr(stores.pq, "write_table", write_table)
        monkeypatch.setattr(
            stopping.pages.data.__class__,
            "list_files",
            lambda store, suffix="": sorted(
                info.path
                for info in real.get_file_info(stores.fs.FileSelector(store.root, allow_not_found=True))
                if info.type == stores.fs.FileType.File and info.path.endswith(suffix)
            ),
        )
        try:
            stopping.remove_rows(lambda one: one["error"] is not None, ["error"])
            was_stopped = False
        except Stop:
            was_stopped = True
        monkeypatch.undo()

        folder.pages.clean()
        found = ids(folder)

        assert len(found) == len(set(found))
        assert {"00000003#1", "00000004#1"} <= set(found) <= {f"{number:08x}#1" for number in (1, 2, 3, 4)}
        assert set(found) == folder.pages.done()
        if not was_stopped:
            assert sorted(found) == ["00000001#1", "00000003#1", "00000004#1"]

    def test_jsonl_follows_the_parquet_files(self, folder):
        folder.write_jsonl()
        target = folder.store.below("jsonl")
        lines = [
            json.loads(line)
            for path in target.list_files()
            for line in target.read(path.split("/")[-1]).split(b"\n")
            if line
        ]
        folder.remove_rows(lambda one: one["error"] is not None, ["error"])
        folder.write_jsonl()
        after = [
            line for path in target.list_files() for line in target.read(path.split("/")[-1]).split(b"\n") if line
        ]

        assert [line["text"] for line in lines] == ["text 1", "text 2", "text 3", "text 4"]
        assert "image" not in lines[0] and lines[0]["read_at"].startswith("2026-01-02")
        assert len(after) == 3


class TestManifest:
    RUN = {"mode": {"ocr_type": "ocr"}, "sources": {"dpi": 200}, "model_digest": "a"}

    @pytest.fixture(autouse=True)
    def of_before(self, folder):
        folder.house.make()
        folder.house.write_json({"state": READING, "run": self.RUN}, MANIFEST)

    @pytest.mark.parametrize("name", ["pages/holiday.parquet", "documents/letter.txt", "jsonl/x", "report.txt"])
    def test_a_folder_of_somebody_else_is_refused_and_stays(self, tmp_path, name):
        file = tmp_path / "home" / name
        file.parent.mkdir(parents=True)
        file.write_text("mine")

        with pytest.raises(ValueError, match=f"holds {name.partition('/')[0]} already.*give another --output"):
            take_folder(OutputFolder(str(tmp_path / "home"), 2), self.RUN, read_anew=True)
        assert file.read_text() == "mine"

    def test_files_of_others_in_our_folders_stay(self, folder):
        for store, name in ((folder.pages.data, "a.jpg"), (folder.store.below("jsonl"), "b.txt")):
            store.make()
            store.write(b"mine", name)
        folder.store.below("documents").make()
        folder.store.below("documents").write(b"mine", "c.txt")

        folder.pages.clean()
        folder.write_jsonl()
        write_documents(folder)
        take_folder(folder, self.RUN, read_anew=True)

        assert ids(folder) == []
        for name in ("pages/a.jpg", "jsonl/b.txt", "documents/c.txt"):
            assert folder.store.read(name) == b"mine"

    def test_a_folder_goes_on_with_the_same_options(self, folder):
        take_folder(folder, self.RUN, read_anew=False)

        assert not take_folder(folder, self.RUN, read_anew=False)
        assert len(ids(folder)) == 4

    def test_other_options_are_refused_with_what_differs(self, folder):
        take_folder(folder, self.RUN, read_anew=False)
        other = {**self.RUN, "sources": {"dpi": 300}}

        with pytest.raises(ValueError, match=r"sources\.dpi was 200, now 300: give another --output.*--read-anew"):
            take_folder(folder, other, read_anew=False)

    def test_other_options_read_anew_where_that_is_asked(self, folder):
        take_folder(folder, self.RUN, read_anew=False)

        assert take_folder(folder, {**self.RUN, "model_digest": "b"}, read_anew=True)
        assert ids(folder) == []

    def test_a_stop_while_rows_go_does_not_keep_some(self, folder, monkeypatch):
        take_folder(folder, self.RUN, read_anew=False)
        other = {**self.RUN, "model_digest": "b"}
        monkeypatch.setattr(OutputFolder, "clear", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            take_folder(folder, other, read_anew=True)
        monkeypatch.undo()

        assert take_folder(folder, self.RUN, read_anew=False)  # Even with the options of before.
        assert ids(folder) == []

    def test_options_that_are_new_differ_too(self):
        assert find_difference({"a": 1}, {"a": 1, "b": 2}) == ("b", None, 2)
        assert find_difference({"a": {"b": [1]}}, {"a": {"b": [1]}}) is None


class TestDocuments:
    def test_pages_are_joined_in_order_and_found_by_their_spans(self):
        rows = [
            row(1, page=2, text="second", markdown=None, duplicate_of=None, error=None),
            row(1, page=1, text="first", markdown=None, duplicate_of=None, error=None),
            row(1, page=3, text="", markdown=None, duplicate_of=None, error="x"),
        ]

        (document,) = join_pages(rows, {})

        assert document["text"] == "first\n\nsecond"
        spans = document["attributes"]["pdf_page_numbers"]
        assert [(document["text"][start:end], number) for start, end, number in spans] == [("first", 1), ("second", 2)]
        assert document["metadata"]["failed-pages"] == [3]
        assert document["metadata"]["pdf-total-pages"] == 3

    def test_files_are_gzipped_json_lines_with_duplicates_filled_in(self, folder):
        write(folder, "run_000003", [row(7, text="", duplicate_of="00000003#1", finish_reason="duplicate")])

        count = write_documents(folder)

        target = folder.store.below("documents")
        (path,) = target.list_files()
        lines = gzip.decompress(target.read(path.rsplit("/", 1)[1])).decode().splitlines()
        texts = {one["metadata"]["Source-File"]: one["text"] for one in map(json.loads, lines)}
        assert count == len(texts) == 5
        assert texts["7.png"] == "text 3"
        assert all(set(json.loads(line)) >= {"id", "text", "source", "added", "created"} for line in lines)

    def test_a_duplicate_of_a_duplicate_has_the_text_of_the_page_that_was_read(self, folder):
        chain = [("a", 3), ("b", 0xA), ("c", 0xB)]
        rows = [
            row(int(name, 16), text="", duplicate_of=f"{of:08x}#1", finish_reason="duplicate") for name, of in chain
        ]
        write(folder, "run_000003", rows)

        assert write_documents(folder) == 7
        (path,) = folder.store.below("documents").list_files()
        lines = gzip.decompress(folder.store.below("documents").read(path.rsplit("/", 1)[1])).decode().splitlines()
        assert [one["text"] for one in map(json.loads, lines)].count("text 3") == 4

    def test_many_buckets_hold_what_one_does(self, folder, monkeypatch):
        monkeypatch.setattr("got_ocr.bulk.documents.BUCKET_ROWS", 1)

        assert write_documents(folder) == 4
        assert len(folder.store.below("documents").list_files()) == 4


class TestReport:
    FACTS = RunFacts(5, 4, 2, 1, 7200.0, 3600.0, left=1)

    def test_it_counts_pages_failures_tokens_and_cost(self, folder):
        report = make_report(folder, self.FACTS, Outputs(price_per_hour=3.0), {"mode": "ocr"})

        assert (report["pages"], report["listed"], report["left"], report["failed"]) == (4, 5, 1, 1)
        assert report["failures"] == {"time": 1} and report["tokens"] == 8
        assert report["finish_reasons"] == {"stop": 3, "error": 1}
        assert report["this_run"]["cost"] == 6.0
        assert report["this_run"]["cost_per_million_pages"] == 1_500_000
        assert report["confidence"] == [0, 1, 1, 1, 1, 0, 0, 0, 0, 0]

    def test_its_text_says_the_same(self, folder):
        text = write_as_text(make_report(folder, self.FACTS, Outputs(price_per_hour=3.0), {}))

        assert "4 of 5 pages, 1 of them failed" in text and "1  time" in text
        assert "$6.0000, $1,500,000.00 a million pages" in text
        assert "2 pages begun again" in text

    def test_rows_of_pages_that_are_gone_from_the_inputs_are_counted_apart(self, folder):
        report = make_report(folder, RunFacts(3, 1, 0, 0, 1.0, 1.0, left=1), Outputs(), {})

        assert (report["pages"], report["listed"], report["left"], report["besides"]) == (4, 3, 1, 2)
        assert write_as_text(report).startswith(
            "2 of 3 pages, 2 more that are not among the inputs now, 1 of them failed\n"
        )

    def test_a_folder_without_rows_has_one_too(self, tmp_path):
        folder = OutputFolder(str(tmp_path / "none"), 2)

        report = make_report(folder, RunFacts(0, 0, 0, 0, 1.0, 0.0), Outputs(), {})

        assert report["pages"] == 0 and write_as_text(report)

    def test_the_least_certain_pages_are_found(self, folder):
        assert [one["source"] for one in find_least_certain(folder, 2)] == ["1.png", "2.png"]
