"""Ground truth in, answers on disk, chunks, intervals, comparisons."""

import itertools
import json
import math
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from got_ocr.evaluation import statistics
from got_ocr.evaluation.engines import EngineOptions, Reading, join_boxes, make_engine
from got_ocr.evaluation.identity import identify_checkpoint
from got_ocr.evaluation.results import Result, ResultWriter, load_results, part_path, read_parts, write_merged
from got_ocr.evaluation.runner import Shard, batches, chunk, collect, cost, run
from got_ocr.evaluation.samples import HubColumns, Sample, load_samples
from got_ocr.evaluation.scoring import compare_results, score


class EchoEngine:
    """Answers with the truth, a letter lost; fails where the truth says so."""

    def read(self, samples, pictures):  # type: ignore[no-untyped-def]
        for sample in samples:
            if "fail" in sample.label:
                raise RuntimeError("the model fell over\nbadly")
        return [Reading(sample.label[1:], "stop", 0.9) for sample in samples]


def make_folder(folder: Path, texts: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(texts, 1):
        Image.new("RGB", (20, 10), "white").save(folder / f"page{number}.png")
        (folder / f"page{number}.gt.txt").write_text(text + "\n", encoding="utf-8")
    return folder


class TestGroundTruth:
    def test_folder_in_natural_order(self, tmp_path: Path) -> None:
        make_folder(tmp_path, [f"text {number}" for number in range(1, 12)])
        Image.new("RGB", (20, 10)).save(tmp_path / "without.png")
        samples = load_samples(str(tmp_path))
        assert [sample.image for sample in samples] == [f"page{number}.png" for number in range(1, 12)]
        assert samples[9].label == "text 10"
        assert samples[0].load()[0].size == (20, 10)

    def test_texts_of_other_names(self, tmp_path: Path) -> None:
        for name in ("a.bin.png", "b.png", "c.png"):
            Image.new("L", (5, 5)).save(tmp_path / name)
        (tmp_path / "a.gt.txt").write_text("A")
        (tmp_path / "b.txt").write_text("B")
        (tmp_path / "c.mmd").write_text("C")
        assert [sample.label for sample in load_samples(str(tmp_path))] == ["A", "B", "C"]

    def test_published_conversations(self, tmp_path: Path) -> None:
        turns = [{"from": "human", "value": "<image>\nOCR: "}, {"from": "gpt", "value": "text"}]
        (tmp_path / "gt.json").write_text(json.dumps([{"image": "a.png", "conversations": turns}]))
        (tmp_path / "pictures").mkdir()
        Image.new("RGB", (7, 9)).save(tmp_path / "pictures" / "a.png")
        (sample,) = load_samples(str(tmp_path / "gt.json"), images=str(tmp_path / "pictures"))
        assert (sample.label, sample.question) == ("text", "<image>\nOCR: ")
        assert sample.load()[0].size == (7, 9)

    def test_a_folder_is_a_document(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "doc", ["", "", ""])
        (tmp_path / "gt.jsonl").write_text(json.dumps({"image": "doc", "question": "", "label": "all"}) + "\n")
        (sample,) = load_samples(str(tmp_path / "gt.jsonl"))
        assert len(sample.load()) == 3

    def test_charts(self, tmp_path: Path) -> None:
        gts = {"title": "T", "source": "None", "x_title": "X", "y_title": "Y", "values": {"a": 1}}
        (tmp_path / "gt.json").write_text(json.dumps([{"images": "c.png", "gts": gts}]))
        (sample,) = load_samples(str(tmp_path / "gt.json"), task="chart")
        assert sample.image == "c.png"
        assert json.loads(sample.label) == gts

    @pytest.mark.parametrize(
        ("question", "box"),
        [
            ("<image>\n[100, 200, 300, 400] OCR: ", (100, 200, 300, 400)),
            ("OCR the box <box>[[1,2,3,4]]</box>", (1, 2, 3, 4)),
            ("What stands in (10,20),(30,40)?", (10, 20, 30, 40)),
        ],
    )
    def test_boxes(self, tmp_path: Path, question: str, box: tuple[int, ...]) -> None:
        entry = {"image": "a.png", "question": question, "label": "x"}
        (tmp_path / "gt.json").write_text(json.dumps([entry]))
        (sample,) = load_samples(str(tmp_path / "gt.json"), task="box")
        assert sample.box == box
        pixels = sample.box_pixels(1234, 777)
        assert pixels is not None
        # What the prompt makes of it (int of the pixel by the side times 1000) is the published number again.
        sides = (1234, 777, 1234, 777)
        assert tuple(int(value / side * 1000) for value, side in zip(pixels, sides, strict=True)) == box
        (sample,) = load_samples(str(tmp_path / "gt.json"), task="box", box_unit="pixel")
        assert sample.box_pixels(1234, 777) == box

    def test_colors(self, tmp_path: Path) -> None:
        entries = [{"image": "a.png", "question": "[Red] OCR: ", "label": "x"}]
        (tmp_path / "gt.json").write_text(json.dumps(entries))
        assert load_samples(str(tmp_path / "gt.json"), task="color")[0].color == "red"

    @pytest.mark.parametrize(
        ("content", "task", "message"),
        [
            ("{broken", "plain", "neither a JSON list nor JSON lines"),
            ("[1]", "plain", "entry 0 must be an object"),
            ('[{"image": "a.png"}]', "plain", "none of 'conversations', 'gts' and 'label'"),
            ('[{"conversations": []}]', "plain", "must name its picture"),
            ('[{"image": "a", "conversations": [1]}]', "plain", "two turns"),
            ("[]", "plain", "nothing to read"),
            ('[{"image": "a", "question": "OCR: ", "label": ""}]', "box", "four numbers in brackets"),
            ('[{"image": "a", "question": "OCR: ", "label": ""}]', "color", "red, green, blue"),
        ],
    )
    def test_what_is_wrong_is_said(self, tmp_path: Path, content: str, task: str, message: str) -> None:
        path = tmp_path / "gt.json"
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            load_samples(str(path), task=task)

    def test_no_texts_and_no_file(self, tmp_path: Path) -> None:
        Image.new("RGB", (5, 5)).save(tmp_path / "a.png")
        with pytest.raises(ValueError, match="none of its 1 pictures has its text"):
            load_samples(str(tmp_path))
        with pytest.raises(FileNotFoundError, match="no ground truth"):
            load_samples(str(tmp_path / "none.json"))

    def test_hub_dataset_by_columns(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        datasets = pytest.importorskip("datasets", reason="needs got-ocr[datasets]")
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
        make_folder(tmp_path / "pages", ["one", "two"])
        pages = [str(tmp_path / "pages" / f"page{number}.png") for number in (1, 2)]
        made = datasets.Dataset.from_dict({"picture": pages, "says": ["one", "two"]})
        made = made.cast_column("picture", datasets.Image())
        (tmp_path / "set").mkdir()
        made.to_parquet(str(tmp_path / "set" / "test.parquet"))
        name = f"hub:{tmp_path / 'set'}"
        samples = load_samples(name, hub=HubColumns("picture", "says"))
        assert [sample.label for sample in samples] == ["one", "two"]
        assert samples[1].load()[0].size == (20, 10)
        with pytest.raises(ValueError, match="has no column 'image'"):
            load_samples(name, hub=HubColumns(text="says"))


def make_samples(count: int) -> list[Sample]:
    generator = random.Random(1)
    return [Sample(index, f"{index}.png", "", "x" * generator.randrange(1, 3000), None) for index in range(count)]


class TestChunks:
    @pytest.mark.parametrize("world_size", [1, 2, 5, 64])
    def test_are_whole_and_balanced_by_length(self, world_size: int) -> None:
        samples = make_samples(200)
        chunks = chunk(samples, world_size)
        assert sorted(sample.index for part in chunks for sample in part) == list(range(200))
        loads = [sum(map(cost, part)) for part in chunks]
        assert max(loads) - min(loads) <= max(map(cost, samples))

    def test_do_not_depend_on_the_order_of_samples(self) -> None:
        samples = make_samples(50)
        assert chunk(samples, 3) == chunk(samples[::-1], 3)

    def test_batches_hold_every_sample_once(self) -> None:
        samples = make_samples(50)
        parts = list(batches(samples, 4))
        assert sorted(sample.index for part in parts for sample in part) == list(range(50))
        assert all(len(part) <= 4 for part in parts)

    @pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
    def test_wrong_chunks_are_refused(self, rank: int, world_size: int) -> None:
        with pytest.raises(ValueError, match="chunk"):
            Shard(rank, world_size)


class TestRun:
    @pytest.fixture
    def samples(self, tmp_path: Path) -> list[Sample]:
        return load_samples(
            str(make_folder(tmp_path / "gt", [f"number {number}" * number for number in range(1, 10)]))
        )

    def test_processes_give_what_one_gives(self, samples: list[Sample], tmp_path: Path) -> None:
        run(EchoEngine, samples, tmp_path / "one", batch_size=4)
        for rank in (1, 0, 2):
            run(EchoEngine, samples, tmp_path / "three", shard=Shard(rank, 3), batch_size=2)
        assert collect(tmp_path / "one", samples) is not None
        assert collect(tmp_path / "three", samples) is not None
        merged = [(tmp_path / name / "results.json").read_bytes() for name in ("one", "three")]
        assert merged[0] == merged[1]

    def test_goes_on_where_it_stopped_with_any_number_of_processes(
        self, samples: list[Sample], tmp_path: Path
    ) -> None:
        run(EchoEngine, samples, tmp_path, shard=Shard(0, 2))
        assert collect(tmp_path, samples) is None
        assert run(EchoEngine, samples, tmp_path) == len(samples) - len(chunk(samples, 2)[0])
        assert run(EchoEngine, samples, tmp_path) == 0
        assert len(collect(tmp_path, samples) or []) == len(samples)

    @pytest.mark.parametrize("torn", [b'{"image": "x", "answ', b'{"index": 3}', b"\xff\xfe", b"\n", b"null\n"])
    def test_torn_last_line_is_cut_away(self, samples: list[Sample], tmp_path: Path, torn: bytes) -> None:
        run(EchoEngine, samples, tmp_path / "whole")
        (tmp_path / "torn").mkdir()
        whole = part_path(tmp_path / "whole", 0, 1).read_bytes().splitlines(keepends=True)
        part_path(tmp_path / "torn", 0, 1).write_bytes(b"".join(whole[:3]) + torn)
        assert len(read_parts(tmp_path / "torn")) == 3
        assert run(EchoEngine, samples, tmp_path / "torn") == len(samples) - 3
        for name in ("whole", "torn"):
            collect(tmp_path / name, samples)
        assert (tmp_path / "whole" / "results.json").read_bytes() == (tmp_path / "torn" / "results.json").read_bytes()

    def test_what_fails_is_a_result_and_the_rest_goes_on(self, tmp_path: Path) -> None:
        folder = make_folder(tmp_path / "gt", ["good", "fail", "also good"])
        (folder / "page3.png").write_bytes(b"no picture")
        samples = load_samples(str(folder))
        run(EchoEngine, samples, tmp_path, batch_size=3)
        results = collect(tmp_path, samples)
        assert results is not None
        assert [result.answer for result in results] == ["ood", "", ""]
        assert results[1].error == "RuntimeError: the model fell over badly"
        assert "page3.png" in results[2].error
        assert score(results).num_errors == 2

    def test_other_ground_truth_is_refused(self, samples: list[Sample], tmp_path: Path) -> None:
        run(EchoEngine, samples, tmp_path)
        other = [Sample(one.index, one.image, "", "other", one.source) for one in samples]
        with pytest.raises(ValueError, match="other ground truth"):
            collect(tmp_path, other)

    def test_a_replaced_picture_is_read_again_and_the_others_are_not(
        self, samples: list[Sample], tmp_path: Path
    ) -> None:
        assert run(EchoEngine, samples, tmp_path) == len(samples)
        assert isinstance(samples[2].source, Path)
        Image.new("RGB", (21, 10), "red").save(samples[2].source)
        samples[5].source.touch()  # the same content is the same picture, whatever its date
        assert collect(tmp_path, samples) is None
        assert run(EchoEngine, samples, tmp_path) == 1
        (current,) = [one for one in collect(tmp_path, samples) or [] if one.index == 2]
        assert current.picture == samples[2].digest() != read_parts(tmp_path)[2].picture
        samples[4].source.unlink()
        assert run(EchoEngine, samples, tmp_path) == 1
        (gone,) = [one for one in collect(tmp_path, samples) or [] if one.index == 4]
        assert gone.error and run(EchoEngine, samples, tmp_path) == 0

    def test_a_second_writer_is_refused(self, samples: list[Sample], tmp_path: Path) -> None:
        with (
            ResultWriter(part_path(tmp_path, 0, 1)),
            pytest.raises(ValueError, match="by another process: wait"),
        ):
            run(EchoEngine, samples, tmp_path)
        assert run(EchoEngine, samples, tmp_path) == len(samples)

    def test_a_full_disk_names_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(handle: int) -> None:
            raise OSError(28, "No space left on device")

        with ResultWriter(part_path(tmp_path, 0, 1)) as writer:
            monkeypatch.setattr("os.fsync", fail)
            with pytest.raises(OSError, match=r"No space left on device: '.*results\.part-00000-of-00001\.jsonl'"):
                writer.write([Result("a", "", "x", "y", 0)])

    def test_lone_surrogates_are_kept(self, tmp_path: Path) -> None:
        with ResultWriter(part_path(tmp_path, 0, 1)) as writer:
            writer.write([Result("a", "", "x", "\ud800 <b>", 0), Result("b", "", "ü", "ü", 1)])
        assert read_parts(tmp_path)[0].answer == "\ud800 <b>"
        write_merged(tmp_path, read_parts(tmp_path).values())
        assert load_results([str(tmp_path)])[0].answer == "\ud800 <b>"


class TestIdentity:
    def test_weights_are_known_by_content(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes(b"1")
        (tmp_path / "config.json").write_text("{}")
        before = identify_checkpoint(str(tmp_path))
        (tmp_path / "README.md").write_text("a note")
        assert identify_checkpoint(str(tmp_path)) == before
        (tmp_path / "model.safetensors").write_bytes(b"2")
        assert identify_checkpoint(str(tmp_path)) != before
        (tmp_path / "model.safetensors").write_bytes(b"1")
        assert identify_checkpoint(str(tmp_path)) == before
        assert identify_checkpoint("owner/no-such-model") == ""


class TestPrompt:
    @pytest.mark.parametrize("engine", ["tesseract", "rapidocr"])
    def test_engines_that_are_asked_nothing_say_so(self, engine: str) -> None:
        with pytest.raises(ValueError, match=f"the engine {engine} is asked nothing: leave the prompt out"):
            make_engine(engine, EngineOptions(prompt="Read the total"))

    def test_got_is_asked_in_the_users_words(self, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[Any] = []

        def read(self: Any, pages: Any, modes: Any = None) -> list[Any]:
            asked.extend(modes if isinstance(modes, list) else [modes])
            return [SimpleNamespace(text="", finish_reason="stop", mean_probability=1.0, error="") for _ in pages]

        monkeypatch.setattr("got_ocr.reading.reader.Reader.read", read)
        engine = make_engine("got", EngineOptions(model=str(tiny_checkpoint), device="cpu", prompt="Read the total"))
        picture = Image.new("RGB", (20, 10))
        one, two = Sample(0, "a", "", "", None), Sample(1, "b", "", "", None)
        engine.read([one, two], [[picture], [picture, picture]])
        assert [mode.instruction for mode in asked] == ["Read the total"] * 2 and asked[1].multi_page


class TestResultFiles:
    def test_published_parts_are_merged_by_pattern(self, tmp_path: Path) -> None:
        records = [{"image": f"{n}", "question": "q", "label": f"text {n}", "answer": f"text {n}"} for n in range(5)]
        (tmp_path / "results_0.json").write_text(json.dumps(records[3:]))
        (tmp_path / "results_1.json").write_text(json.dumps(records[:3]))
        (tmp_path / "results_final.json").write_text(json.dumps(records))  # the merged file is not counted twice
        assert len(load_results([str(tmp_path / "results_*.json")])) == 5
        assert len(load_results([str(tmp_path)])) == 5
        assert load_results([str(tmp_path / "results_final.json")]) == load_results([str(tmp_path / "results_*.json")])

    def test_figures_do_not_depend_on_the_order(self) -> None:
        generator = random.Random(2)
        results = [
            Result(f"{n}", "", "".join(generator.choices("ab cd", k=30)), "".join(generator.choices("ab cd", k=30)))
            for n in range(40)
        ]
        shuffled = results[:]
        generator.shuffle(shuffled)
        assert score(results).summary == score(shuffled).summary
        assert score(results, workers=2).summary == score(results).summary

    @pytest.mark.parametrize("content", ["[1]", '[{"image": "a"}]', "nonsense", '"text"'])
    def test_other_files_are_refused(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "r.json").write_text(content)
        with pytest.raises(ValueError, match=r"r\.json"):
            load_results([str(tmp_path / "r.json")])

    def test_nothing_found(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="no result file"):
            load_results([str(tmp_path / "*.json")])


class TestStatistics:
    def test_interval_of_a_mean_is_the_normal_one(self) -> None:
        values = np.random.default_rng(0).normal(0.5, 0.1, size=(1, 400))
        (interval,) = statistics.bootstrap(values, np.ones_like(values))
        error = values.std() / math.sqrt(400)
        assert interval.value == pytest.approx(values.mean())
        assert interval.low == pytest.approx(values.mean() - 1.96 * error, abs=error / 5)
        assert interval.high == pytest.approx(values.mean() + 1.96 * error, abs=error / 5)

    def test_interval_of_three_samples_is_that_of_all_resamples(self) -> None:
        values = [0.0, 0.3, 0.9]
        means = sorted(sum(draw) / 3 for draw in itertools.product(values, repeat=3))
        (interval,) = statistics.bootstrap(np.array([values]), np.ones((1, 3)), confidence=0.8, resamples=20_000)
        assert interval.low == pytest.approx(np.percentile(means, 10), abs=1e-9)
        assert interval.high == pytest.approx(np.percentile(means, 90), abs=1e-9)

    def test_permutation_test_is_that_of_all_permutations(self) -> None:
        first = np.array([[0.1, 0.4, 0.3, 0.2, 0.6, 0.1, 0.8, 0.2]])
        second = np.array([[0.2, 0.3, 0.5, 0.4, 0.9, 0.1, 0.9, 0.5]])
        ones = np.ones_like(first)
        differences = (second - first)[0]
        observed = abs(differences.mean())
        every = [abs(np.mean(differences * signs)) for signs in itertools.product((1, -1), repeat=8)]
        exact = sum(value >= observed - 1e-12 for value in every) / len(every)
        (comparison,) = statistics.compare((first, ones), (second, ones), resamples=20_000)
        assert comparison.p_value == pytest.approx(exact, abs=0.01)
        assert comparison.difference == pytest.approx(differences.mean())

    def test_holm_by_hand(self) -> None:
        assert statistics.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])

    def test_two_systems_on_shared_samples(self) -> None:
        truths = [f"some words of page {number}" for number in range(40)]
        good = [Result(f"{n}.png", "OCR:", text, text) for n, text in enumerate(truths)]
        bad = [Result(f"{n}.png", "read", text, text.replace("s", "5")) for n, text in enumerate(truths[:30])]
        compared = compare_results(good, bad)
        assert compared["edit_distance"].count == 30
        assert compared["edit_distance"].first == 0 < compared["edit_distance"].low
        assert compared["edit_distance"].p_adjusted < 0.05
        same = compare_results(good, good)
        assert same["cer"].p_value == 1
        with pytest.raises(ValueError, match="no sample in common"):
            compare_results(good, [Result("other", "", "x", "y")])


def test_boxes_are_joined_to_lines() -> None:
    def box(x: float, y: float) -> list[tuple[float, float]]:
        return [(x, y), (x + 10, y), (x + 10, y + 10), (x, y + 10)]

    assert join_boxes([box(50, 21), box(0, 0), box(0, 20), box(20, 2)], ["d", "a", "c", "b"]) == "a b\nc d"
    assert join_boxes([], []) == ""
