"""`got-ocr` as a process of its own: what it imports, broken pipes, full disks, and the built-in checkpoint."""

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from got_ocr.cli import exit_codes
from got_ocr.cli.interrupt import ending_by_sigterm
from got_ocr.hub.cache import BUILTIN_CHECKPOINT

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "examples" / "images"
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("GOT_OCR_MODEL", "PYTHONUNBUFFERED")}
ENVIRONMENT["PYTHONPATH"] = str(ROOT)  # where the package is not installed
HEAVY = ("torch", "transformers", "huggingface_hub", "numpy", "PIL", "tqdm")

needs_nano = pytest.mark.skipif(
    not (BUILTIN_CHECKPOINT / "model.safetensors").is_file(), reason="the built-in checkpoint is not there yet"
)
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")

# The dispatcher with a reader that needs no model: what the process does with its streams is the same.
FAKE = """
import sys
from types import SimpleNamespace
from got_ocr.cli import main, read

def answer(processor, images, **options):
    texts = ["x" * 100_000] * len(images)
    return [SimpleNamespace(text=text, finish_reason="stop", num_tokens=1, mean_probability=1.0, min_probability=1.0,
                            error=None, limit=None, lines=()) for text in texts]

read._load = lambda choice, args: (
    SimpleNamespace(read=answer, config=SimpleNamespace(slicing=None), device="cpu"), None)
sys.exit(main())
"""


def got_ocr(*arguments: object, code: str | None = None, **options: object) -> subprocess.CompletedProcess[str]:
    start = ["-c", code] if code else ["-m", "got_ocr"]
    environment = {**ENVIRONMENT, "GOT_OCR_MODEL": "org/unused" if code else "", "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, *start, *map(str, arguments)]
    settings = {"capture_output": True, "text": True, "env": environment, "check": False, **options}
    return subprocess.run(command, **settings)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        ([], exit_codes.WRONG_USAGE),
        (["page.png", "--type", "pdf"], exit_codes.WRONG_USAGE),
        (["convert", "--help"], 0),
    ],
)
def test_help_and_usage_errors_import_nothing_heavy(arguments: list[str], code: int) -> None:
    """Not a clock, which says more about the machine than about us."""
    script = (
        "import sys; from got_ocr.cli import main; code = main(sys.argv[1:]);"
        f"print('HEAVY', sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    result = got_ocr(*arguments, code=script)
    if result.returncode == exit_codes.PART_MISSING:
        pytest.skip(result.stderr)
    assert result.returncode == code
    assert result.stderr.splitlines()[-1] == "HEAVY []"


def test_a_missing_page_does_not_import_torch(tmp_path: Path) -> None:
    script = (
        "import sys; from got_ocr.cli import main; code = main(sys.argv[1:]);"
        "print('torch' in sys.modules, 'transformers' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    result = got_ocr(tmp_path / "gone.png", code=script)
    assert result.returncode == exit_codes.NO_PAGE_READ
    assert result.stderr.splitlines()[-1] == "False False"


def test_broken_pipe() -> None:
    """`got-ocr ... | head -c 1`: the reader goes away, and no traceback follows."""
    environment = {**ENVIRONMENT, "GOT_OCR_MODEL": "org/unused"}
    command = [sys.executable, "-c", FAKE, "-q", *[str(SAMPLES / "sample_page.png")] * 5]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == exit_codes.BROKEN_PIPE
    assert errors == b""


def test_ctrl_c() -> None:
    """A signal, not an exception of the test's: one line, the shell's exit code, no traceback."""
    slow = FAKE.replace("    texts =", "    import time; print('reading', flush=True); time.sleep(60)\n    texts =")
    environment = {**ENVIRONMENT, "GOT_OCR_MODEL": "org/unused"}
    command = [sys.executable, "-c", slow, "-q", str(SAMPLES / "sample_page.png")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        # A shell starts what it runs in the background with the signal ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"reading\n"
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
    assert process.returncode == exit_codes.INTERRUPTED
    assert errors == b"got-ocr: interrupted.\n"


def test_an_end_at_once_ends_processes_of_libraries_too(tmp_path: Path) -> None:
    """As vLLM's: the pipe that they share with this test is closed once the last of them has ended."""
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, time\n"
        "from got_ocr.cli.interrupt import end_now\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.get_context('spawn').Process(target=time.sleep, args=(3600,)).start()\n"
        "    end_now()\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, env=ENVIRONMENT, timeout=600)
    assert (done.returncode, done.stderr) == (exit_codes.INTERRUPTED, b"got-ocr: interrupted.\n")


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("sigint", [signal.SIG_DFL, signal.SIG_IGN], ids=["in the foreground", "in the background"])
@pytest.mark.parametrize("library", [True, False], ids=["a library listens", "nobody else listens"])
def test_sigterm_ends_a_command_that_asks_for_it_with_one_line(library: bool, sigint: Any) -> None:
    """Also while a library has a handler of its own and sends elsewhere what is said."""
    code = textwrap.dedent("""
        import os, signal, sys, threading
        from got_ocr.cli import dispatch
        from got_ocr.cli.interrupt import ending_by_sigterm
        def wait(argv):
            with ending_by_sigterm("stopped: on purpose."):
                if sys.argv[1] == "True":
                    signal.signal(signal.SIGTERM, lambda *_: None)
                    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                print("waiting", flush=True)
                threading.Event().wait(600)
        dispatch._dispatch = wait
        sys.exit(dispatch.main([]))
    """)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(library)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, sigint),
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"waiting\n"
        process.send_signal(signal.SIGTERM)
        errors = process.stderr.read()
    assert (process.returncode, errors) == (exit_codes.STOPPED, b"got-ocr: stopped: on purpose.\n")


def test_sigterm_is_the_systems_again_afterwards() -> None:
    with ending_by_sigterm("stopped."):
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@needs_dev_full
def test_full_disk_behind_stdout() -> None:
    with open("/dev/full", "w") as full:
        result = got_ocr(
            "-q", SAMPLES / "sample_page.png", code=FAKE, capture_output=False, stdout=full, stderr=subprocess.PIPE
        )
    assert result.returncode == exit_codes.OUTPUT_FAILED
    assert result.stderr == (
        "got-ocr: error: standard output can't be written: No space left on device: "
        "make room; pages already written are kept.\n"
    )


@needs_dev_full
def test_full_disk_behind_help() -> None:
    with open("/dev/full", "w") as full:
        result = got_ocr("--help", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert result.returncode == exit_codes.OUTPUT_FAILED
    assert len(result.stderr.splitlines()) == 1


def test_a_disk_that_fills_up_leaves_no_half_page(tmp_path: Path) -> None:
    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    result = got_ocr(
        "-q", SAMPLES / "sample_page.png", "-o", tmp_path / "out", code=FAKE, preexec_fn=small_disk, cwd=tmp_path
    )
    assert result.returncode == exit_codes.OUTPUT_FAILED
    assert "sample_page.txt can't be written: File too large." in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".got-ocr.jsonl"]


@needs_nano
def test_the_built_in_checkpoint_reads_a_page_of_a_pdf(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    result = got_ocr(SAMPLES / "sample.pdf", "gone.png", "--pages", "1", "--dpi", "110", "--json", env=environment)
    assert result.returncode == exit_codes.SOME_PAGES_FAILED
    read, failed = (json.loads(line) for line in result.stdout.splitlines())
    assert read["page"] == 1
    assert read["finish_reason"] == "stop"
    assert "paper" in read["text"].lower()
    assert 0 < read["min_probability"] <= read["mean_probability"] <= 1
    assert [line["text"] for line in read["lines"]] == [line for line in read["text"].splitlines() if line]
    assert min(line["min_probability"] for line in read["lines"]) == read["min_probability"]
    assert all(line["box"][0] < line["box"][2] for line in read["lines"])
    assert failed["error"] == "gone.png: no such file or folder: check the name."
    # The model's line, the failure's line, and nothing of what libraries like to say.
    assert len(result.stderr.splitlines()) == 2
    assert result.stderr.startswith("got-ocr: model: built-in nano")
