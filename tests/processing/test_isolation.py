"""Decoding in processes of its own: limits hold, the next page is read, nothing hangs, nothing is left behind."""

import gc
import io
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from got_ocr.processing import isolation
from got_ocr.processing.pages import PageError, find_pages, iter_pages, load_image
from tests.processing.test_pages import RAMP_RGB, encode, pdf, rgb, tiff
from tests.support.hostile import many_operators_pdf, many_scans_jpeg, nested_forms_pdf

POSIX = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="limits of a process are POSIX's")


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return nested_forms_pdf()


def test_pixels_are_the_same_as_without_a_process() -> None:
    for data in (encode(rgb(), "PNG"), encode(rgb().convert("CMYK"), "TIFF"), pdf(1), tiff(rgb(), rgb())):
        (apart, *_), (here, *_) = iter_pages(data), iter_pages(data, page_timeout_s=None)
        assert np.array_equal(np.asarray(apart.image), np.asarray(here.image))


def test_resolution_survives() -> None:
    assert load_image(encode(rgb(), "PNG", dpi=(300, 300))).info["dpi"] == pytest.approx((300, 300), abs=0.1)


@POSIX
@pytest.mark.parametrize("make", [nested_forms_pdf, lambda: many_operators_pdf(5_000_000), many_scans_jpeg])
def test_a_page_without_end_is_one_error_and_the_next_is_read(make: Any) -> None:
    start = time.perf_counter()
    bad, good = find_pages([make(), encode(rgb(), "PNG")], page_timeout_s=0.7)
    with pytest.raises(PageError, match=r"takes longer than 0\.7 seconds to decode: raise page_timeout_s") as caught:
        bad.load()
    assert caught.value.limit == "time"
    assert good.load().image.size == (256, 64)
    assert time.perf_counter() - start < 20  # On a busy machine; the file itself has to be made.


@POSIX
def test_opening_has_the_limit_too() -> None:
    (found,) = find_pages(tiff(rgb(), rgb()), page_timeout_s=0.000_01)
    with pytest.raises(PageError, match=r"takes longer than 1e-05 seconds"):
        found.load()


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is Linux's")
def test_memory_is_limited() -> None:
    data = encode(Image.new("1", (30_000, 20_000)), "PNG")
    with pytest.raises(PageError, match=r"needs more memory than the 0\.391 GiB allowed") as caught:
        load_image(data, max_pixels=10**9, max_memory_bytes=400 * 2**20)
    assert caught.value.limit in ("memory", "crash")
    assert load_image(encode(rgb(), "PNG")).size == (256, 64)


@POSIX
def test_a_decoder_that_dies_costs_its_page_only(bomb: bytes) -> None:
    """As if a decoder had crashed: the process is killed from outside."""
    (found,) = find_pages(bomb)

    def kill() -> None:
        time.sleep(0.5)
        for child in children():
            os.kill(child, signal.SIGSEGV)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(PageError, match="the decoder broke down over it") as caught:
        found.load()
    thread.join()
    assert caught.value.limit == "crash"
    assert load_image(encode(rgb(), "PNG")).size == (256, 64)


def children() -> list[int]:
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "page_worker" in line]


def test_pages_in_any_order_from_documents_taken_in_turn(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(3))
    found = [*find_pages(tmp_path / "a.pdf", dpi=72), *find_pages(tiff(rgb(), Image.new("L", (5, 6))))]
    sizes = [found[index].load().image.size for index in (4, 2, 0, 3, 1, 0)]
    assert sizes == [(5, 6), (72, 144), (72, 144), (256, 64), (72, 144), (72, 144)]


def test_threads_read_pdfs_at_the_same_time() -> None:
    data = pdf(4)

    def read(_: int) -> list[tuple[int, int]]:
        found = list(find_pages(data, dpi=72))
        assert not any(page.has_text() for page in found)
        return [page.load().image.size for page in found]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(read, range(24))) == [[(72, 144)] * 4] * 24
    assert len(children()) <= isolation.MOST_WORKERS


def test_threads_without_processes_do_not_meet_in_pdfium() -> None:
    data = pdf(3)
    with ThreadPoolExecutor(8) as threads:
        sizes = threads.map(lambda _: [p.image.size for p in iter_pages(data, dpi=36, page_timeout_s=None)], range(40))
        assert list(sizes) == [[(36, 72)] * 3] * 40


def test_a_generator_left_half_way_holds_nothing() -> None:
    pages = iter_pages(pdf(3), page_timeout_s=None)
    next(pages)
    del pages
    gc.collect()
    done = threading.Event()
    threading.Thread(target=lambda: (list(iter_pages(pdf(2), page_timeout_s=None)), done.set()), daemon=True).start()
    assert done.wait(20)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("limit", [60, None])
def test_a_process_forked_while_another_thread_decodes(limit: float | None) -> None:
    code = f"""
import os, sys, threading, warnings
warnings.simplefilter("ignore")
from got_ocr.processing.pages import iter_pages
data = open(sys.argv[1], "rb").read()
stop = threading.Event()
def work():
    while not stop.is_set():
        list(iter_pages(data, dpi=300, page_timeout_s={limit}))
thread = threading.Thread(target=work); thread.start()
codes = []
for _ in range(5):
    child = os.fork()
    if child == 0:
        os._exit(len(list(iter_pages(data, dpi=72, page_timeout_s={limit}))))
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set(); thread.join()
print(codes)
"""
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"fork-{os.getpid()}.pdf"
    path.write_bytes(pdf(3))
    try:
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=120)
    finally:
        path.unlink()
    assert done.stdout == "[3, 3, 3, 3, 3]\n", done.stderr


@POSIX
def test_ctrl_c_is_heard_while_a_page_is_decoded(tmp_path: Path, bomb: bytes) -> None:
    (tmp_path / "bomb.pdf").write_bytes(bomb)
    code = (
        "import signal, sys; from got_ocr.processing.pages import iter_pages\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        "print('on', flush=True); list(iter_pages(sys.argv[1]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "bomb.pdf"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(1.5)
    start = time.perf_counter()
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert time.perf_counter() - start < 2
    assert "KeyboardInterrupt" in error


@POSIX
def test_a_killed_program_leaves_no_process_for_long(tmp_path: Path, bomb: bytes) -> None:
    (tmp_path / "bomb.pdf").write_bytes(bomb)
    code = (
        "import sys; from got_ocr.processing.pages import find_pages\n"
        "(found,) = find_pages(sys.argv[1], page_timeout_s=3)\n"
        "print('on', flush=True); found.load()"
    )
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path / "bomb.pdf"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.5)
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
    workers = [int(line) for line in listed.stdout.split()]
    process.kill()
    process.wait()
    assert workers
    end = time.monotonic() + 10
    while time.monotonic() < end and any(os.path.exists(f"/proc/{worker}/exe") for worker in workers):
        time.sleep(0.1)
    assert not [worker for worker in workers if os.path.exists(f"/proc/{worker}/exe")]


def test_where_no_process_can_be_started_it_is_done_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(isolation, "_pool", isolation._Pool())

    def refuse(*_: Any, **__: Any) -> Any:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(isolation.subprocess, "Popen", refuse)
    assert load_image(encode(rgb(), "PNG")).size == (256, 64)
    assert len(list(iter_pages(pdf(2)))) == 2
    assert caplog.text.count("pages are decoded without limits of time and memory") == 1


def test_a_process_that_can_not_work_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(isolation, "_pool", isolation._Pool())
    monkeypatch.setattr(isolation, "_START_CODE", "raise ImportError")
    assert load_image(encode(rgb(), "PNG")).size == (256, 64)
    assert "no process for it" in caplog.text


def test_a_program_without_a_main_guard_is_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(encode(rgb(), "PNG"))
    (tmp_path / "program.py").write_text(
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from got_ocr import load_image\nprint(load_image('page.png').size)"
    )
    done = subprocess.run(
        [sys.executable, "program.py", os.getcwd()], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("(256, 64)\n", "")


def test_notices_of_the_process_are_logged_here(caplog: pytest.LogCaptureFixture) -> None:
    buffer = io.BytesIO()
    Image.new("L", (9, 9)).save(buffer, "GIF", save_all=True, append_images=[Image.new("L", (9, 9), 255)])
    load_image(buffer.getvalue())
    assert "is animated, its first frame is taken" in caplog.text


def test_relative_names_follow_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (5, 6):
        folder = tmp_path / str(width)
        folder.mkdir()
        Image.new("L", (width, 5)).save(folder / "page.png")
        monkeypatch.chdir(folder)
        assert load_image("page.png").size == (width, 5)
    found = list(find_pages("page.png"))
    monkeypatch.chdir(tmp_path)
    assert found[0].load().image.size == (6, 5)


def test_mixed_use_keeps_pixels(tmp_path: Path) -> None:
    """Pictures and documents in turn: a process never answers with another's pixels."""
    document = list(find_pages(tiff(*(Image.new("L", (8, 8), level) for level in range(5)))))
    for level in (3, 0, 4):
        assert np.array_equal(np.asarray(load_image(encode(rgb(), "PNG"))), RAMP_RGB)
        assert np.asarray(document[level].load().image)[0, 0, 0] == level
