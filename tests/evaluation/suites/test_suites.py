"""Public benchmarks from their folder to figures: read by the built-in model, and damaged folders."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

pytest.importorskip("fuzzysearch", reason="a package of the extra eval")
pytest.importorskip("bs4", reason="a package of the extra eval")
from got_ocr.cli import exit_codes, main
from got_ocr.evaluation.suites import SUITES, open_suite
from got_ocr.evaluation.suites.omnidocbench import PageTruth, score_page
from got_ocr.evaluation.suites.report import mean_of_groups

LINES = ("The ferry leaves the harbour at noon", "and comes back before the evening")


def draw_page(*lines: str) -> Image.Image:
    picture = Image.new("RGB", (900, 400), "white")
    font = ImageFont.load_default(34)
    for number, line in enumerate(lines):
        ImageDraw.Draw(picture).text((60, 60 + 60 * number), line, fill="black", font=font)
    return picture


@pytest.fixture
def olmocr_data(tmp_path: Path) -> Path:
    folder = tmp_path / "bench" / "bench_data"
    (folder / "pdfs" / "old").mkdir(parents=True)
    first, second = draw_page(*LINES), draw_page("A table of nothing")
    first.save(folder / "pdfs" / "old" / "a.pdf", save_all=True, append_images=[second], resolution=150)
    second.save(folder / "pdfs" / "b.pdf", resolution=150)
    tests: dict[str, list[dict[str, Any]]] = {
        "old_scans": [
            {"id": "1", "pdf": "old/a.pdf", "page": 1, "type": "present", "text": "ferry leaves", "max_diffs": 2},
            {"id": "2", "pdf": "old/a.pdf", "page": 1, "type": "order", "before": "noon", "after": "evening"},
            {"id": "3", "pdf": "old/a.pdf", "page": 2, "type": "absent", "text": "harbour", "max_diffs": 1},
        ],
        "table_tests": [{"id": "4", "pdf": "b.pdf", "page": 1, "type": "table", "cell": "nothing"}],
    }
    for name, lines in tests.items():
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    return folder.parent


def test_olmocr_bench_is_read_and_scored(
    olmocr_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["eval", "--suite", "olmocr-bench", "--data", str(olmocr_data), "--output", str(tmp_path / "run")]
    assert main([*run, "--model", "nano"]) == exit_codes.OK
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / "run" / "suite.json").read_text())
    figures = {figure["name"]: figure["value"] for figure in report["figures"]}
    assert figures == {
        "overall": pytest.approx(200 / 3), "baseline": 100.0, "old_scans": 100.0, "table_tests": 0.0
    }  # fmt: skip
    assert [(failure["what"], failure["reason"]) for failure in report["failures"]] == [("4", "no table")]
    assert "66.7" in printed and "What failed" not in printed
    answers = tmp_path / "run" / "answers"
    assert {str(path.relative_to(answers)) for path in answers.rglob("*.md")} == {
        "old/a_pg1_repeat1.md", "old/a_pg2_repeat1.md", "b_pg1_repeat1.md"
    }  # fmt: skip
    yaml = pytest.importorskip("yaml")
    entries = yaml.safe_load((tmp_path / "run" / "eval_results.yaml").read_text())
    assert entries[0] == {"dataset": {"id": "allenai/olmOCR-bench", "task_id": "overall"}, "value": 66.6667}
    from got_ocr.hub.repository import read_results

    assert len(read_results(tmp_path / "run" / "eval_results.yaml")) == len(entries)


class FakeHub:
    """Takes a file as a pull request, or refuses as a Hub without a login does."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.pushed: list[dict[str, Any]] = []

    def __call__(self) -> "FakeHub":
        return self

    def upload_file(self, **options: Any) -> Any:
        if self.error is not None:
            raise self.error
        self.pushed.append({**options, "text": Path(options["path_or_fileobj"]).read_text("utf-8")})
        return SimpleNamespace(pr_url=f"https://hub/{options['repo_id']}/discussions/7")


def test_results_are_proposed_to_a_model_on_the_hub(
    olmocr_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    run = ["eval", "--suite", "olmocr-bench", "--data", str(olmocr_data), "--output", str(folder), "--model", "nano"]
    hub = FakeHub()
    monkeypatch.setattr("huggingface_hub.HfApi", hub)
    assert main([*run, "--push-results", "me/my-got"]) == exit_codes.OK
    (pushed,) = hub.pushed
    assert (pushed["repo_id"], pushed["create_pr"]) == ("me/my-got", True)
    assert pushed["path_in_repo"] == ".eval_results/olmocr-bench.yaml"
    assert pushed["text"] == (folder / "eval_results.yaml").read_text("utf-8")
    assert "https://hub/me/my-got/discussions/7" in capsys.readouterr().out
    # What the Hub does not take is said, with the way on; nothing is read again.
    monkeypatch.setattr("huggingface_hub.HfApi", FakeHub(ConnectionError("no route")))
    assert main([*run, "--push-results", "me/my-got"]) == exit_codes.OUTPUT_FAILED
    said = capsys.readouterr().err
    assert "the Hub did not take it: no route" in said and str(folder / "eval_results.yaml") in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--push-results", "me/my-got"], "--push-results goes with --suite"),
        (["--suite", "omnidocbench", "--push-results", "mine"], "a repository is named owner/name"),
    ],
)
def test_what_can_not_be_pushed_is_refused_before_anything_is_read(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["eval", "--data", str(tmp_path / "nothing"), "--output", str(tmp_path / "run"), *options])
    assert code == exit_codes.WRONG_USAGE and said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_pages_that_were_not_read_fail_their_tests(olmocr_data: Path) -> None:
    suite = open_suite("olmocr-bench", str(olmocr_data))
    report = suite.score({"b.pdf#1": "<table><tr><td>nothing</td></tr></table>"})
    assert {figure.name: figure.value for figure in report.figures}["table_tests"] == 100
    assert [failure.reason for failure in report.failures if failure.place == "old/a.pdf#1"] == ["not read"] * 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "1"', "old_scans.jsonl, line 2 is no JSON"),
        ("[]", "line 2 must be an object, got list."),
        ('{"id": "1", "pdf": "old/a.pdf", "page": 1, "type": "baseline"}', "there is a test '1' already."),
        ('{"id": "9", "pdf": "no.pdf", "page": 1, "type": "baseline"}', "line 2: there is no "),
    ],
)
def test_damaged_tests(olmocr_data: Path, line: str, message: str) -> None:
    path = olmocr_data / "bench_data" / "old_scans.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n" + line + "\n")
    with pytest.raises(ValueError, match=r"old_scans\.jsonl, line 2") as caught:
        open_suite("olmocr-bench", str(olmocr_data))
    assert message in str(caught.value)


@pytest.mark.parametrize("name", SUITES)
def test_no_data(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["eval", "--suite", name, "--data", str(tmp_path), "--output", str(tmp_path / "run")]
    assert main(arguments) != exit_codes.OK
    assert "hf download" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("extra", "message"),
    [(["--task", "box"], "--task plain or format, got box"), (["--limit", "3"], "leave out --limit")],
)
def test_options_that_do_not_fit(
    extra: list[str], message: str, olmocr_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["eval", "--suite", "olmocr-bench", "--data", str(olmocr_data), "--output", str(tmp_path / "run")]
    assert main([*arguments, *extra]) == exit_codes.WRONG_USAGE
    assert message in capsys.readouterr().err


# ---- OmniDocBench

TABLE = "<table><tr><td>a</td><td>b</td></tr></table>"


def write_omnidocbench(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    draw_page(*LINES).save(folder / "images" / "p.png")
    blocks = [
        {"category_type": "text_block", "order": 2, "text": LINES[1]},
        {"category_type": "text_block", "order": 1, "text": LINES[0]},
        {"category_type": "page_number", "order": 3, "text": "17"},
        {"category_type": "text_block", "order": 4, "text": "left out", "ignore": True},
    ]
    (folder / "OmniDocBench.json").write_text(
        json.dumps([{"layout_dets": blocks, "page_info": {"image_path": "p.png"}}])
    )


def test_omnidocbench_is_read_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_omnidocbench(tmp_path / "data")
    run = ["eval", "--suite", "omnidocbench", "--data", str(tmp_path / "data"), "--output", str(tmp_path / "run")]
    assert main([*run, "--model", "nano"]) == exit_codes.OK
    figures = {
        figure["name"]: figure["value"]
        for figure in json.loads((tmp_path / "run" / "suite.json").read_text())["figures"]
    }
    assert figures["text_block"] < 0.1 and figures["overall"] > 90
    assert (tmp_path / "run" / "answers" / "p.md").read_text().strip()
    assert "text_block" in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer",
    [
        "One two.\n\n$$\n\\frac{a}{b}\n$$\n\n| a | b |\n|---|---|\n\nThree $x$ four.",
        f"One two.\n\n\\[ \\frac ab \\]\n\n{TABLE}\n\nThree x four.",
        "One two.\n\n\\[\\dfrac{a}{b}\\]\n\n\\begin{tabular}{ll}\na & b \\\\\n\\end{tabular}\n\nThree x four.",
    ],
)
def test_any_flavour_of_markdown(answer: str) -> None:
    page = PageTruth("p.png", ["One two.", "Three x four."], [TABLE], [r"\frac{a}{b}"])
    figures = score_page(page, answer)
    assert figures["table"] == 1 or "| a |" in answer
    assert figures["display_formula"] == 1
    assert figures["reading_order"] == 0
    assert figures["text_block"] < 0.05 or "| a |" in answer


def test_an_empty_answer_scores_nothing() -> None:
    page = PageTruth("p.png", ["One two.", "Three four."], [TABLE], ["x"])
    assert score_page(page, "") == {"text_block": 1, "reading_order": 1, "table": 0, "display_formula": 0}


def test_groups_weigh_the_same() -> None:
    overall, *groups = mean_of_groups({"a": [100.0] * 99 + [0.0], "b": [0.0], "c": []})
    assert (overall.name, overall.value, overall.count) == ("overall", 49.5, 101)
    assert [(group.name, group.value) for group in groups] == [("a", 99), ("b", 0)]
    assert overall.low < overall.value < overall.high


def test_real_pictures_become_samples_of_both_suites(tmp_path: Path) -> None:
    """A page, a table and a formula with their truths; an answer that is the truth passes every test."""
    from got_ocr.evaluation.benchmarks import real_samples

    folder = tmp_path / "pictures" / "mine"
    folder.mkdir(parents=True)
    for name in ("page", "grid", "sum", "unknown"):
        draw_page(name).save(folder / f"{name}.png")
    lines = [word * 3 + " stands on a line of its own" for word in ("ferry ", "harbour ", "lantern ", "quay ")]
    table = (
        "<table><tr><td colspan='2'>wide</td></tr><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>"
    )
    (folder / "page.gt.txt").write_text("\n".join(lines))
    (folder / "grid.html").write_text(table)
    (folder / "sum.tex").write_text(r"\frac{a}{b} + c")
    assert real_samples.main([str(tmp_path / "pictures"), "--output", str(tmp_path / "out")]) == 0
    truths = {"page": "\n\n".join(lines), "grid": table, "sum": r"$$\frac{a}{b} + c$$"}

    bench = open_suite("olmocr-bench", str(tmp_path / "out" / "olmocr-bench"))
    answers = {sample.image: truths[sample.image.split("-")[1].split(".")[0]] for sample in bench.samples}
    figures = {figure.name: (figure.value, figure.count) for figure in bench.score(answers).figures}
    # Of the table four cells have two neighbours that span nothing; of the page four lines and three pairs.
    assert figures == {
        "overall": (100.0, 15), "baseline": (100.0, 3), "formula": (100.0, 1), "table": (100.0, 4), "text": (100.0, 7)
    }  # fmt: skip
    swapped = {**answers, "real/mine-page.pdf#1": "\n\n".join(reversed(lines))}
    assert {figure.name: figure.value for figure in bench.score(swapped).figures}["text"] == pytest.approx(400 / 7)

    omni = open_suite("omnidocbench", str(tmp_path / "out" / "omnidocbench"))
    assert sorted(sample.image for sample in omni.samples) == ["mine-grid.png", "mine-page.png", "mine-sum.png"]
    answers = {sample.image: truths[sample.image.split("-")[1].split(".")[0]] for sample in omni.samples}
    assert omni.score(answers).figures[0].value == pytest.approx(100.0)
