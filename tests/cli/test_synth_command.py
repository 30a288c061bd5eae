"""`got-ocr synth` as people run it: killed, short of disk, misspelt; alone and with many workers."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from got_ocr.cli import main
from got_ocr.synthesis.kinds import KINDS
from tests.support.fake_kinds import FAKES

REPOSITORY = Path(__file__).resolve().parents[2]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("A paragraph.\n\nAnother one.\n", encoding="utf-8")
    return path


@pytest.fixture
def synth(corpus: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command; gives exit code, standard output and standard error."""
    for name, place in FAKES.items():
        monkeypatch.setitem(KINDS, name, place)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["synth", *map(str, arguments), "--corpus", str(corpus)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def start(*arguments: object, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.support.fake_kinds", "synth", *map(str, arguments)]
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job's children ignore it
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


FORMS = {
    "json": ("--format", "json"),
    "webdataset": ("--format", "webdataset", "--shard-size", "6"),
}


def written(folder: Path) -> int:
    """Samples that a run has written so far; for shards, those of the first kind's first shards."""
    journals = list(folder.glob("*.samples.jsonl"))
    if journals:
        return sum(path.read_bytes().count(b"\n") for path in journals)
    return sum(path.read_bytes().count(b".json\0") for path in folder.glob("*.tar*"))


class TestResuming:
    @pytest.mark.parametrize("form", FORMS)
    def test_a_killed_run_goes_on_to_the_same_bytes(self, form: str, synth: Run, corpus: Path, tmp_path: Path) -> None:
        arguments = ["words+several", "--count", 14, "--seed", 3, *FORMS[form], "--corpus", corpus]
        whole, killed = tmp_path / "whole", tmp_path / "killed"
        assert synth(*arguments[:-2], "--out", whole, "--workers", 1)[0] == 0
        process = start(*arguments, "--out", killed, "--workers", 2, FAKE_SLEEP_S="0.2")
        deadline = time.monotonic() + 120
        while written(killed) < 10 and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert 10 <= written(killed) < 28
        kept = {name: data for name, data in tree(killed).items() if name.endswith((".png", ".tar"))}
        code, _, err = synth(*arguments[:-2], "--out", killed, "--workers", 2)
        assert code == 0, err
        drawn = sum(int(number) for number in re.findall(r": (\d+) drawn", err))
        assert 0 < drawn <= 18
        assert "were there" in err
        assert tree(killed) == tree(whole)
        assert all(tree(killed)[name] == data for name, data in kept.items())

    @pytest.mark.parametrize("form", FORMS)
    def test_a_full_disk_ends_the_run_with_one_line_and_keeps_what_there_is(
        self, form: str, synth: Run, corpus: Path, tmp_path: Path
    ) -> None:
        arguments = ["several", "--count", 18, "--seed", 3, *FORMS[form]]
        whole, full = tmp_path / "whole", tmp_path / "full"
        assert synth(*arguments, "--out", whole)[0] == 0
        limit = "2000" if form == "json" else "12000"
        process = start(*arguments, "--out", full, "--corpus", corpus, "--workers", 1, FAKE_FILE_LIMIT=limit)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 5
        name = "several.samples.jsonl" if form == "json" else "several-000000.tar.partial"
        assert err == f"got-ocr: error: {full / name}: File too large; the same command goes on from here.\n"
        before = written(full)
        assert before > 0
        code, _, err = synth(*arguments, "--out", full)
        assert code == 0
        assert tree(full) == tree(whole)
        if form == "json":
            assert f"several: {18 - before} drawn, {before} were there" in err

    def test_two_runs_do_not_write_into_one_folder(self, synth: Run, corpus: Path, tmp_path: Path) -> None:
        arguments = ["words", "--count", 500, "--out", tmp_path / "out"]
        process = start(*arguments, "--corpus", corpus, "--workers", 1, FAKE_SLEEP_S="0.2")
        try:
            deadline = time.monotonic() + 120
            while written(tmp_path / "out") < 1 and time.monotonic() < deadline:
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            code, _, err = synth(*arguments)
            assert code == 2
            assert (
                err == f"got-ocr: error: another process is writing into {tmp_path / 'out'}: wait for it, or end it\n"
            )
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
            assert process.returncode == 130
            # The first line is left out where a busy machine has no time for it: the command ends all the same.
            assert err.removeprefix("got-ocr: the same command goes on from here.\n") == "got-ocr: interrupted.\n"
        finally:
            process.kill()
            process.communicate()


class TestFailures:
    def test_a_failed_sample_is_named_and_the_others_are_written(self, synth: Run, tmp_path: Path) -> None:
        out = tmp_path / "out"
        code, stdout, err = synth("unlucky+words", "--count", 8, "--seed", 2, "--out", out, "--workers", 2)
        assert code == 1
        assert stdout == f"{out / 'unlucky.json'}\n{out / 'words.json'}\n"
        assert "unlucky number 2 of seed 2 failed: ValueError: no luck (--only 2 draws it alone)\n" in err
        assert "got-ocr: unlucky: 4 drawn, 4 failed (see failures.jsonl)\n" in err
        assert "got-ocr: words: 8 drawn\n" in err
        assert len(json.loads((out / "unlucky.json").read_text())) == 4
        failures = [json.loads(line) for line in (out / "failures.jsonl").read_text().splitlines()]
        assert [failure["number"] for failure in failures] == [2, 3, 4, 7]

    def test_one_sample_is_drawn_alone(self, synth: Run, tmp_path: Path) -> None:
        assert synth("words", "--count", 5, "--seed", 2, "--out", "five")[0] == 0
        assert synth("words", "--only", 3, "--seed", 2, "--out", "one")[0] == 0
        name = "words/000000/000000003.png"
        assert {path for path in tree(tmp_path / "one") if path.endswith(".png")} == {name}
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "five" / name).read_bytes()
        code, _, err = synth("unlucky", "--only", 3, "--seed", 2, "--out", "failed")
        assert code == 3
        assert "unlucky number 3 of seed 2 failed: ValueError: no luck" in err
        assert 'raise ValueError("no luck")' in err

    def test_a_kind_whose_samples_all_fail_is_given_up(self, synth: Run, tmp_path: Path) -> None:
        code, _, err = synth("hopeless+words", "--count", 60, "--out", "out", "--workers", 1)
        assert code == 1
        assert err.count("OSError: there is no ink") == 10
        assert "got-ocr: more samples failed: they are in failures.jsonl\n" in err
        assert "got-ocr: hopeless: given up, the first 20 all failed (see failures.jsonl)\n" in err
        assert "got-ocr: words: 60 drawn\n" in err
        code, _, _ = synth("hopeless", "--count", 4, "--out", "few", "--workers", 1)
        assert code == 3

    def test_what_is_not_installed_is_one_line(self, synth: Run) -> None:
        code, _, err = synth("words+missing", "--count", 4, "--out", "out")
        assert code == 6
        assert err == "got-ocr: error: missing: missing needs the package inkwell: pip install inkwell\n"


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ("cuneiform", "--count", 1, "--out", "x"),
                r"there is no kind 'cuneiform': choose from pages, .*, or all",
            ),
            (("words+words", "--count", 1, "--out", "x"), r"name each kind once, got words\+words"),
            (
                ("words",),
                "nothing to do: give --out DIR for files, --preview FILE.png for a sheet to look at, or both",
            ),
            (("words", "--out", "x"), "--out needs either --count N, samples of each kind, or --only N"),
            (("words", "--out", "x", "--count", 0), "--count must be at least 1, got 0"),
            (("words", "--out", "x", "--count", 1, "--only", 1), "--out needs either --count N"),
            (("words", "--out", "x", "--count", 1, "--seed", -1), "--seed must not be negative, got -1"),
            (("words", "--out", "x", "--count", 1, "--workers", 0), "--workers must be at least 1, got 0"),
            (("words", "--out", "x", "--count", 1, "--font", "no.ttf"), "no.ttf doesn't exist"),
            (("words", "--preview", "sheet.jpg"), "--preview writes a PNG picture: give a name that ends in .png"),
            (("words", "--preview", "no/sheet.png"), "--preview: the folder .*/no doesn't exist"),
            (
                ("words", "--out", "x", "--count", 1, "--degrade", "coffee"),
                "there is no degradation 'coffee': choose from .*, or default",
            ),
        ],
    )
    def test_what_cannot_be_is_one_line(
        self, arguments: tuple[object, ...], message: str, synth: Run, tmp_path: Path
    ) -> None:
        code, stdout, err = synth(*arguments)
        assert (code, stdout) == (2, "")
        assert re.fullmatch(f"got-ocr: error: {message}.*\n", err)
        assert not (tmp_path / "x").exists()

    def test_a_file_in_the_way_is_one_line(self, synth: Run, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("mine")
        code, _, err = synth("words", "--count", 1, "--out", "out")
        assert (code, err) == (
            2,
            "got-ocr: error: out is a file: give a folder that is new, empty, or holds the same run\n",
        )
        assert (tmp_path / "out").read_text() == "mine"

    def test_another_seed_is_refused(self, synth: Run, tmp_path: Path) -> None:
        assert synth("words", "--count", 3, "--seed", 1, "--out", "out")[0] == 0
        before = tree(tmp_path / "out")
        for other, said in (
            (("words", "--seed", 2), "seed was 1, now 2"),
            (("several", "--seed", 1), r'kinds was ["words"], now ["several"]'),
            (("words", "--seed", 1, "--held-out"), "held_out was false, now true"),
            (("words", "--seed", 1, "--format", "webdataset"), 'format was "json", now "webdataset"'),
        ):
            code, _, err = synth(*other, "--count", 3, "--out", "out")
            assert code == 2
            assert err == (f"got-ocr: error: out holds another run: {said}; give the same again, or another folder\n")
        assert tree(tmp_path / "out") == before

    def test_the_number_of_workers_changes_nothing(self, synth: Run, tmp_path: Path) -> None:
        for workers in (1, 3):
            assert synth("words+several", "--count", 9, "--out", f"by{workers}", "--workers", workers)[0] == 0
        assert tree(tmp_path / "by1") == tree(tmp_path / "by3")


class TestPreview:
    def test_a_sheet_is_drawn_without_files(self, synth: Run, tmp_path: Path) -> None:
        code, stdout, err = synth("words+several", "--preview", "sheet.png", "--preview-count", 4, "--seed", 2)
        assert (code, stdout, err) == (0, "sheet.png\n", "")
        with Image.open(tmp_path / "sheet.png") as sheet:
            assert sheet.size[0] == 2000
            pixels = np.asarray(sheet.convert("RGB"))
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50
        assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus.txt", "sheet.png"]

    def test_samples_that_fail_are_named_and_the_others_shown(self, synth: Run, tmp_path: Path) -> None:
        code, stdout, err = synth("unlucky", "--preview", "sheet.png", "--preview-count", 4, "--seed", 2)
        assert (code, stdout) == (1, "sheet.png\n")
        assert "unlucky number 2 of seed 2 failed: ValueError: no luck" in err
        code, stdout, err = synth("hopeless", "--preview", "none.png", "--preview-count", 2)
        assert (code, stdout) == (3, "")
        assert not (tmp_path / "none.png").exists()
