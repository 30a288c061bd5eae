"""The data engine's core: equal samples from any process, files that survive anything, sheets to look at."""

import io
import json
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import got_ocr.synthesis
from got_ocr.synthesis import Resources, Sample, Turn, iter_samples
from got_ocr.synthesis.engine import (
    EncodedSample,
    FailedSample,
    Job,
    check_sample,
    draw_encoded,
    encode_picture,
    sample_rng,
)
from got_ocr.synthesis.kinds import KINDS, make_kind
from got_ocr.synthesis.output.gallery import gallery, write_gallery
from got_ocr.synthesis.output.manifest import Plan, open_folder
from got_ocr.synthesis.output.preview import contact_sheet
from got_ocr.synthesis.runner import synthesize
from got_ocr.synthesis.workers import WorkerPool
from tests.support.fake_kinds import FAKES, fate_of


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, place in FAKES.items():
        monkeypatch.setitem(KINDS, name, place)


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("A paragraph.\n\nAnother one.\n", encoding="utf-8")
    return Resources(corpus_files=(corpus,))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestSamples:
    def test_a_sample_is_drawn_from_seed_kind_and_number_alone(self) -> None:
        wanted = np.random.default_rng((7, zlib.crc32(b"words"), 3)).integers(1 << 60)
        assert sample_rng(Job("words", 7, 3)).integers(1 << 60) == wanted

    def test_iter_samples_gives_the_same_samples_wherever_it_starts(self) -> None:
        whole = [sample.turns[0].answer for sample in iter_samples("words", seed=5, count=6)]
        assert [sample.turns[0].answer for sample in iter_samples("words", seed=5, start=4, count=2)] == whole[4:]
        assert [sample.turns[0].answer for sample in iter_samples("words", seed=6, count=6)] != whole
        endless = iter_samples("words", seed=5)
        assert [next(endless).turns[0].answer for _ in range(3)] == whole[:3]

    def test_iter_samples_refuses_what_is_not_there(self) -> None:
        with pytest.raises(ValueError, match="there is no kind 'cuneiform': choose one of pages, "):
            next(iter_samples("cuneiform"))
        with pytest.raises(ValueError, match="must not be negative, got 0, -1 and 1"):
            next(iter_samples("words", start=-1, count=1))

    def test_the_package_names_its_interface(self) -> None:
        assert all(hasattr(got_ocr.synthesis, name) for name in got_ocr.synthesis.__all__)
        with pytest.raises(AttributeError, match="no attribute 'paint'"):
            _ = got_ocr.synthesis.paint  # type: ignore[attr-defined]

    def test_grey_pictures_are_stored_with_one_channel_without_loss(self) -> None:
        grey = Image.fromarray(np.arange(120, dtype=np.uint8).reshape(10, 12)).convert("RGB")
        colour = grey.copy()
        colour.putpixel((3, 3), (1, 2, 3))
        stored = [Image.open(io.BytesIO(encode_picture(image))) for image in (grey, colour)]
        assert [image.mode for image in stored] == ["L", "RGB"]
        assert all(
            np.array_equal(np.asarray(image.convert("RGB")), np.asarray(original))
            for image, original in zip(stored, (grey, colour), strict=True)
        )

    @pytest.mark.parametrize(
        ("sample", "message"),
        [
            (Sample("other", (Image.new("RGB", (2, 2)),), (Turn("OCR: ", "a"),)), "calls itself 'other'"),
            (Sample("words", (), (Turn("OCR: ", "a"),)), "needs a picture and a turn, got 0 and 1"),
            (Sample("words", (Image.new("RGB", (2, 2)),), ()), "needs a picture and a turn, got 1 and 0"),
            (Sample("words", (Image.new("L", (2, 3)),), (Turn("OCR: ", "a"),)), "RGB and not empty, got L of 2 x 3"),
            (Sample("words", (Image.new("RGB", (2, 2)),), (Turn("OCR: ", "\n"),)), "may be empty, got 'OCR: ' and"),
        ],
    )
    def test_samples_that_nobody_could_train_on_are_refused(self, sample: Sample, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            check_sample(sample, "words")

    def test_a_failed_draw_says_why_in_one_line(self) -> None:
        source = make_kind("hopeless", Resources())
        failed = draw_encoded(source, Job("hopeless", 1, 2))
        assert isinstance(failed, FailedSample)
        assert failed.error == "OSError: there is no ink"
        assert "fake_kinds.py" in failed.details


class TestWorkerPool:
    def test_results_come_in_order_and_are_those_of_this_process(self, resources: Resources) -> None:
        jobs = [Job(kind, 3, number) for number in range(12) for kind in ("words", "several")]
        with WorkerPool(["words", "several"], resources, workers=3) as pool:
            results = list(pool.draw(jobs))
        assert [result.job for result in results] == jobs
        here = {kind: make_kind(kind, resources) for kind in ("words", "several")}
        for job, result in zip(jobs, results, strict=True):
            expected = draw_encoded(here[job.kind], job)
            assert isinstance(result, EncodedSample) and isinstance(expected, EncodedSample)
            assert (result.pictures, result.conversation) == (expected.pictures, expected.conversation)

    def test_what_fails_or_dies_costs_its_own_sample_only(self, resources: Resources) -> None:
        jobs = [Job("faulty", 10, number) for number in range(14)]
        fates = [fate_of(sample_rng(job)) for job in jobs]
        assert set(fates) == {"is fine", "raises", "dies", "is empty", "is grey", "has odd facts"}
        with WorkerPool(["faulty"], resources, workers=2) as pool:
            results = list(pool.draw(jobs))
        reasons = {
            "raises": "ValueError: no luck at all",
            "dies": "the worker process was lost: it was ended by SIGKILL: is the memory full?",
            "is empty": "ValueError: neither side of a turn may be empty",
            "is grey": "ValueError: pictures must be RGB and not empty, got L of 9 x 9",
            "has odd facts": "TypeError: Object of type int64 is not JSON serializable",
        }
        for job, fate, result in zip(jobs, fates, results, strict=True):
            assert result.job == job
            if fate == "is fine":
                assert isinstance(result, EncodedSample)
            else:
                assert isinstance(result, FailedSample)
                assert result.error.startswith(reasons[fate])

    def test_a_draw_that_hangs_is_ended(self, resources: Resources) -> None:
        jobs = [Job("hanging", 0, number) for number in range(3)]
        hangs = [sample_rng(job).random() < 0.25 for job in jobs]
        assert any(hangs) and not all(hangs)
        with WorkerPool(["hanging"], resources, workers=2, draw_timeout_s=1.0) as pool:
            results = list(pool.draw(jobs))
        assert [isinstance(result, FailedSample) for result in results] == hangs
        assert {result.error for result in results if isinstance(result, FailedSample)} == {
            "the worker process was lost: it was not done after 1 s"
        }

    def test_a_kind_that_lacks_a_package_says_so_at_once(self, resources: Resources) -> None:
        with pytest.raises(ImportError, match=r"missing: missing needs the package inkwell: pip install inkwell"):
            WorkerPool(["words", "missing"], resources, workers=2)


class TestFolder:
    def test_conversations_are_the_published_form(self, tmp_path: Path, resources: Resources) -> None:
        folder = tmp_path / "out"
        synthesize(folder, Plan(("words", "several"), seed=1, count=3), resources)
        words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        first = next(iter_samples("words", resources, seed=1, count=1))
        assert words[0] == {
            "image": "words/000000/000000000.png",
            "conversations": [
                {"from": "human", "value": "<image>\nOCR: "},
                {"from": "gpt", "value": first.turns[0].answer},
            ],
        }
        with Image.open(folder / words[0]["image"]) as stored:
            assert np.array_equal(np.asarray(stored.convert("RGB")), np.asarray(first.images[0]))
        several = json.loads((folder / "several.json").read_text(encoding="utf-8"))
        for entry, sample in zip(several, iter_samples("several", resources, seed=1, count=3), strict=True):
            assert entry["image"].endswith("/")
            names = sorted(path.name for path in (folder / entry["image"]).iterdir())
            assert names == [f"{number}.png" for number in range(1, len(sample.images) + 1)]
        facts = [json.loads(line) for line in (folder / "words.samples.jsonl").read_text("utf-8").splitlines()]
        assert [entry["number"] for entry in facts] == [0, 1, 2]
        assert facts[0]["source"] == first.source

    def test_a_greater_count_adds_to_what_is_there(self, tmp_path: Path, resources: Resources) -> None:
        for form in ("json", "webdataset"):
            whole, grown = tmp_path / f"{form}-whole", tmp_path / f"{form}-grown"
            synthesize(whole, Plan(("words",), 1, 11, output_format=form, shard_size=4), resources)
            synthesize(grown, Plan(("words",), 1, 6, output_format=form, shard_size=4), resources)
            (report,) = synthesize(grown, Plan(("words",), 1, 11, output_format=form, shard_size=4), resources)
            assert report.drawn == (5 if form == "json" else 7)
            assert tree(whole) == tree(grown)
            with pytest.raises(ValueError, match="is of 11 samples a kind, more than 6: give a count of 11 or more"):
                synthesize(grown, Plan(("words",), 1, 6, output_format=form, shard_size=4), resources)

    def test_failed_samples_are_drawn_again_into_their_places(
        self, tmp_path: Path, resources: Resources, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for form in ("json", "webdataset"):
            plan = Plan(("unlucky",), 2, 12, output_format=form, shard_size=5)
            folder, mended = tmp_path / form, tmp_path / f"{form}-mended"
            monkeypatch.delenv("FAKE_MENDED", raising=False)
            (first,) = synthesize(folder, plan, resources)
            failures = [json.loads(line) for line in (folder / "failures.jsonl").read_text("utf-8").splitlines()]
            assert 0 < len(failures) == len(first.failures) == 12 - first.drawn < 12
            assert failures[0].keys() == {"kind", "number", "seed", "error", "details"}
            assert failures[0]["error"] == "ValueError: no luck"
            monkeypatch.setenv("FAKE_MENDED", "1")
            (again,) = synthesize(folder, plan, resources)
            assert again.failures == []
            synthesize(mended, plan, resources)
            assert tree(folder) == tree(mended)

    def test_pictures_that_were_lost_are_drawn_again(self, tmp_path: Path, resources: Resources) -> None:
        folder = tmp_path / "out"
        plan = Plan(("words", "several"), 1, 5)
        synthesize(folder, plan, resources)
        before = tree(folder)
        (folder / "words/000000/000000002.png").write_bytes(b"")
        (folder / "several/000000/000000003/2.png").unlink()
        assert [report.drawn for report in synthesize(folder, plan, resources)] == [1, 1]
        assert tree(folder) == before

    def test_a_complete_folder_is_left_alone(self, tmp_path: Path, resources: Resources) -> None:
        plan = Plan(("words",), 1, 5)
        synthesize(tmp_path / "out", plan, resources)
        times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
        (report,) = synthesize(tmp_path / "out", plan, resources)
        assert report.drawn == 0
        assert {path: path.stat().st_mtime_ns for path in times} == times

    def test_other_options_are_refused_and_other_versions_named(self, tmp_path: Path) -> None:
        folder = tmp_path / "out"
        assert open_folder(folder, {"seed": 1, "count": 4}, {"pillow": "11"}) is None
        before = tree(folder)
        with pytest.raises(ValueError, match="holds another run: seed was 1, now 2; give the same again, or another"):
            open_folder(folder, {"seed": 2, "count": 4}, {"pillow": "11"})
        assert tree(folder) == before
        warning = open_folder(folder, {"seed": 1, "count": 9}, {"pillow": "12"})
        assert warning is not None
        assert "was begun with other versions (pillow 11 -> 12): new samples may look different" in warning
        assert json.loads((folder / "manifest.json").read_text()) == {
            "options": {"seed": 1, "count": 9},
            "environments": [{"pillow": "11"}, {"pillow": "12"}],
        }

    def test_a_changed_corpus_is_another_run(self, tmp_path: Path, resources: Resources) -> None:
        synthesize(tmp_path / "out", Plan(("words",), 1, 2), resources)
        resources.corpus_files[0].write_text("Other text.", encoding="utf-8")
        with pytest.raises(ValueError, match=r"holds another run: corpus was \[\"corpus.txt "):
            synthesize(tmp_path / "out", Plan(("words",), 1, 2), resources)

    def test_files_that_no_run_wrote_are_left_alone(self, tmp_path: Path, resources: Resources) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.tex").write_text("ten years of work")
        with pytest.raises(ValueError, match=r"holds files and no manifest\.json: give a folder that is new or empty"):
            synthesize(tmp_path / "out", Plan(("words",), 1, 2), resources)
        assert tree(tmp_path / "out") == {"thesis.tex": b"ten years of work"}


class TestShards:
    @pytest.fixture
    def folder(self, tmp_path: Path, resources: Resources) -> Path:
        plan = Plan(("words", "several"), 1, 10, output_format="webdataset", shard_size=4)
        synthesize(tmp_path / "shards", plan, resources, workers=2)
        return tmp_path / "shards"

    def test_members_follow_the_webdataset_convention(self, folder: Path) -> None:
        names = sorted(path.name for path in folder.iterdir())
        assert names == [
            "manifest.json",
            *(f"several-{shard:06d}.tar" for shard in range(3)),
            "several.index.json",
            *(f"words-{shard:06d}.tar" for shard in range(3)),
            "words.index.json",
        ]
        with tarfile.open(folder / "words-000001.tar") as tar:
            members = tar.getmembers()
            assert [member.name for member in members[:2]] == ["words-000000004.png", "words-000000004.json"]
            assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}
            facts = json.load(tar.extractfile("words-000000004.json"))  # type: ignore[arg-type]
        assert facts.keys() == {"kind", "number", "conversations", "source"}
        assert facts["number"] == 4 and json.loads(facts["source"]).keys() == {"number"}
        index = json.loads((folder / "words.index.json").read_text())
        assert index["__kind__"] == "wids-shard-index-v1"
        assert [(shard["url"], shard["nsamples"]) for shard in index["shardlist"]] == [
            ("words-000000.tar", 4),
            ("words-000001.tar", 4),
            ("words-000002.tar", 2),
        ]
        assert [shard["filesize"] for shard in index["shardlist"]] == [
            (folder / shard["url"]).stat().st_size for shard in index["shardlist"]
        ]

    def test_datasets_streams_them(self, folder: Path, resources: Resources) -> None:
        datasets = pytest.importorskip("datasets", reason="needs the extra `datasets`")
        stream = datasets.load_dataset(
            "webdataset", data_files=str(folder / "words-*.tar"), split="train", streaming=True
        )
        expected = list(iter_samples("words", resources, seed=1, count=10))
        for entry, sample in zip(stream, expected, strict=True):
            assert np.array_equal(np.asarray(entry["png"].convert("RGB")), np.asarray(sample.images[0]))
            assert entry["json"]["conversations"] == sample.conversation()

    def test_datasets_streams_several_pictures_with_their_columns_named(
        self, folder: Path, resources: Resources
    ) -> None:
        datasets = pytest.importorskip("datasets", reason="needs the extra `datasets`")
        turn = {"from": datasets.Value("string"), "value": datasets.Value("string")}
        facts = {
            "kind": datasets.Value("string"),
            "number": datasets.Value("int64"),
            "conversations": datasets.List(turn),
            "source": datasets.Value("string"),
        }
        features = {f"{page}.png": datasets.Image() for page in range(5)}
        features |= {"json": facts, "__key__": datasets.Value("string"), "__url__": datasets.Value("string")}
        stream = datasets.load_dataset(
            "webdataset",
            data_files=str(folder / "several-*.tar"),
            split="train",
            streaming=True,
            features=datasets.Features(features),
        )
        for entry, sample in zip(stream, iter_samples("several", resources, seed=1, count=10), strict=True):
            pages = [entry[f"{page}.png"] for page in range(5) if entry[f"{page}.png"] is not None]
            assert len(pages) == len(sample.images)
            assert entry["json"]["conversations"] == sample.conversation()

    def test_a_shard_cut_off_anywhere_goes_on_from_its_last_whole_sample(
        self, tmp_path: Path, resources: Resources, folder: Path
    ) -> None:
        plan = Plan(("words", "several"), 1, 10, output_format="webdataset", shard_size=4)
        before = tree(folder)
        shard = before["several-000001.tar"]
        end = len(shard.rstrip(b"\0"))
        end += -end % tarfile.BLOCKSIZE
        for cut, drawn in ((700, {4}), (end // 2, {1, 2, 3}), (end, {0})):
            (folder / "several-000001.tar").unlink(missing_ok=True)
            (folder / "several-000001.tar.partial").write_bytes(shard[:cut])
            reports = synthesize(folder, plan, resources)
            assert reports[0].drawn == 0
            assert reports[1].drawn in drawn
            assert tree(folder) == before

    def test_a_lost_index_is_made_again(self, folder: Path, resources: Resources) -> None:
        before = tree(folder)
        (folder / "words.index.json").unlink()
        plan = Plan(("words", "several"), 1, 10, output_format="webdataset", shard_size=4)
        assert [report.drawn for report in synthesize(folder, plan, resources)] == [0, 0]
        assert tree(folder) == before


class TestPlan:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"count": 0}, "the count of samples must be at least 1, got 0"),
            ({"seed": -1}, "the seed must not be negative, got -1"),
            ({"only": -2}, "the number of the only sample must not be negative, got -2"),
            ({"shard_size": 0}, "a shard must hold at least 1 sample, got 0"),
            ({"output_format": "zip"}, "the format must be one of json, webdataset, got 'zip'"),
            ({"kinds": ("words", "words")}, r"name each kind once, got words\+words"),
            ({"count": 2 * 10**9}, "numbered with 9 digits"),
        ],
    )
    def test_what_cannot_be_is_refused(self, arguments: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            Plan(**{"kinds": ("words",), "seed": 0, "count": 3, **arguments})  # type: ignore[arg-type]


class TestContactSheet:
    def draw(self, image: Image.Image | tuple[Image.Image, ...], question: str, answer: str) -> Image.Image:
        images = image if isinstance(image, tuple) else (image,)
        sample = Sample("words", images, (Turn(question, answer),))
        pictures = tuple(map(encode_picture, images))
        return contact_sheet([EncodedSample(Job("words", 1, 2), pictures, sample.conversation(), {})])

    def test_the_picture_is_shown_whole(self) -> None:
        sheet = np.asarray(self.draw(Image.new("RGB", (300, 200), (10, 200, 30)), "OCR: ", "text"))
        assert (sheet == (10, 200, 30)).all(axis=-1).sum() == 300 * 200

    def test_large_pages_are_scaled_to_fit_beside_their_truth(self) -> None:
        sheet = np.asarray(self.draw(Image.new("RGB", (2000, 2800), (10, 200, 30)), "OCR: ", "text\n" * 200))
        rows, columns = np.nonzero((sheet == (10, 200, 30)).all(axis=-1))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert 400 < width < sheet.shape[1] * 0.6
        assert height / width == pytest.approx(1.4, rel=0.01)
        assert sheet.shape[0] < 1000  # the truth is cut, and ends with the page

    def test_several_pictures_make_a_strip(self) -> None:
        colours = [(200, 10 * page, 30) for page in range(1, 9)]
        pages = tuple(Image.new("RGB", (500, 700), colour) for colour in colours)
        sheet = np.asarray(self.draw(pages, "OCR with format across multi pages: ", "text"))
        areas = [(sheet == colour).all(axis=-1).sum() for colour in colours]
        assert min(areas) > 200 * 280 and max(areas) - min(areas) < 2000

    def test_the_box_that_is_asked_for_is_marked_in_its_place(self) -> None:
        plain = Image.new("RGB", (800, 400), "white")
        sheet = np.asarray(self.draw(plain, "[250, 500, 750, 1000] OCR: ", "text")).astype(int)
        is_magenta = (abs(sheet - (226, 0, 122)).sum(axis=-1)) < 30
        rows, columns = np.nonzero(is_magenta)
        assert np.ptp(columns) == pytest.approx(400, abs=8)
        assert np.ptp(rows) == pytest.approx(200, abs=8)
        point = np.asarray(self.draw(plain, "[250, 500] OCR: ", "text")).astype(int)
        assert (abs(point - (226, 0, 122)).sum(axis=-1) < 30).any()

    def test_longer_truth_makes_a_higher_card_up_to_a_limit(self) -> None:
        image = Image.new("RGB", (300, 100), "white")
        heights = [self.draw(image, "OCR: ", "line\n" * lines + "end").height for lines in (1, 8, 60, 600)]
        assert heights[0] < heights[1] < heights[2] == heights[3]

    def test_cards_stand_in_two_columns(self) -> None:
        picture = encode_picture(Image.new("RGB", (300, 100), "white"))
        conversation = [{"from": "human", "value": "<image>\nOCR: "}, {"from": "gpt", "value": "x\t中\x07\ud7ff"}]
        cards = [EncodedSample(Job("words", 1, number), (picture,), conversation, {}) for number in range(4)]
        assert contact_sheet(cards).width == 2000
        assert contact_sheet(cards).height == pytest.approx(contact_sheet(cards[:2]).height * 2, rel=0.2)


class TestGallery:
    def encoded(self, kind: str, *images: Image.Image) -> EncodedSample:
        sample = Sample(kind, images, (Turn("OCR: ", "truth\n" * 9),))
        return EncodedSample(Job(kind, 1, 2), tuple(map(encode_picture, images)), sample.conversation(), {})

    def test_cards_of_one_size_stand_three_in_a_row(self) -> None:
        small, page = Image.new("RGB", (90, 40), "red"), Image.new("RGB", (1000, 1400), "red")
        cards = [self.encoded("formulas", small), self.encoded("pages", page), self.encoded("multi-page", page, page)]
        row, rows = gallery(cards), gallery([*cards, cards[0]])
        assert row.width == rows.width == 1200
        assert rows.height - 14 == 2 * (row.height - 14)

    @pytest.mark.parametrize(("kind", "shape"), [("pages", 250 / 356), ("molecules", 1.4)])
    def test_pages_are_cut_off_below_and_other_pictures_are_whole(self, kind: str, shape: float) -> None:
        sheet = np.asarray(gallery([self.encoded(kind, Image.new("RGB", (1000, 1400), "red"))]))
        rows, columns = np.nonzero((sheet == (255, 0, 0)).all(axis=-1))
        assert (np.ptp(rows) + 1) / (np.ptp(columns) + 1) == pytest.approx(shape, rel=0.03)

    def test_the_file_is_small(self, tmp_path: Path) -> None:
        noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
        write_gallery(tmp_path / "sheet.png", [self.encoded("scene", Image.fromarray(noise))] * 3)
        with Image.open(tmp_path / "sheet.png") as sheet:
            assert sheet.mode == "P"
