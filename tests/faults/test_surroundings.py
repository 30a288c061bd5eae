"""Surroundings that give nothing: full disks, closed streams, no home, read-only caches, narrow locales."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from got_ocr.cli import exit_codes, main, read
from got_ocr.cli.job import describe_trouble
from tests.support.processes import ROOT, run, start, write_pictures

FULL = "can't be written: File too large."


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "in", 6)
    return tmp_path


def small_disk() -> None:
    """As a disk that is full after 20 kB a file."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


@pytest.mark.parametrize("target", ["out/", "out.jsonl", "out.txt"])
def test_a_full_disk_leaves_what_is_whole(pages: Path, target: str) -> None:
    options = ["in", "--output", target, *(["--json"] if "json" in target else []), "-q"]
    long = {"FAKE_TEXT": "x" * (30_000 if target == "out/" else 6_000)}
    code, _, err = run(*options, cwd=pages, environment=long, preexec_fn=small_disk)
    assert code == exit_codes.OUTPUT_FAILED
    assert FULL in err
    assert len(err.splitlines()) == 1
    if target == "out/":
        assert [path.name for path in (pages / "out").iterdir()] == [".got-ocr.jsonl"]
    elif target == "out.jsonl":
        lines = (pages / "out.jsonl").read_text().splitlines()
        assert [json.loads(line)["page"] for line in lines] == [1, 1, 1]
    else:
        assert not (pages / "out.txt").exists()
    assert run(*options, cwd=pages)[0] == 0
    if target == "out.jsonl":
        assert len((pages / "out.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    "options",
    [
        ["-o", "{}/out/"],
        ["-o", "{}/out/", "--lines", "hocr"],
        ["-o", "{}/out/", "--lines", "alto"],
        ["-o", "{}/out.txt"],
        ["-o", "{}/out.jsonl", "--json"],
        ["--searchable", "{}/out.pdf"],
        ["--render", "{}/out.html"],
    ],
    ids=" ".join,
)
def test_where_nothing_can_be_written_no_page_is_read(pages: Path, options: list[str]) -> None:
    (pages / "a-file").touch()
    for folder in ("/proc/nothing", str(pages / "a-file")):
        code, out, err = run("in", "-q", *[option.format(folder) for option in options], cwd=pages)
        assert code in (exit_codes.OUTPUT_FAILED, exit_codes.WRONG_USAGE), err
        assert (out, err.count("\n")) == ("", 1), err
        assert folder in err
    assert sorted(path.name for path in pages.iterdir()) == ["a-file", "in"]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_pipe_is_written_through(pages: Path, options: list[str]) -> None:
    os.mkfifo(pages / "pipe")
    with subprocess.Popen(["cat", "pipe"], cwd=pages, stdout=subprocess.PIPE, text=True) as reader:
        code, _, err = run("in", "-q", "-o", "pipe", *options, cwd=pages)
        out, _ = reader.communicate(timeout=60)
    assert (code, err) == (0, "")
    texts = [json.loads(line)["text"] for line in out.splitlines()] if options else out.strip().split("\n\f")
    assert texts == [f"{20 + number}x10" for number in range(6)]
    assert (pages / "pipe").is_fifo()


@pytest.mark.parametrize("form", ["hocr", "alto"])
def test_a_full_disk_under_files_of_lines(pages: Path, form: str) -> None:
    options = ["in", "-o", "out/", "--lines", form, "-q"]
    long = {"FAKE_TEXT": "word " * 6000}
    code, _, err = run(*options, cwd=pages, environment=long, preexec_fn=small_disk)
    assert code == exit_codes.OUTPUT_FAILED, err
    assert FULL in err and len(err.splitlines()) == 1
    assert [path.name for path in (pages / "out").iterdir()] == [".got-ocr.jsonl"]
    assert run(*options, cwd=pages)[0] == 0
    assert len(list((pages / "out").glob("[!.]*"))) == 6


def test_a_full_disk_under_a_searchable_pdf(pages: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    pytest.importorskip("pikepdf")
    noise = [Image.frombytes("L", (120, 120), os.urandom(120 * 120)) for _ in range(3)]
    noise[0].save(pages / "in.pdf", save_all=True, append_images=noise[1:], quality=95)
    assert (pages / "in.pdf").stat().st_size > 30_000
    code, _, err = run("in.pdf", "--searchable", "out.pdf", "-q", cwd=pages, preexec_fn=small_disk)
    assert code == exit_codes.OUTPUT_FAILED
    assert "File too large" in err
    assert not (pages / "out.pdf").exists()
    code, out, err = run("in.pdf", "--searchable", "out.pdf", "-q", cwd=pages, environment={"FAKE_TEXT": "never read"})
    assert code == 0, err
    assert "never" not in out  # What was read before is kept.
    assert len(pypdf.PdfReader(pages / "out.pdf").pages) == 3
    assert sorted(path.name for path in pages.iterdir()) == ["in", "in.pdf", "out.pdf"]


def closed(*numbers: int) -> object:
    def close() -> None:
        for number in numbers:
            os.close(number)

    return close


@pytest.mark.parametrize("numbers", [(0,), (2,), (0, 2)])
def test_closed_streams_that_are_not_needed(pages: Path, numbers: tuple[int, ...]) -> None:
    code, out, err = run("in/0.png", cwd=pages, preexec_fn=closed(*numbers))
    assert (code, out) == (0, "20x10\n")
    assert "Traceback" not in err


def test_a_closed_standard_output(pages: Path) -> None:
    code, _, err = run("in/0.png", cwd=pages, preexec_fn=closed(1))
    assert code == exit_codes.OUTPUT_FAILED
    assert err == "got-ocr: error: standard output is closed: give --output, or leave it open.\n"
    assert run("in/0.png", "-o", "out", cwd=pages, preexec_fn=closed(0, 1, 2))[0] == 0
    assert (pages / "out" / "0.txt").read_text() == "20x10\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["layout", "in/0.png"],
        ["layout", "in/0.png", "--json"],
        ["models"],
        ["completion", "bash"],
        ["score", "results.json"],
        ["train", str(ROOT / "configuration/training/tiny.yaml"), "--dry-run"],
        ["bench"],
    ],
    ids=" ".join,
)
def test_results_need_a_standard_output_in_each_command(
    pages: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python makes None of one that is closed, and `print` says nothing then."""
    monkeypatch.chdir(pages)
    monkeypatch.setattr(sys, "stdout", None)
    assert main(arguments) == exit_codes.OUTPUT_FAILED
    assert capsys.readouterr().err.startswith("got-ocr: error: standard output is closed: ")


def test_a_working_folder_that_is_gone(pages: Path) -> None:
    (pages / "gone").mkdir()
    code, _, err = run(
        pages / "in" / "0.png", "-o", "out", "-q", cwd=pages / "gone", preexec_fn=(pages / "gone").rmdir
    )
    assert code == exit_codes.OUTPUT_FAILED
    assert err == "got-ocr: error: the working folder is not there any more: go to another.\n"


def test_no_memory_is_no_mistake_of_ours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def take_too_much(args: object) -> int:
        raise MemoryError("Out of memory interning an attribute name")

    monkeypatch.setattr(read, "run", take_too_much)
    assert main(["x.png"]) == exit_codes.MODEL_FAILED
    assert "error: there is not enough memory: free some" in capsys.readouterr().err
    said = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried ..."
    for error in (MemoryError(), RuntimeError(said), RuntimeError("CUDA out of memory.")):
        assert describe_trouble("a.png", error).startswith("a.png: not enough memory: lower --batch-size")


def test_a_closed_standard_input_that_is_needed(pages: Path) -> None:
    code, out, err = run("-", "-q", cwd=pages, preexec_fn=closed(0))
    assert (code, out) == (exit_codes.NO_PAGE_READ, "")
    assert err == "got-ocr: error: -: can't be read: standard input is closed.\n"


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["x.png", "--type", "y"]])
def test_help_without_streams(arguments: list[str]) -> None:
    code, _, _ = run(*arguments, fake=False, preexec_fn=closed(0, 1, 2))
    assert code in (0, exit_codes.WRONG_USAGE)


def test_a_reader_that_goes_away(pages: Path) -> None:
    process = start("in", seconds=0.2, cwd=pages)
    assert process.stdout is not None
    process.stdout.read(3)
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.wait()
    assert process.returncode == exit_codes.BROKEN_PIPE
    assert "Traceback" not in errors


def test_no_home(pages: Path) -> None:
    code, out, _ = run("in/0.png", cwd=pages, environment={"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"})
    assert (code, out) == (0, "20x10\n")


@pytest.mark.timeout(300)
def test_the_built_in_model_needs_no_home_and_no_cache(pages: Path) -> None:
    nowhere = dict.fromkeys(("HOME", "HF_HOME", "XDG_CACHE_HOME", "TORCH_HOME"), "/proc/nothing")
    code, _, err = run("in/0.png", "--model", "nano", fake=False, cwd=pages, environment=nowhere)
    assert (code, err.count("\n")) == (0, 1), err


@pytest.mark.parametrize(
    "variables", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_narrow_locales(pages: Path, variables: dict[str, str]) -> None:
    greek = "\u03b1\u03b2\u03b3.png"
    (pages / "in" / "0.png").rename(pages / "in" / greek)
    code, out, err = run(f"in/{greek}", cwd=pages, environment={**variables, "FAKE_TEXT": "\u03b1 "}, encoding="utf-8")
    assert code == 0, err
    assert out == "\u03b1 20x10\n" or (out.strip("?") == " 20x10\n" and "became ?" in err)
    code, out, err = run("in", "--json", "-o", "o.jsonl", cwd=pages, environment=variables)
    assert code == 0, err
    names = {json.loads(line)["input"] for line in (pages / "o.jsonl").read_text(encoding="utf-8").splitlines()}
    assert f"in/{greek}" in names


def test_not_a_number_is_no_json_number(pages: Path) -> None:
    for value in ("nan", "inf"):
        code, out, _ = run("in/0.png", "--json", cwd=pages, environment={"FAKE_PROBABILITY": value})
        assert code == 0
        assert json.loads(out, parse_constant=lambda name: pytest.fail(name))["mean_probability"] is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_found_before_reading(pages: Path) -> None:
    (pages / "out").mkdir(mode=0o555)
    code, _, err = run("in", "-o", "out", cwd=pages)
    assert code == exit_codes.OUTPUT_FAILED
    assert "can't be written" in err


def test_the_shell_gets_what_shells_expect(pages: Path) -> None:
    """Exit codes through a real shell, as scripts use them."""
    from tests.support.processes import ENVIRONMENT, FAKE_READER

    (pages / "fake.py").write_text(FAKE_READER)
    script = "python=$1; $python fake.py in/0.png nothing.png >out 2>err; echo $?; $python fake.py in/1.png | cat"
    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable],
        cwd=pages,
        env={**ENVIRONMENT, "GOT_OCR_MODEL": "org/unused"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "1\n21x10\n"
