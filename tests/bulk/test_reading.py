"""A worker's pages: what is not read, what fails, what takes too long, and over what workers die."""

import threading
import time

import pytest

pa = pytest.importorskip("pyarrow", reason="bulk reading needs pyarrow")
from PIL import Image, ImageDraw  # noqa: E402

from got_ocr.bulk import gates  # noqa: E402
from got_ocr.bulk.answers import Identity  # noqa: E402
from got_ocr.bulk.cluster import plain_errors  # noqa: E402
from got_ocr.bulk.ledger import Ledger  # noqa: E402
from got_ocr.bulk.options import BulkOptions, Workers  # noqa: E402
from got_ocr.bulk.reading import ReadingWorker  # noqa: E402
from got_ocr.bulk.rows import DRAWN, ROWS, make_table  # noqa: E402
from got_ocr.hub.errors import ModelError  # noqa: E402
from got_ocr.processing.mode import Mode  # noqa: E402
from got_ocr.reading.answer import GotOcrAnswer  # noqa: E402

IDENTITY = Identity("model", "digest", "version")


class Reader:
    """Reads a picture's width; fails, waits or counts as it is told."""

    def __init__(self, batch_size: int = 4) -> None:
        self.batch_size = batch_size
        self.batches: list[list[int]] = []
        self.fails_at: set[int] = set()
        self.waits_at: set[int] = set()

    def read(self, images, stop: threading.Event) -> list[GotOcrAnswer]:
        widths = [image.width for image in images]
        self.batches.append(widths)
        if self.waits_at & set(widths):
            stop.wait(60)
        if self.fails_at & set(widths):
            raise RuntimeError("over\nit")
        return [GotOcrAnswer(str(width), "stop", 1, 0.9, 0.8) for width in widths]


def page(width: int, **more: object) -> dict:
    row = {"id": f"{width}#1", "source": f"{width}.png", "page": 1, "sha256": str(width), "copies": []}
    row |= {"pixels": bytes(width * 3), "width_px": width, "height_px": 1, "turned_deg": 0}
    return {**row, **more}


def read(reader: Reader, pages: list[dict], mode: Mode | None = None, timeout_s: float = 600) -> list[dict]:
    worker = ReadingWorker(
        BulkOptions(mode or Mode(), "unused"),
        Workers(read_timeout_s=timeout_s),
        IDENTITY,
        load_reader=lambda options, workers: reader,
    )
    return [row for table in worker(make_table(pages, DRAWN)) for row in table.to_pylist()]


class TestWorker:
    def test_pages_are_read_in_batches_and_rows_come_in_order(self):
        reader = Reader(batch_size=2)

        rows = read(reader, [page(width) for width in (1, 2, 3)])

        assert reader.batches == [[1, 2], [3]]
        assert [(row["id"], row["text"], row["model"]) for row in rows] == [
            (f"{width}#1", str(width), "model") for width in (1, 2, 3)
        ]

    def test_a_page_that_fails_costs_only_itself(self):
        reader = Reader()
        reader.fails_at = {2}

        rows = read(reader, [page(width) for width in (1, 2, 3)])

        assert [row["error_kind"] for row in rows] == [None, "model", None]
        assert rows[1]["error"] == "2.png: the model fails over it: over it" and rows[1]["finish_reason"] == "error"

    def test_a_page_that_takes_too_long_costs_only_itself(self):
        reader = Reader()
        reader.waits_at = {2}

        rows = read(reader, [page(width) for width in (1, 2, 3)], timeout_s=0.2)

        assert [row["error_kind"] for row in rows] == [None, "time", None]
        assert "takes longer than 0.2 seconds: raise --read-timeout" in rows[1]["error"]

    def test_what_was_settled_before_is_not_read(self):
        reader = Reader()
        settled = {"pixels": None, "text": ""}
        pages = [
            page(1, **settled, error="1.png: is broken.", error_kind="damaged"),
            page(2, **settled, verdict=gates.BLANK),
            page(3, pixels=None, verdict=gates.TEXT_LAYER, text="of the layer"),
            page(4, **settled, verdict=gates.DUPLICATE, duplicate_of="9#1"),
            page(5),
        ]

        rows = read(reader, pages)

        assert reader.batches == [[5]]
        assert [row["finish_reason"] for row in rows] == ["error", "blank", "text_layer", "duplicate", "stop"]
        assert [row["text"] for row in rows] == ["", "", "of the layer", "", "5"]
        assert (rows[0]["error_kind"], rows[3]["duplicate_of"]) == ("damaged", "9#1")

    def test_a_formatted_answer_is_given_as_markdown_and_as_text(self):
        class Formatted(Reader):
            def read(self, images, stop):
                return [GotOcrAnswer("# A head\n\nwith **strong** words", "stop", 9, 0.9, 0.8) for _ in images]

        (row,) = read(Formatted(), [page(1)], Mode("format"))

        assert row["markdown"].startswith("# A head") and row["mode"] == "format"
        assert "#" not in row["text"] and "**" not in row["text"] and "with strong words" in row["text"]

    def test_a_page_on_its_side_is_read_both_ways_and_the_surer_one_kept(self):
        class Upright(Reader):
            def read(self, images, stop):
                (image,) = images
                is_upright = image.getpixel((0, 0)) == (255, 0, 0)  # Where the red corner came to.
                return [GotOcrAnswer(f"{image.size}", "stop", 1, 0.9 if is_upright else 0.3, 0.1)]

        picture = Image.new("RGB", (3, 2))
        picture.putpixel((2, 0), (255, 0, 0))
        lying = page(3, pixels=picture.tobytes(), height_px=2, turned_deg=90)

        (row,) = read(Upright(), [lying])

        assert (row["turned_deg"], row["text"]) == (270, "(2, 3)")

    def test_rows_of_all_kinds_have_one_schema(self):
        worker = ReadingWorker(
            BulkOptions(Mode(), "unused"), Workers(), IDENTITY, load_reader=lambda options, workers: Reader()
        )
        tables = list(worker(make_table([page(1), page(2, pixels=None, error="x", error_kind="other")], DRAWN)))

        assert all(table.schema == ROWS for table in tables)


class TestLedger:
    def test_a_page_begun_while_another_worker_has_it_has_cost_that_workers_life(self, monkeypatch):
        monkeypatch.setattr("got_ocr.bulk.ledger._find_dead_nodes", set)
        ledger = Ledger()

        assert ledger.begin("a", "n", ["1", "2"]) == [0, 0]
        ledger.end("a", ["2"])
        assert ledger.begin("b", "n", ["1", "2"]) == [1, 0]
        assert ledger.begin("c", "n", ["1"]) == [2]
        assert ledger.look()["deaths"] == 2

    def test_the_same_worker_may_begin_again(self, monkeypatch):
        monkeypatch.setattr("got_ocr.bulk.ledger._find_dead_nodes", set)
        ledger = Ledger()
        ledger.begin("a", "n", ["1"])

        assert ledger.begin("a", "n", ["1"]) == [0]

    def test_a_machine_that_went_is_no_pages_fault(self, monkeypatch):
        monkeypatch.setattr("got_ocr.bulk.ledger._find_dead_nodes", lambda: {"gone"})
        ledger = Ledger()
        ledger.begin("a", "gone", ["1"])

        assert ledger.begin("b", "n", ["1"]) == [0]
        assert ledger.look()["begun_again"] == 1

    def test_a_worker_that_lost_a_page_does_not_end_it(self, monkeypatch):
        monkeypatch.setattr("got_ocr.bulk.ledger._find_dead_nodes", set)
        ledger = Ledger()
        ledger.begin("a", "n", ["1"])
        ledger.begin("b", "n", ["1"])
        ledger.end("a", ["1"])

        assert ledger.look()["open"] == 1

    def test_pages_tokens_and_failures_are_counted(self):
        ledger = Ledger()
        ledger.count({"pages": 2, "tokens": 7, "failures": {"time": 1}})
        ledger.count({"pages": 1, "tokens": 1, "failures": {}}, {"worker": "a", "name": "GPU", "memory_bytes": 5})

        state = ledger.look()

        assert (state["pages"], state["tokens"], state["failures"]) == (3, 8, {"time": 1})
        assert state["devices"] == [{"worker": "a", "name": "GPU", "memory_bytes": 5}]

    def test_the_device_of_a_worker_that_died_is_told_no_more(self, monkeypatch):
        monkeypatch.setattr("got_ocr.bulk.ledger._find_dead_nodes", set)
        ledger = Ledger()
        ledger.count({"pages": 1, "tokens": 1, "failures": {}}, {"worker": "a", "name": "GPU", "busy_percent": 5})
        ledger.begin("a", "n", ["1"])
        ledger.begin("b", "n", ["1"])

        assert ledger.look()["devices"] == []

    def test_the_first_page_of_equal_pixels_is_the_one_to_read(self):
        ledger = Ledger()

        assert [ledger.claim("d", name) for name in ("1", "2", "1")] == ["1", "1", "1"]


def drawn(text: str, gray: int = 0, size: int = 20) -> Image.Image:
    image = Image.new("RGB", (800, 1000), (250, 250, 250))
    ImageDraw.Draw(image).text((200, 400), text, fill=(gray, gray, gray), font_size=size)
    return image


class TestGates:
    def test_paper_is_blank_whatever_its_colour_and_shadow(self):
        shadow = Image.linear_gradient("L").resize((800, 1000)).point(lambda value: 180 + value // 4).convert("RGB")

        assert all(gates.is_blank(Image.new("RGB", (800, 1000), colour)) for colour in ("white", "black", "beige"))
        assert gates.is_blank(shadow)

    @pytest.mark.parametrize(
        "image", [drawn("7", size=14), drawn("a faint line of text", gray=200), drawn("Page two")]
    )
    def test_a_little_text_is_not_blank(self, image):
        assert not gates.is_blank(image)

    def test_a_small_picture_is_looked_at_whole(self):
        small = Image.new("RGB", (120, 24), "white")
        ImageDraw.Draw(small).text((8, 4), "word", fill="black", font_size=12)

        assert not gates.is_blank(small)
        assert gates.is_blank(Image.new("RGB", (20, 10), "white"))

    @pytest.mark.parametrize(
        ("layer", "is_good"),
        [
            ("A page of a report whose text can be taken as it is, since it was typed.", True),
            (
                "文档的文本层可以直接使用，因为它是由排版程序写出来的，不是扫描的图片，所以不需要再读一遍，可以省时。",
                True,
            ),
            ("12", False),
            ("\x01\x02\x03 " * 40, False),
            ("\ue001\ue002\ue003" * 30, False),
            ("l e t t e r s t h a t s t a n d a p a r t a n d a r e n o w o r d s o f a n y k i n d", False),
            ("." * 60 + "a page", False),
        ],
    )
    def test_a_text_layer_is_good_where_it_is_language(self, layer, is_good):
        assert gates.is_good_layer(layer) is is_good

    def test_text_on_its_side_is_found(self):
        lines = Image.new("RGB", (600, 500), "white")
        for row in range(10):
            ImageDraw.Draw(lines).text((40, 30 + 44 * row), "a line of words on a page", fill="black", font_size=22)

        assert gates.find_turn(lines) == 0
        assert gates.find_turn(lines.transpose(Image.Transpose.ROTATE_90)) == 90


def test_what_a_worker_says_of_its_model_or_the_disk_is_told_in_one_line():
    stack = "The actor died.\n  File x, line 3\ngot_ocr.hub.errors.ModelError: m can't be loaded: no weights.\n"
    full = "ray::Write()\n  File y, line 4\nOSError: [Errno 28] Error writing. Detail: [errno 28] No space left\n"

    with pytest.raises(ModelError, match=r"^m can't be loaded: no weights\.$"), plain_errors("out"):
        raise RuntimeError(stack)
    with pytest.raises(OSError, match="No space left on device") as error, plain_errors("out"):
        raise OSError(full)
    assert (error.value.errno, error.value.filename) == (28, "out")
    with pytest.raises(FileNotFoundError, match="given"), plain_errors("out"):
        raise FileNotFoundError(2, "gone", "given")
    with pytest.raises(RuntimeError, match="something else"), plain_errors("out"):
        raise RuntimeError("something else")


def test_a_page_that_does_not_listen_ends_its_worker(tmp_path):
    """In a process of its own: the alarm ends it where reading does not stop."""
    import subprocess
    import sys

    code = (
        "import time; from got_ocr.bulk import reading; reading.GRACE_S = 0.2\n"
        "with reading._Alarm(0.1): time.sleep(60)"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], timeout=120)

    assert done.returncode == 1
    assert time.monotonic() - start < 60
