"""From names to pages: folders, globs, lists, shards, tables; what is in them, each content once."""

import io
import os
import struct
import tarfile
import zlib
from pathlib import Path

import pytest

pa = pytest.importorskip("pyarrow", reason="bulk reading needs pyarrow")
import pyarrow.parquet as pq  # noqa: E402
from PIL import Image  # noqa: E402

from got_ocr.bulk.benchmarks.materials import write_awkward_pdfs, write_small_pages  # noqa: E402
from got_ocr.bulk.catalog import Cataloguer, list_pages, make_sources  # noqa: E402
from got_ocr.bulk.drawing import Drawer  # noqa: E402
from got_ocr.bulk.inputs import find_sources  # noqa: E402
from got_ocr.bulk.options import BulkOptions  # noqa: E402
from got_ocr.processing.mode import Mode  # noqa: E402
from got_ocr.processing.options import SourceOptions  # noqa: E402

# Decoded in this process: what other processes do is tested elsewhere.
HERE = SourceOptions(page_timeout_s=None)


def picture(width: int = 30, height: int = 20) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(file, "PNG")
    return file.getvalue()


def pages_of(*inputs: object, column: str = "image") -> list[dict]:
    sources = make_sources(find_sources(map(str, inputs)))
    catalog = pa.concat_tables(list(Cataloguer(HERE, column)(sources)))
    order = dict(zip(sources["key"].to_pylist(), sources["order"].to_pylist(), strict=True))
    return list_pages(catalog, order).to_pylist()


def sizes_of(pages: list[dict], column: str = "image") -> list[tuple[int, int]]:
    drawer = Drawer(BulkOptions(Mode(), "nano", sources=HERE, image_column=column))
    drawn = [drawer.draw(page) for page in pages]
    return [(one["width_px"], one["height_px"]) for one in drawn]


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    (folder / "deeper" / ".hidden").mkdir(parents=True)
    (folder / "10.png").write_bytes(picture(10))
    (folder / "2.png").write_bytes(picture(2))
    (folder / "deeper" / "a.png").write_bytes(picture(3))
    (folder / "deeper" / ".hidden" / "b.png").write_bytes(picture(4))
    (folder / "notes.txt").write_text("not a page")
    return folder


class TestSources:
    def test_a_folder_is_taken_with_all_below_it_in_natural_order(self, scans):
        names = [Path(one.uri).name for one in find_sources([str(scans)])]

        assert names == ["2.png", "10.png", "a.png"]

    def test_a_glob_and_a_file_that_it_names_come_once(self, scans):
        found = list(find_sources([str(scans / "*.png"), str(scans / "2.png")]))

        assert [Path(one.uri).name for one in found] == ["2.png", "10.png"]

    def test_a_hidden_folder_that_is_named_outright_is_taken(self, scans):
        hidden = scans / "deeper" / ".hidden"

        for given in (hidden, hidden / "*.png", hidden / "b.png"):
            assert [Path(one.uri).name for one in find_sources([str(given)])] == ["b.png"]

    def test_a_list_takes_names_from_its_own_folder_and_says_what_is_missing(self, scans):
        names = scans / "these.lst"
        names.write_text("# pages\n2.png\n\ndeeper/a.png\ngone.png\n")

        found = list(find_sources([str(names)]))

        assert [Path(one.uri).name for one in found] == ["2.png", "a.png", "gone.png"]
        assert "no such file or folder" in found[2].error

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_a_list_of_windows_is_read(self, scans, encoding):
        names = scans / "these.txt"
        names.write_bytes("# pages\r\n2.png\r\n   \r\n  deeper/*.png \r\n".encode(encoding))

        assert [Path(one.uri).name for one in find_sources([str(names)])] == ["2.png", "a.png"]

    def test_lists_name_lists_but_not_themselves(self, scans):
        (scans / "one.txt").write_text("two.txt\n2.png\n")
        (scans / "two.txt").write_text("10.png\none.txt\n")

        found = list(find_sources([str(scans / "one.txt")]))

        assert [Path(one.uri).name for one in found] == ["10.png", "one.txt", "2.png"]
        assert [one.error is not None for one in found] == [False, True, False]
        assert "one.txt: names itself" in found[1].error

    def test_a_glob_of_lists_and_a_folder_that_is_called_like_one(self, scans):
        (scans / "folder.txt").mkdir()
        (scans / "folder.txt" / "x.png").write_bytes(picture(5))
        (scans / "a.lst").write_text("2.png\n")
        (scans / "b.lst").write_text("10.png\n")

        assert [Path(one.uri).name for one in find_sources([str(scans / "*.lst")])] == ["2.png", "10.png"]
        assert [Path(one.uri).name for one in find_sources([str(scans / "folder.txt")])] == ["x.png"]

    def test_what_a_store_fails_with_is_one_line(self, monkeypatch):
        import fsspec

        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("no\nway there")

        for name in ("isdir", "open"):
            monkeypatch.setattr(fsspec.get_filesystem_class("memory"), name, fail)
        for given in ("memory://store/scans", "memory://store/these.txt"):
            with pytest.raises(ValueError, match=r"can't be (listed|read): no way there\.$"):
                list(find_sources([given]))

    def test_urls_of_fsspec_are_taken(self, scans):
        import fsspec

        store = fsspec.filesystem("memory")
        store.pipe("/bulk-inputs/one.png", picture(7))
        store.pipe("/bulk-inputs/two.pdf", b"%PDF-")
        try:
            found = list(find_sources(["memory://bulk-inputs/"]))
            pages = pages_of("memory://bulk-inputs/one.png")
            sizes = sizes_of(pages)
        finally:
            store.rm("/bulk-inputs", recursive=True)

        assert [one.uri for one in found] == ["memory:///bulk-inputs/one.png", "memory:///bulk-inputs/two.pdf"]
        assert sizes == [(7, 20)]

    def test_the_output_is_no_input(self, scans):
        output = scans / "out"
        (output / "pages").mkdir(parents=True)
        (output / "pages" / "x.parquet").write_bytes(b"")

        assert all("x.parquet" not in one.uri for one in find_sources([str(scans)], str(output)))
        with pytest.raises(ValueError, match="lies in the output, which is no input: give another --output"):
            list(find_sources([str(scans)], str(scans)))

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("gone", "no such file or folder: check the name"),
            ("gone/*.png", "names no page"),
            ("gone.lst", "no such list"),
            ("*.lst", "names no page"),
            ("", "an INPUT is empty"),
            ("hub:name", "give hub:owner/name"),
            ("nowhere://x/y", "give a path, or a URL that fsspec knows"),
            ("binary.lst", "is no list: text with a path or URL a line is"),
        ],
    )
    def test_an_input_that_names_nothing_is_one_clear_line(self, tmp_path, monkeypatch, name, said):
        (tmp_path / "here").mkdir()
        (tmp_path / "here" / "binary.lst").write_bytes(bytes(range(256)))
        monkeypatch.chdir(tmp_path / "here" if name == "binary.lst" else tmp_path)
        with pytest.raises(ValueError, match=said) as error:
            list(find_sources([name]))
        assert "\n" not in str(error.value)

    def test_a_compressed_tar_says_what_to_do(self, tmp_path):
        (tmp_path / "a.tar.gz").write_bytes(b"")

        (page,) = pages_of(tmp_path)

        assert "uncompress it to .tar" in page["error"] and page["page"] == 0
        assert page["error_kind"] == "compressed"

    def test_urls_that_are_joined_are_refused(self):
        with pytest.raises(ValueError, match="joins several URLs by `::`: give one"):
            list(find_sources(["zip://scans::file:///data/a.zip"]))

    def test_another_content_is_another_source(self, tmp_path):
        file = tmp_path / "a.png"
        file.write_bytes(picture(5))
        (before,) = find_sources([str(file)])
        file.write_bytes(picture(6) + b" ")
        (after,) = find_sources([str(file)])

        assert before.key != after.key


class TestPages:
    def test_equal_contents_are_one_page_that_names_its_copies(self, tmp_path):
        for name in ("a.png", "b.png"):
            (tmp_path / name).write_bytes(picture(5))
        (tmp_path / "c.png").write_bytes(picture(6))

        pages = pages_of(tmp_path)

        assert [Path(page["source"]).name for page in pages] == ["a.png", "c.png"]
        assert [list(map(str, page["copies"])) for page in pages] == [[str(tmp_path / "b.png")], []]
        assert len({page["id"] for page in pages}) == 2

    def test_a_name_that_is_no_utf_8_is_opened_all_the_same(self, tmp_path):
        name = os.fsdecode(os.fsencode(tmp_path) + b"/a\xff.png")
        try:
            Path(name).write_bytes(picture(11))
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")

        pages = pages_of(tmp_path)

        assert sizes_of(pages) == [(11, 20)]
        assert pages[0]["source"].endswith("a\\xff.png")

    def test_a_document_has_a_page_each(self, tmp_path):
        first, *others = [Image.new("RGB", (20 + number, 30), "white") for number in range(3)]
        first.save(tmp_path / "a.tif", save_all=True, append_images=others)
        first.save(tmp_path / "b.pdf", save_all=True, append_images=others, resolution=72)

        pages = pages_of(tmp_path)

        assert [(Path(page["source"]).name, page["page"]) for page in pages] == [
            *(("a.tif", number) for number in (1, 2, 3)),
            *(("b.pdf", number) for number in (1, 2, 3)),
        ]
        assert sizes_of(pages[:3]) == [(20, 30), (21, 30), (22, 30)]

    def test_a_shards_members_are_read_where_they_stand(self, tmp_path):
        with tarfile.open(tmp_path / "shard.tar", "w") as shard:
            for name, data in (("a.png", picture(8)), ("a.json", b"{}"), ("b/c.png", picture(9))):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                shard.addfile(info, io.BytesIO(data))

        pages = pages_of(tmp_path / "shard.tar")

        assert [page["source"].partition("::")[2] for page in pages] == ["a.png", "b/c.png"]
        assert sizes_of(pages) == [(8, 20), (9, 20)]

    def test_a_shards_members_may_have_one_name_or_names_that_are_no_utf_8(self, tmp_path):
        with tarfile.open(tmp_path / "shard.tar", "w") as shard:
            for name, width in (("a.png", 8), ("a.png", 9), ("b\udcff.png", 10)):
                info = tarfile.TarInfo(name)
                info.size = len(picture(width))
                shard.addfile(info, io.BytesIO(picture(width)))

        pages = pages_of(tmp_path / "shard.tar")

        assert [page["source"].partition("::")[2] for page in pages] == ["a.png", "a.png", "b\\xff.png"]
        assert sizes_of(pages) == [(8, 20), (9, 20), (10, 20)]

    @pytest.mark.parametrize("form", ["bytes", "struct"])
    def test_a_tables_pictures_are_read_by_row(self, tmp_path, form):
        cells = [picture(width) for width in (5, 6, 7)]
        if form == "struct":
            cells = [{"bytes": cell, "path": None} for cell in cells]
        table = pa.table({"scan": cells, "label": [1, 2, 3]})
        pq.write_table(table, tmp_path / "set.parquet", row_group_size=2)

        pages = pages_of(tmp_path / "set.parquet", column="scan")

        assert [page["source"].partition("::")[2] for page in pages] == ["row 0", "row 1", "row 1.0"]
        assert sizes_of(pages, "scan") == [(5, 20), (6, 20), (7, 20)]

    def test_a_tables_paths_are_followed_from_its_folder(self, tmp_path):
        for width in (5, 6):
            (tmp_path / f"{width}.jpg").write_bytes(picture(width))
        cells = [str(tmp_path / "5.jpg"), "6.jpg", "gone.jpg", None]
        pq.write_table(pa.table({"image": cells}), tmp_path / "a.parquet")
        pq.write_table(pa.table({"image": [{"bytes": None, "path": cell} for cell in cells]}), tmp_path / "b.parquet")

        for table in ("a.parquet", "b.parquet"):
            pages = pages_of(tmp_path / table)

            assert sizes_of(pages[:2]) == [(5, 20), (6, 20)]
            assert [page["error_kind"] for page in pages] == [None, None, "missing", "empty"]
            assert f"{table}::row 2: " in pages[2]["error"] and "gone.jpg" in pages[2]["error"]

    def test_cells_that_are_no_picture_name_their_row(self, tmp_path):
        pq.write_table(pa.table({"image": [1, 2]}), tmp_path / "numbers.parquet")

        pages = pages_of(tmp_path / "numbers.parquet")

        assert [page["error_kind"] for page in pages] == ["damaged", "damaged"]
        assert "numbers.parquet::row 1: is no picture, but int" in pages[1]["error"]

    def test_a_table_without_the_column_names_those_that_it_has(self, tmp_path):
        pq.write_table(pa.table({"scan": [b""], "label": [1]}), tmp_path / "set.parquet")

        (page,) = pages_of(tmp_path / "set.parquet")

        assert "has no column image, but scan, label" in page["error"] and "--image-column" in page["error"]
        assert page["error_kind"] == "no column"

    def test_shards_and_tables_without_pages_are_one_row_each(self, tmp_path):
        with tarfile.open(tmp_path / "a.tar", "w") as shard:
            shard.addfile(tarfile.TarInfo("notes.txt"))
        pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "b.parquet")

        pages = pages_of(tmp_path)

        assert [page["error_kind"] for page in pages] == ["no pages", "no pages"]
        assert all(page["source"] in page["error"] for page in pages)

    def test_damaged_shards_and_tables_are_one_row_each(self, tmp_path):
        (tmp_path / "a.tar").write_bytes(b"no tar" * 300)
        (tmp_path / "b.parquet").write_bytes(b"no table")

        pages = pages_of(tmp_path)

        assert [page["error_kind"] for page in pages] == ["damaged", "damaged"]


# Of file systems of Linux and macOS; what a shell, a URL, a glob or a list would take for something else.
STRANGE_NAMES = (
    *("a\nb.png", "a#1.png", "#x.png", "a*b.png", "a?b.png", "[1].png", "a::b.png", "100%.png", "a%20b.png"),
    *(" lead.png", "trail .png", "~x.png", "file:x.png", "http:x.png", "-o.png", "{a}.png", "$HOME.png", 'q"u.png'),
    *("back\\slash.png", "hub:x.png"),
)


@pytest.mark.skipif(os.name != "posix", reason="other file systems refuse such names")
class TestStrangeFiles:
    def test_names_that_mean_something_elsewhere_are_names(self, tmp_path):
        for width, name in enumerate(STRANGE_NAMES, start=1):
            (tmp_path / name).write_bytes(picture(width))

        pages = pages_of(tmp_path)

        assert sorted(sizes_of(pages)) == [(width, 20) for width in range(1, len(STRANGE_NAMES) + 1)]
        assert {Path(page["source"]).name for page in pages} == set(STRANGE_NAMES)

    @pytest.mark.parametrize("name", [name for name in STRANGE_NAMES if "*" not in name and "?" not in name])
    def test_they_may_be_named_one_by_one(self, tmp_path, name):
        (tmp_path / name).write_bytes(picture(7))

        assert sizes_of(pages_of(tmp_path / name)) == [(7, 20)]

    def test_links_that_go_round_or_nowhere_end(self, tmp_path):
        (tmp_path / "a.png").write_bytes(picture(5))
        (tmp_path / "below").mkdir()
        (tmp_path / "below" / "back").symlink_to(tmp_path)
        (tmp_path / "b.png").symlink_to("a.png")
        (tmp_path / "nowhere.png").symlink_to("gone.png")
        (tmp_path / "round.png").symlink_to("round.png")

        pages = pages_of(tmp_path)

        assert [Path(page["source"]).name for page in pages] == ["a.png", "nowhere.png", "round.png"]
        assert [Path(copy).name for copy in pages[0]["copies"]] == ["b.png"]
        assert [page["error"] is None for page in pages] == [True, False, False]

    @pytest.mark.parametrize("name", ["a.png", "a.pdf", "a.tar", "a.parquet"])
    def test_a_pipe_is_a_failure_and_nobody_waits_for_it(self, tmp_path, name):
        os.mkfifo(tmp_path / name)
        (tmp_path / "z.png").write_bytes(picture(5))

        pages = pages_of(tmp_path)

        assert [page["error_kind"] for page in pages] == ["not allowed", None]
        assert "is a pipe, a socket or a device: save" in pages[0]["error"]

    def test_a_tables_cell_that_names_a_pipe_is_a_failure(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.png")
        pq.write_table(pa.table({"image": ["pipe.png"]}), tmp_path / "a.parquet")

        (page,) = pages_of(tmp_path / "a.parquet")

        assert page["error_kind"] == "not allowed"


def test_a_file_that_changes_while_the_job_runs_is_a_failure_not_another_files_row(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(picture(5 if name == "a.png" else 6))
    with tarfile.open(tmp_path / "c.tar", "w") as shard:
        info = tarfile.TarInfo("c.png")
        info.size = len(picture(7))
        shard.addfile(info, io.BytesIO(picture(7)))
    pages = pages_of(tmp_path)
    (tmp_path / "a.png").write_bytes(picture(9))
    shard = (tmp_path / "c.tar").read_bytes()
    (tmp_path / "c.tar").write_bytes(shard.replace(picture(7), picture(8)))
    drawer = Drawer(BulkOptions(Mode(), "nano", sources=HERE))

    drawn = [drawer.draw(page) for page in pages]

    assert [one.get("error_kind") for one in drawn] == ["changed", None, "changed"]
    assert "a.png: has changed since the job looked into it: run the same command again." in drawn[0]["error"]
    assert sizes_of(pages_of(tmp_path)) == [(9, 20), (6, 20), (8, 20)]


def pdf_that_takes_long() -> bytes:
    """A page of some million lines, in 150 KB."""
    content = zlib.compress(b"0 0 m 9 9 l S\n" * 3_000_000, 9)
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 60] /Contents 4 0 R >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(content), content),
    )
    data = b"%PDF-1.4\n" + b"".join(b"%d 0 obj\n%b\nendobj\n" % one for one in enumerate(objects, start=1))
    return data + b"trailer << /Size 5 /Root 1 0 R >>\n%%EOF\n"


def test_a_pdf_that_is_drawn_for_ever_costs_its_time_and_no_other_page(tmp_path):
    (tmp_path / "long.pdf").write_bytes(pdf_that_takes_long())
    (tmp_path / "z.png").write_bytes(picture(5))
    long, good = pages_of(tmp_path)

    soon = Drawer(BulkOptions(Mode(), "nano", sources=SourceOptions(page_timeout_s=0.3))).draw(long)
    patient = Drawer(BulkOptions(Mode(), "nano", sources=SourceOptions(page_timeout_s=120)))

    assert soon["error_kind"] == "time"
    assert patient.draw(good)["width_px"] == 5


def test_a_tiff_of_ten_thousand_pages_has_as_many(tmp_path):
    entries = ((256, 4, 1), (257, 4, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 0), (278, 4, 1), (279, 4, 1))
    length = 2 + 12 * len(entries) + 4
    body = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, kind, 1, at) for tag, kind, at in entries
    )
    following = [8 + number * length for number in range(1, 10_000)] + [0]
    data = b"II*\0" + struct.pack("<I", 8) + b"".join(body + struct.pack("<I", place) for place in following)
    (tmp_path / "a.tif").write_bytes(data)

    pages = pages_of(tmp_path)

    assert [page["page"] for page in pages] == list(range(1, 10_001))
    assert sizes_of(pages[-2:]) == [(1, 1), (1, 1)]


def test_tables_without_any_picture_are_a_row_each(tmp_path):
    tables = {
        "a": pa.array([None, None], pa.null()),
        "b": pa.array([None, picture(3)], pa.large_binary()),
        "c": pa.array([[1, 2]], pa.list_(pa.int64())),
        "d": pa.array([{"bytes": None, "path": None}]),
        "e": pa.array([picture(4)]).dictionary_encode(),
        "f": pa.array([b""]),
    }
    for name, column in tables.items():
        pq.write_table(pa.table({"image": column}), tmp_path / f"{name}.parquet")

    pages = pages_of(tmp_path)

    kinds = ["empty", "empty", "empty", None, "damaged", "empty", None, "empty"]
    assert [page["error_kind"] for page in pages] == kinds


def test_awkward_pdfs_are_a_row_each_with_the_kind_of_their_failure(tmp_path):
    pytest.importorskip("pikepdf", reason="writes the encrypted ones")
    expected = write_awkward_pdfs(tmp_path, 20)
    drawer = Drawer(BulkOptions(Mode(), "nano", sources=HERE))

    pages = pages_of(tmp_path)
    found = {Path(page["source"]).name: drawer.draw(page).get("error_kind") for page in pages}

    assert found == expected
    assert len(pages) == len(expected)


def test_small_pages_are_no_two_alike(tmp_path):
    files = write_small_pages(tmp_path, 50)

    assert len({file.read_bytes() for file in files}) == 50
