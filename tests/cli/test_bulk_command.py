"""`got-ocr bulk`: what its arguments become, and what it says on the way."""

import argparse
import io
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="bulk reading needs pyarrow")

from got_ocr import BUILTIN_CHECKPOINT
from got_ocr.bulk.job import Progress as JobProgress
from got_ocr.cli import bulk, main
from got_ocr.cli.progress import Progress
from got_ocr.hub.model_choice import ModelChoice


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    bulk.add_arguments(parser)
    return parser.parse_args([*arguments, "--output", "out"])


def test_arguments_become_options():
    args = parse(
        "in", "--type", "format", "--read-blank", "--keep-text-layer", "--dpi", "300", "--image-column", "scan"
    )
    options = bulk._options(args, "org/name")

    assert options.mode.is_formatted and options.model == "org/name" and options.image_column == "scan"
    assert not options.gates.skip_blank and options.gates.keep_text_layer and not options.gates.skip_duplicates
    assert options.describe()["sources"]["dpi"] == 300


def test_a_folder_of_a_model_is_named_from_the_root(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)

    assert bulk._options(parse("in"), "model").model == str((tmp_path / "model").resolve())


def test_a_password_decides_and_is_not_written_down():
    with_one, without = (bulk._options(parse("in", *more), "m") for more in (["--password", "secret"], []))

    assert with_one.describe() != without.describe()
    assert "secret" not in str(with_one.describe())


NANO, FULL = ModelChoice(str(BUILTIN_CHECKPOINT), ""), ModelChoice("org/name", "")


@pytest.mark.parametrize(
    ("arguments", "choice", "gpus"),
    [
        (["--device", "cpu"], FULL, 0.0),
        (["--device", "cuda"], FULL, 1.0),
        (["--device", "cuda"], NANO, 1.0),
        ([], FULL, 1.0),
        ([], NANO, 0.0),  # Read by numpy.
        (["--engine", "torch"], NANO, 1.0),
        (["--engine", "vllm"], NANO, 1.0),
        (["--dtype", "bfloat16"], NANO, 1.0),
    ],
)
def test_workers_have_a_gpu_where_the_model_reads_on_one(monkeypatch, arguments, choice, gpus):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    assert bulk._workers(parse("in", *arguments), choice).gpus == gpus
    assert bulk._workers(parse("in", *arguments, "--worker-gpus", "0.5"), choice).gpus == 0.5


def test_a_worker_reads_a_small_checkpoint_as_the_command_does():
    """By numpy, in a process that never imports torch."""
    code = (
        "import sys; from got_ocr import BUILTIN_CHECKPOINT; from got_ocr.processing.mode import Mode; "
        "from got_ocr.bulk import BulkOptions, Workers; from got_ocr.bulk.reading import ModelReader; "
        "reader = ModelReader(BulkOptions(Mode(), str(BUILTIN_CHECKPOINT)), Workers()); "
        "print(type(reader._model).__name__, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["LightModel", "False"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone", "--output", "out"], "gone: no such file or folder: check the name."),
        (["in", "--output", "out", "--multi-page"], "bulk reads page by page: leave out --multi-page."),
        (["in", "--output", "nowhere://x"], "give a path, or a URL that fsspec knows"),
        (["in", "--output", "out", "--worker-gpus", "-1"], "must be a number of at least 0"),
        (["in", "--output", "out", "--box", "1,2,3"], "box"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, monkeypatch, capsys, arguments, said):
    pytest.importorskip("ray", reason="bulk reading on Ray needs the extra bulk")
    monkeypatch.chdir(tmp_path)

    code = main(["bulk", *arguments, "--model", "nano", "-q"])

    lines = capsys.readouterr().err.splitlines()
    assert code == 2 and len(lines) == 1 and said in lines[0]


def test_without_ray_it_says_what_to_install(tmp_path, monkeypatch, capsys):
    import builtins

    real = builtins.__import__

    def without_ray(name, *args, **options):
        if name == "ray" or name.startswith("ray."):
            raise ModuleNotFoundError("No module named 'ray'", name="ray")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    code = main(["bulk", str(tmp_path), "--output", str(tmp_path / "out"), "--model", "nano", "-q"])

    assert code == 6 and "pip install 'ray[data]>=2.60'" in capsys.readouterr().err


@pytest.mark.parametrize(("failed", "pages", "left", "code"), [(0, 5, 0, 0), (1, 5, 0, 1), (5, 5, 0, 3), (0, 4, 1, 1)])
def test_the_exit_code_says_what_came_of_the_pages(failed, pages, left, code):
    assert bulk._exit_code({"failed": failed, "pages": pages, "left": left}) == code


def test_a_log_has_a_line_a_minute_with_speed_and_what_is_left(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr("sys.stderr", said)
    now = [1000.0]
    monkeypatch.setattr(bulk.time, "monotonic", lambda: now[0])
    bar = bulk._Bar(Progress())
    for seconds, done in ((5, 10), (65, 610), (66, 620), (130, 1260)):
        now[0] = 1000.0 + seconds
        devices = [
            {"worker": name, "name": "GPU", "busy_percent": percent} for name, percent in (("a", 80), ("b", 90))
        ]
        bar.show(JobProgress(done, 10_000, {"time": 2} if done > 100 else {}, devices=devices if done > 700 else []))

    lines = said.getvalue().splitlines()
    assert [line for line in lines if "to go" in line] == [
        "got-ocr: 610 of 10,000 pages, 2 failed, 10.00 pages/s, 0 h 16 min to go",
        "got-ocr: 1,260 of 10,000 pages, 2 failed, GPUs 85 % busy, 10.00 pages/s, 0 h 15 min to go",
    ]
    assert sum("pages failed so far: time" in line for line in lines) == 1
    assert sum("a worker reads on GPU" in line for line in lines) == 2
