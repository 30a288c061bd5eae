"""What only vLLM can show of `--engine vllm`: texts are torch's, nothing but ours is said, and processes end.

Run in an environment that has vLLM, by tests/vllm_compat.py (`make test-vllm`). Each program is a process of its own,
whose output ends only when those that vLLM started have ended too.
"""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("vllm")

from PIL import Image

from got_ocr import BUILTIN_CHECKPOINT, GotOcrProcessor, Mode, Reader
from got_ocr.layout import time_limit
from got_ocr.reading.engine_model import EngineModel
from got_ocr.reading.generating import Generation
from got_ocr.reading.options import ReadingOptions

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "examples" / "images" / "sample_page.png"
PATIENCE_S = 1800
TRITON = re.compile(r"nanobind: | - (leaked|\.\.\. skipped) |See https://nanobind\.|Triton is installed, but")
ENVIRONMENT = {
    **os.environ,
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "HF_HUB_OFFLINE": "1",
    "PYTHONPATH": str(ROOT),
}
for given in ("VLLM_LOGGING_LEVEL", "VLLM_ENABLE_V1_MULTIPROCESSING"):  # Other checks in this process set them.
    ENVIRONMENT.pop(given, None)
SCRIPT = """
import contextlib, gc, multiprocessing, os, psutil, signal, sys, threading, time, weakref
from PIL import Image
from got_ocr import BUILTIN_CHECKPOINT, Reader
from got_ocr.serving.vllm.engine import VllmEngine

def kill_when_a_worker_starts(patience_s):
    # Workers are started by vLLM's engine, and don't listen to its end before they have loaded the model.
    while True:
        with contextlib.suppress(psutil.Error):
            below = [one for child in psutil.Process().children() for one in child.children()]
            if any("spawn_main" in " ".join(one.cmdline()) for one in below):
                print("a worker starts", flush=True)
                time.sleep(patience_s)
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)

def main(how):
    if how.startswith("killed after "):
        threading.Thread(target=kill_when_a_worker_starts, args=(float(how.split()[2]),), daemon=True).start()
    engine = VllmEngine(str(BUILTIN_CHECKPOINT))
    reader = Reader(engine, engine.processor)
    page = Image.open(sys.argv[2])
    print(reader.read(page.crop((0, 0, page.width, 200)))[0].text, flush=True)
    if how == "error":
        raise RuntimeError("an error of the script")
    if how == "interrupt":
        for _ in reader.stream(page):
            os.kill(os.getpid(), signal.SIGINT)
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "garbage":
        gone = weakref.ref(engine)
        del engine, reader
        gc.collect()
        threads = [thread.name for thread in threading.enumerate()]
        print(gone() is None, "got-ocr-vllm" not in threads, multiprocessing.active_children() == [])
    return locals()

if __name__ == "__main__":
    kept = main(sys.argv[1])
"""


def listen_to_ctrl_c():
    # What a shell starts in the background is told not to.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(*arguments):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=ROOT,
        timeout=PATIENCE_S,
        preexec_fn=listen_to_ctrl_c,
    )


def read(*arguments):
    """Run the command line; all that it says on stderr is its own, but for what Triton says where there is no GPU."""
    done = run("-m", "got_ocr", *arguments)
    lines = [line for line in done.stderr.splitlines() if line and not TRITON.match(line)]
    strange = [line for line in lines if not line.startswith("got-ocr: ")]
    assert strange == []
    return done


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Three pages in a folder."""
    folder = tmp_path_factory.mktemp("pages")
    whole = Image.open(PAGE).convert("RGB")
    for number in range(3):
        top = whole.height * number // 6
        whole.crop((0, top, whole.width, top + whole.height // 3)).save(folder / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def texts(pages):
    """What torch reads of them."""
    done = read(*sorted(pages.iterdir()), "--engine", "torch")
    found = [text.strip() for text in done.stdout.split("\f")]
    assert len(found) == 3 and all(found)
    return found


def test_a_page_is_printed_as_torch_reads_it(pages, texts):
    done = read(pages / "0.png", "--engine", "vllm")
    assert (done.returncode, done.stdout.strip()) == (0, texts[0])


def test_a_folder_of_pages_is_written(pages, texts, tmp_path):
    done = read(pages, "--output", tmp_path / "out", "--engine", "vllm")
    assert (done.returncode, done.stdout) == (0, "")
    assert [file.read_text().strip() for file in sorted((tmp_path / "out").glob("*.txt"))] == texts


@pytest.mark.parametrize(
    "how", ["kept", "garbage", "error", "interrupt", "killed", "killed after 0 s", "killed after 4 s"]
)
def test_a_script_ends_with_all_that_it_started(how, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    done = run(tmp_path / "script.py", how, PAGE)
    assert done.stdout, done.stderr
    if how.startswith("killed"):
        assert done.returncode == -signal.SIGKILL
    elif how == "interrupt":
        assert done.returncode == -signal.SIGINT and "KeyboardInterrupt" in done.stderr
    else:
        assert done.returncode == (how == "error"), done.stderr
        assert ("an error of the script" in done.stderr) == (how == "error")
    assert "Exception ignored" not in done.stderr
    assert ("\nTrue True True\n" in done.stdout) == (how == "garbage"), done.stdout
    assert "EngineDeadError" not in done.stdout + done.stderr


def test_ctrl_c_ends_the_command_and_vllm(pages, tmp_path):
    command = [sys.executable, "-m", "got_ocr", str(PAGE), "--stream", "--engine", "vllm"]
    process = subprocess.Popen(command, stdout=-1, stderr=-1, env=ENVIRONMENT, cwd=ROOT, preexec_fn=listen_to_ctrl_c)
    assert process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130 and errors.endswith(b"got-ocr: interrupted.\n")


def test_the_server_answers_and_ends_when_told(pages, texts):
    from openai import OpenAI

    command = [sys.executable, "-m", "got_ocr", "serve", "--engine", "vllm", "--port", "0"]
    process = subprocess.Popen(command, stdout=-1, stderr=-1, env=ENVIRONMENT, cwd=ROOT, text=True)
    said = []
    try:
        for line in process.stderr:
            said.append(line)
            if "listening on" in line:
                break
        address = re.search(r"http://\S+", said[-1])
        assert address, "".join(said)
        url = address[0].rstrip("/")
        asked = ["curl", "-s", "-m", str(PATIENCE_S), "-F", f"file=@{pages / '1.png'}", f"{url}/v1/ocr"]
        answer = json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)
        assert answer["pages"][0]["text"] == texts[1]
        client = OpenAI(base_url=f"{url}/v1", api_key="none", timeout=PATIENCE_S)
        uri = f"data:image/png;base64,{base64.b64encode((pages / '2.png').read_bytes()).decode()}"
        messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": uri}}]}]
        name = client.models.list().data[0].id
        done = client.chat.completions.create(model=name, messages=messages)
        assert done.choices[0].message.content.strip() == texts[2]
        assert urllib.request.urlopen(f"{url}/healthz", timeout=PATIENCE_S).status == 200
        process.terminate()
        out, rest = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    lines = [line for line in [*said, *rest.splitlines(keepends=True)] if not TRITON.match(line)]
    assert process.returncode == 0 and out == "" and lines[-1] == "got-ocr: stopped.\n", lines
    assert [line for line in lines if not line.startswith("got-ocr: ")] == []


@pytest.fixture
def clock(monkeypatch):
    own = SimpleNamespace(now=0.0)
    monkeypatch.setattr(time_limit, "time", SimpleNamespace(monotonic=lambda: own.now))
    return own


def test_time_that_is_over_ends_a_request_and_what_was_read_is_kept(clock, pages, monkeypatch):
    from got_ocr.serving.vllm.engine import VllmEngine

    processor = GotOcrProcessor.from_pretrained(BUILTIN_CHECKPOINT)
    engine = VllmEngine(str(BUILTIN_CHECKPOINT))
    page = Image.open(pages / "0.png")
    inputs = processor([page.resize((192, 192))])

    def end_time(text):
        clock.now = 60.0

    endless = Generation(500, on_text=end_time, suppressed_tokens=tuple(engine.config.stop_token_ids))
    with time_limit.time_limit(30) as limit:
        (cut,) = engine.generate(inputs, endless)
    assert limit.was_hit and cut.finish_reason == "length" and 0 < cut.num_tokens < 250
    assert engine._llm.get_num_unfinished_requests() == 0

    clock.now = 0.0
    model = EngineModel(engine)
    timely = Reader(model, processor, ReadingOptions(page_timeout_s=30))
    (full,) = timely.read(page, Mode())
    assert (full.error, full.limit) == (None, None)
    monkeypatch.setattr("got_ocr.reading.slice_reading.MAX_SLICES_PER_BATCH", 2)
    generate = engine.generate

    def generate_slowly(*arguments):
        clock.now += 20.0
        return generate(*arguments)

    monkeypatch.setattr(engine, "generate", generate_slowly)
    (late,) = timely.read(page, Mode())
    monkeypatch.undo()
    assert (late.finish_reason, late.limit) == ("error", "time")
    assert late.text and full.text.startswith(late.text.split("\n")[0])
    assert Reader(model, processor).read(page, Mode())[0].text == full.text
    engine.close()
    with pytest.raises(ValueError, match="closed: make another"):
        engine.generate(inputs, endless)
