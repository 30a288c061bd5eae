"""Every command that writes, on a full disk, without a home and caches, and beside another that writes the same.

Reading to folders, files, JSON lines and searchable PDFs is in test_surroundings.py and test_stops.py; synth on a full
disk and beside another in tests/cli/test_synth_command.py.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from got_ocr import BUILTIN_CHECKPOINT
from got_ocr.cli import exit_codes, main
from tests.cli.test_eval_commands import evaluate, pages, stand_in  # noqa: F401 - fixtures
from tests.cli.test_train_command import write_config
from tests.support.processes import ENVIRONMENT, Forked, run, write_pictures
from tests.support.training_data import tiny_fields, write_conversations

NOWHERE = dict.fromkeys(("HOME", "HF_HOME", "XDG_CACHE_HOME", "TORCH_HOME", "MPLCONFIGDIR"), "/proc/nothing")
NOT_REPLACED = "It is a device, a pipe or a socket, which no file takes the place of"
Arguments = Callable[[Path, Path], list[str]]


def make_eval(folder: Path, out: Path) -> list[str]:
    return evaluate(folder / "pages", out, "--batch-size", "1")


def make_layout(folder: Path, out: Path) -> list[str]:
    picture = Image.effect_noise((300, 200), 90)
    ImageDraw.Draw(picture).text((20, 20), "a line of text", fill=0)
    picture.save(folder / "page.png")
    return ["layout", str(folder / "page.png"), "--overlay", str(out)]


def make_render(folder: Path, out: Path) -> list[str]:
    (folder / "page.mmd").write_text("".join(f"Line {number} \\( x^{number} \\)\n\n" for number in range(200)))
    return ["render", str(folder / "page.mmd"), "-o", str(out)]


def make_convert(folder: Path, out: Path) -> list[str]:
    return ["convert", str(BUILTIN_CHECKPOINT), str(out), "--layout", "got", "--quiet"]


def make_push(folder: Path, out: Path) -> list[str]:
    return ["push", "me/mine", "--model", str(BUILTIN_CHECKPOINT), "--dry-run", str(out), "--quiet"]


def make_train(folder: Path, out: Path) -> list[str]:
    fields = tiny_fields(write_conversations(folder / "data"))
    fields["optimisation"] |= {"batch_per_device": 4, "max_steps": 2}
    return ["train", str(write_config(folder / "run.yaml", fields)), "--output", str(out), "--quiet"]


def make_synth(folder: Path, out: Path) -> list[str]:
    (folder / "corpus.txt").write_text("A paragraph.\n\nAnother one.\n")
    options = ["--count", "2", "--workers", "1", "--corpus", str(folder / "corpus.txt"), "--out", str(out)]
    return ["synth", "charts", *options]


# The command, its output's name, and how many bytes a file may have on its full disk.
WRITERS: dict[str, tuple[Arguments, str, int]] = {
    "eval": (make_eval, "out", 1500),
    "layout": (make_layout, "out.png", 3000),
    "render-html": (make_render, "out.html", 3000),
    "render-md": (make_render, "out.md", 1000),
    "render-tex": (make_render, "out.tex", 1000),
    "render-json": (make_render, "out.json", 1000),
    "convert": (make_convert, "out", 300_000),
    "push": (make_push, "out", 300_000),
    "train": (make_train, "out", 300_000),
}


def fork(arguments: list[str], said: Path, limit: int | None = None) -> tuple[int, str]:
    """Returns: exit code, standard error."""
    code = Forked(arguments, said, limit).wait()
    return code, said.read_text()


def tree(path: Path) -> dict[str, bytes]:
    """What two equal runs write equally: a file, reports, weights, or everything in a folder."""
    if not path.is_dir():
        return {path.name: path.read_bytes()}
    names = [name for name in ("report.json", "results.json", "model/model.safetensors") if (path / name).is_file()]
    files = [path / name for name in names] or sorted(path.rglob("*"))
    return {str(file.relative_to(path)): file.read_bytes() for file in files if file.is_file()}


def prepare(name: str, folder: Path) -> tuple[list[str], Path, int]:
    """Returns: the command's arguments, its output, the full disk's limit."""
    make, target, limit = WRITERS[name]
    (folder / "at").mkdir()
    return make(folder, folder / "at" / target), folder / "at" / target, limit


@pytest.mark.usefixtures("stand_in", "pages")
@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(tmp_path: Path, name: str) -> None:
    arguments, out, limit = prepare(name, tmp_path)
    goes_on = name in ("eval", "train")  # In its folder: what is there may stay there.
    code, err = fork(arguments, tmp_path / "said", limit)
    assert code == exit_codes.OUTPUT_FAILED, err
    assert err.startswith("got-ocr: error: ") and err.count("\n") == 1, err
    assert ("File too large" in err or "no room left" in err) and str(out) in err
    assert goes_on or not list(out.parent.iterdir())
    code, err = fork(arguments, tmp_path / "said")
    assert code == 0, err
    assert tree(out)
    # What is there stays whole where it can't be replaced.
    if name.startswith(("layout", "render")):
        before = out.read_bytes()
        force = ["--force"] if name != "layout" else []
        assert fork([*arguments, *force], tmp_path / "said", limit)[0] == exit_codes.OUTPUT_FAILED
        assert out.read_bytes() == before
        assert list(out.parent.iterdir()) == [out]


@pytest.mark.usefixtures("stand_in", "pages")
@pytest.mark.parametrize("name", [*WRITERS, "synth"])
def test_where_nothing_can_be_written(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below /proc nobody makes a folder, root neither; a file stands where a folder is wanted for anybody."""
    monkeypatch.delenv("GOT_OCR_DEBUG", raising=False)
    make, target, _ = WRITERS.get(name, (make_synth, "out", 0))
    (tmp_path / "a-file").touch()
    for folder in (Path("/proc/nothing"), tmp_path / "a-file"):
        arguments = make(tmp_path, folder / target)
        code = main(arguments)
        err = capsys.readouterr().err
        assert code in (exit_codes.OUTPUT_FAILED, exit_codes.WRONG_USAGE), err
        assert err.startswith("got-ocr: error: ") and err.count("\n") == 1, err
        assert str(folder) in err, err
    assert (tmp_path / "a-file").read_bytes() == b""


@pytest.mark.parametrize("name", [name for name in WRITERS if name.startswith(("layout", "render"))])
def test_no_file_takes_the_place_of_a_pipe(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor that of a device: a rename does, without a word, and takes /dev/null away from everybody."""
    arguments, out, _ = prepare(name, tmp_path)
    os.mkfifo(out)
    assert main([*arguments, *(["--force"] if name.startswith("render") else [])]) == exit_codes.OUTPUT_FAILED
    said = capsys.readouterr().err
    assert said == f"got-ocr: error: {out} can't be written: {NOT_REPLACED}.\n"
    assert out.is_fifo() and list(out.parent.iterdir()) == [out]


@pytest.mark.usefixtures("stand_in", "pages")
@pytest.mark.parametrize("name", [name for name in WRITERS if name not in ("render-md", "render-json")])
def test_two_writers(tmp_path: Path, name: str) -> None:
    arguments, out, _ = prepare(name, tmp_path)
    said = [tmp_path / "one", tmp_path / "other"]
    both = [Forked(arguments, path) for path in said]
    ends = [(one.wait(), path.read_text()) for one, path in zip(both, said, strict=True)]
    assert 0 in [code for code, _ in ends], ends
    for code, err in ends:
        assert code in (0, exit_codes.WRONG_USAGE, exit_codes.OUTPUT_FAILED), err
        assert code == 0 or (err.count("\n") == 1 and str(out) in err), err
    written = tree(out)
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    out.rename(tmp_path / "raced")
    code, err = fork(arguments, tmp_path / "said")
    assert code == 0, err
    assert written == tree(out)


@pytest.mark.parametrize(("option", "name"), [("--searchable", "out.pdf"), ("--render", "out.html")])
def test_what_was_read_does_not_take_the_place_of_a_pipe(tmp_path: Path, option: str, name: str) -> None:
    write_pictures(tmp_path / "in", 1)
    os.mkfifo(tmp_path / name)
    code, out, err = run("in", option, name, "--force", "-q", cwd=tmp_path)
    assert (code, out) == (exit_codes.OUTPUT_FAILED, "")  # It is found out before a page is read.
    assert err == f"got-ocr: error: {name} can't be written: {NOT_REPLACED}.\n"
    assert (tmp_path / name).is_fifo() and sorted(path.name for path in tmp_path.iterdir()) == ["in", name]


def test_rendering_what_was_read_on_a_full_disk(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 2)
    options = ["in", "--render", "out.html", "-q"]

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    code, _, err = run(*options, cwd=tmp_path, preexec_fn=small_disk)
    assert (code, err.count("\n")) == (exit_codes.OUTPUT_FAILED, 1), err
    assert "out.html" in err and "File too large" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    assert run(*options, cwd=tmp_path)[0] == 0
    assert "21x10" in (tmp_path / "out.html").read_text()


@pytest.mark.usefixtures("stand_in", "pages")
@pytest.mark.timeout(600)
def test_no_home_and_no_cache(tmp_path: Path) -> None:
    """One process, which finds no folder of the user's: none can be made at /proc/nothing, by root neither."""
    makers: dict[str, Any] = {**{name: writer[0] for name, writer in WRITERS.items()}, "synth": make_synth}
    targets = {name: tmp_path / f"{name}{Path(WRITERS[name][1]).suffix if name in WRITERS else ''}" for name in makers}
    commands = [make(tmp_path, targets[name]) for name, make in makers.items()]
    code = (
        "import json, sys\nfrom got_ocr.cli import main\n"
        "codes = [main(arguments) for arguments in json.loads(sys.argv[1])]\nprint('CODES', codes)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        env={**ENVIRONMENT, **NOWHERE, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert f"CODES {[0] * len(commands)}" in done.stdout, (list(makers), done.stdout[-500:], done.stderr)
    assert "nothing" not in done.stderr, done.stderr
    assert all(tree(target) for target in targets.values())


def test_the_overlay_is_not_drawn_over_its_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_layout(tmp_path, tmp_path / "out.png")
    before = (tmp_path / "page.png").read_bytes()
    assert main(["layout", str(tmp_path / "page.png"), "--overlay", str(tmp_path / "page.png")]) == 2
    assert "--overlay names the input" in capsys.readouterr().err
    assert (tmp_path / "page.png").read_bytes() == before
