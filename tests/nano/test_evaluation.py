"""The evaluation of the built-in checkpoint: what it draws, counts, keeps and reports."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from got_ocr.evaluation.hallucination import find_invented, find_loops, least_edits
from got_ocr.nano.card import card_tables, write_plots
from got_ocr.nano.config import NanoTrainingConfig
from got_ocr.nano.evaluate import load_results, model_folder
from got_ocr.nano.materials import Materials, freeze_corpus
from got_ocr.nano.pictures import Question, blank_paper, non_text
from got_ocr.nano.regions import draw_region
from got_ocr.nano.report import page_errors, score, summarise
from got_ocr.nano.run import Answer, Job, _run_tier, answers_file, ask, load_answers, picture_sum
from got_ocr.nano.tiers import TIERS, Tier, find_tiers
from got_ocr.nano.worst_answers import differences, kind_of_mistake, write_worst
from got_ocr.slices.region import cut_region
from got_ocr.synthesis.pages.drawing import draw_page
from tests.support.packaged_fonts import PackagedMaterials, packaged_config, write_corpus

CONFIG = Path(__file__).parents[2] / "configuration" / "training" / "nano.yaml"
PAGES = ["one fine day in May the sun", "came up over seven quiet hills", "and nobody was there to see it"]


def tier_of(key: str) -> Tier:
    return find_tiers([key])[0]


def answer_to(texts: list[str], answer: str, **fields: Any) -> Answer:
    return Answer(0, 1, texts, answer, **fields)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "corpus.txt")


@pytest.fixture(scope="module")
def config() -> NanoTrainingConfig:
    return packaged_config(NanoTrainingConfig.read(CONFIG))


@pytest.fixture(scope="module")
def materials(corpus: Path, config: NanoTrainingConfig) -> Materials:
    return PackagedMaterials(config, corpus)


class TestInvented:
    def test_a_loop_counts_unless_it_is_printed(self) -> None:
        loop = "so it goes " * 4
        assert [run.strip() for run in find_loops("so it goes on", "and " + loop)] == [loop.strip()]
        assert find_loops("Contents " + "." * 40 + " 7", "Contents " + "." * 40 + " 7") == []
        assert find_loops("", "hahaha ha") == []

    def test_least_edits_finds_the_piece_that_is_most_like_the_word(self) -> None:
        codes = np.array([ord(character) for character in "thequickbrownfox"])
        assert [least_edits(codes, word) for word in ("quick", "qulck", "brwn", "zzz")] == [0, 1, 1, 3]

    def test_misread_joined_and_parted_words_are_not_invented_but_strange_ones_are(self) -> None:
        found = find_invented("The quick brown fox, it's said", "Tne qulck brownfox elephant it's said quic k")
        assert found.invented == ("elephant",)
        assert found.words == 6  # all but `Tne`, which is too short

    def test_every_word_on_an_empty_picture_is_invented(self) -> None:
        assert find_invented("", "hello there, you").invented == ("hello", "there")


class TestScores:
    def test_pages_in_order_with_few_errors_count(self) -> None:
        assert page_errors(PAGES, "\n".join(PAGES)) == [0, 0, 0]
        assert page_errors(PAGES, " ".join(PAGES).replace("seven", "sevcn")) == [0, 1, 0]
        scored = score(tier_of("multi-page"), answer_to(PAGES, "\n\n".join(PAGES)))
        assert scored.passed and scored.pages_read == 3

    @pytest.mark.parametrize("order", [(1, 0, 2), (0, 2), (0, 1, 1, 2)])
    def test_swapped_missing_and_doubled_pages_fail_a_document(self, order: tuple[int, ...]) -> None:
        scored = score(tier_of("multi-page"), answer_to(PAGES, "\n".join(PAGES[number] for number in order)))
        assert not scored.passed and scored.pages_read < 3

    def test_what_follows_the_last_page_is_its_own_error(self) -> None:
        assert page_errors(PAGES, "\n".join(PAGES) + " now") == [0, 0, 4]

    def test_a_region_passes_up_to_five_per_cent_and_fails_with_its_neighbours_text(self) -> None:
        text = "forty characters of text are in this box"
        tier = tier_of("box")
        assert score(tier, answer_to([text], text.replace("box", "bax").replace("text", "tcxt"))).passed
        assert not score(tier, answer_to([text], text + " and")).passed

    def test_figures_of_a_silent_tier_have_no_error_rate(self) -> None:
        tier = tier_of("blank")
        answers = [answer_to([""], ""), answer_to([""], "a b")]
        figures = summarise(tier, "nano", [score(tier, one) for one in answers])
        assert figures.error is None
        assert (figures.silent, figures.answer_characters) == (0.5, 1.0)
        assert figures.as_json()["cut_slices"] is None

    def test_limits_loops_and_refusals_are_counted(self) -> None:
        tier = tier_of("lines")
        answers = [
            answer_to(["abc"], "abc", slices=3),
            answer_to(["abc"], "ab", reason="length", slices=1, cut_slices=1),
            answer_to(["abc"], "ab", reason="repetition"),
            answer_to(["abc"], "", reason="error", error="no frame"),
        ]
        figures = summarise(tier, "nano", [score(tier, one) for one in answers])
        assert (figures.unfinished, figures.looping, figures.failed, figures.cut_slices) == (0.25, 0.25, 1, 0.25)
        assert figures.error is not None and figures.error.value == pytest.approx(5 / 12)


class TestMistakes:
    def test_differences_stand_with_what_is_around_them(self) -> None:
        assert differences("the quick fox", "the quack fox") == ["the qu[-i-]{+a+}ck fox"]

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [
            ("\n".join(PAGES), "none"),
            ("\n".join([PAGES[1], PAGES[0], PAGES[2]]), "order"),
            (PAGES[0] + "\n" + PAGES[2], "missing"),
            ("\n".join([*PAGES, "something else entirely, not there"]), "invented"),
            ("\n".join(PAGES).replace("e", "c"), "letters"),
        ],
    )
    def test_the_kind_that_makes_most_errors_is_named(self, answer: str, kind: str) -> None:
        assert kind_of_mistake("\n".join(PAGES), answer) == kind


class TestPictures:
    @pytest.mark.parametrize("key", ["lines", "paragraphs-degraded", "lines-worn", "canvas", "pages", "box", "colour"])
    def test_a_picture_depends_on_its_tier_and_number_alone(
        self, key: str, corpus: Path, config: NanoTrainingConfig
    ) -> None:
        tier = tier_of(key)
        sums = []
        for numbers in ([4], [2, 4]):
            fresh = PackagedMaterials(config, corpus)
            sums.append([picture_sum(tier.question(fresh, number)) for number in numbers])
        assert sums[0][0] == sums[1][1] != sums[1][0]

    def test_unseen_fonts_are_those_that_training_holds_out(self, materials: Materials) -> None:
        held_out, known = set(materials.config.held_out_families), set(materials.config.families)
        for number in range(8):
            assert tier_of("paragraphs-unseen").question(materials, number).facts["family"] in held_out
            facts = tier_of("lines").question(materials, number).facts
            assert facts["family"] in known and 16 <= facts["size_px"] <= 32

    def test_text_is_held_out_of_training(self, materials: Materials) -> None:
        trained = " ".join(set(materials.corpus.read_text().splitlines()) - set(materials.known.corpus.paragraphs))
        words = tier_of("paragraphs").question(materials, 0).texts[0].split()
        assert " ".join(words[3:12]) not in trained

    def test_documents_have_two_to_eight_pages(self, materials: Materials) -> None:
        question = tier_of("multi-page").question(materials, 0)
        assert len(question.pages) == len(question.texts) == 2 and all(question.texts)

    @pytest.mark.parametrize("color", ["", "red"])
    def test_a_region_holds_its_lines_and_no_others(self, color: str, materials: Materials) -> None:
        for seed in range(6):
            rng = np.random.default_rng(seed)
            page = draw_page(rng, materials.known, dpi=100.0, max_characters=900)
            region = draw_region(rng, page, color)
            x1, y1, x2, y2 = region.box
            inside = [
                line.text
                for block in page.blocks
                for line in block.lines
                if x1 < (line.box[0] + line.box[2]) / 2 < x2 and y1 < (line.box[1] + line.box[3]) / 2 < y2
            ]
            assert "\n".join(inside) == region.text
            if color:
                cut = cut_region(region.image, color=color)
                assert cut.size == (x2 - x1, y2 - y1)

    def test_empty_paper_and_other_things_are_drawn_alike_from_equal_seeds(self) -> None:
        for draw in (blank_paper, non_text):
            first, second = (draw(np.random.default_rng(3)) for _ in range(2))
            assert first[0].mode == "RGB" and first[0].tobytes() == second[0].tobytes() and first[1] == second[1]

    def test_unknown_tiers_are_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match="there is no tier line: choose of lines, paragraphs"):
            find_tiers(["line"])

    def test_the_corpus_keeps_only_what_the_checkpoint_can_write(self, tmp_path: Path) -> None:
        (tmp_path / "all.txt").write_text("plain text\nβeta text", encoding="utf-8")
        freeze_corpus(tmp_path / "all.txt", tmp_path / "some.txt", frozenset("abcdefghijklmnopqrstuvwxyz "))
        assert (tmp_path / "some.txt").read_text() == "plain text"

    def test_scans_are_found_with_their_texts_or_missed_clearly(self, tmp_path: Path, materials: Materials) -> None:
        scans = Materials(materials.config, materials.corpus, tmp_path)
        with pytest.raises(ValueError, match=r"holds no pictures with texts: name a folder of NAME\.png"):
            _ = scans.scans
        Image.new("L", (90, 20), 255).save(tmp_path / "a.bin.png")
        (tmp_path / "a.gt.txt").write_text("a line\n")
        question = tier_of("uw3").question(Materials(materials.config, materials.corpus, tmp_path), 0)
        assert question.texts == ("a line",) and question.pages[0].mode == "RGB"


class CountingReader:
    """Reads what it is told to, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def read(self, tier: Tier, question: Question) -> dict[str, Any]:
        self.count += 1
        return {"answer": question.texts[0], "cpu_s": 0.5}


class TestRuns:
    def run(self, folder: Path, materials: Materials, reader: CountingReader, count: int) -> None:
        def work(tasks: Any) -> Iterator[dict[str, Answer]]:
            for key, number, known in tasks:
                yield ask(tier_of(key), materials, {"nano-1": reader}, number, known)

        job = Job(Path("-"), CONFIG, materials.corpus, {"nano": "nano-1"})
        _run_tier(job, tier_of("lines"), count, folder, work)

    def test_a_killed_run_goes_on_where_it_was(self, tmp_path: Path, materials: Materials) -> None:
        reader = CountingReader()
        self.run(tmp_path, materials, reader, 4)
        path = answers_file(tmp_path, "nano-1", tier_of("lines"))
        path.write_text(path.read_text()[:-25])  # the last answer is cut
        self.run(tmp_path, materials, reader, 6)
        assert reader.count == 4 + 1 + 2
        assert sorted(load_answers(path)) == [0, 1, 2, 3, 4, 5]
        self.run(tmp_path, materials, reader, 6)
        assert reader.count == 7

    def test_pictures_that_are_drawn_otherwise_now_are_read_anew(self, tmp_path: Path, materials: Materials) -> None:
        reader = CountingReader()
        self.run(tmp_path, materials, reader, 3)
        path = answers_file(tmp_path, "nano-1", tier_of("lines"))
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps({**line, "picture": 7}) + "\n" for line in lines))
        self.run(tmp_path, materials, reader, 3)
        assert reader.count >= 6
        assert all(answer.picture != 7 for answer in load_answers(path).values())

    def test_answers_of_another_checkpoint_lie_elsewhere(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"has no config\.json: name the folder of a nano checkpoint"):
            model_folder(tmp_path)
        for name in ("config.json", "model.safetensors", "qwen.tiktoken", "generation_config.json"):
            (tmp_path / name).write_text("1")
        before = model_folder(tmp_path)
        (tmp_path / "model.safetensors").write_text("2")
        assert before.startswith("nano-") and model_folder(tmp_path) != before

    def test_pictures_without_text_alone_have_no_plot(self, tmp_path: Path, materials: Materials) -> None:
        tier = tier_of("blank")
        path = answers_file(tmp_path, "nano", tier)
        path.parent.mkdir()
        entry = {"number": 0, "picture": picture_sum(tier.question(materials, 0)), "texts": [""], "answer": "I"}
        path.write_text(json.dumps({**entry, "facts": {}, "cpu_s": 0.25}) + "\n")
        _, scored = load_results(tmp_path, {"nano": "nano"}, [tier], {"blank": 1})
        assert write_plots(tmp_path, scored, frozenset()) == []

    def test_reports_tables_plots_and_worst_answers(self, tmp_path: Path, materials: Materials) -> None:
        tier = tier_of("lines")
        for reader, mistake in (("nano", "e"), ("tesseract", "t")):
            path = answers_file(tmp_path, reader, tier)
            path.parent.mkdir()
            with path.open("w") as file:
                for number in range(6):
                    question = tier.question(materials, number)
                    text = question.texts[0]
                    answer = text.replace(mistake, "c", 2) if number else text
                    entry = {"number": number, "picture": picture_sum(question), "texts": [text], "answer": answer}
                    file.write(json.dumps({**entry, "facts": dict(question.facts), "cpu_s": 0.25}) + "\n")
        readers = {"nano": "nano", "tesseract": "tesseract"}
        results, scored = load_results(tmp_path, readers, [tier], {"lines": 6})
        tables = card_tables([tier], results, scored)
        row = next(line for line in tables.splitlines() if line.startswith("| 6 x clean lines"))
        assert "< 0.5 % | < 2 % | 0.25, 0.25 |" in row and "| 17 % |" in row
        files = {path.name: path for path in write_plots(tmp_path, scored, frozenset())}
        assert "error_by_mode.png" in files
        assert all(path.stat().st_size < 60_000 for path in files.values())
        worst = write_worst(tmp_path / "worst", [tier], scored, materials, 2).read_text()
        assert "5 of 6 answers with errors" in worst and "mostly letters" in worst
        assert len(list((tmp_path / "worst").glob("lines-*.png"))) == 2

    def test_answers_to_other_pictures_are_not_compared(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for reader, picture in (("nano", 1), ("tesseract", 2)):
            path = answers_file(tmp_path, reader, tier_of("lines"))
            path.parent.mkdir()
            path.write_text(json.dumps({"number": 0, "picture": picture, "texts": ["a"], "answer": "a"}) + "\n")
        readers = {"nano": "nano", "tesseract": "tesseract"}
        results, _ = load_results(tmp_path, readers, [tier_of("lines")], {"lines": 2})
        assert list(results["lines"]) == ["nano"]
        assert "tesseract answered to other pictures, which are left out" in capsys.readouterr().err


def test_tiers_have_names_of_their_own_and_the_marks_of_the_issue() -> None:
    assert len({tier.key for tier in TIERS}) == len(TIERS)
    marks = {tier.key: (tier.mark, tier.floor) for tier in TIERS if tier.mark}
    assert marks["pages"] == ("< 2 %", "< 6 %") and marks["multi-page"] == ("> 98 %", "> 90 %") and len(marks) == 9
