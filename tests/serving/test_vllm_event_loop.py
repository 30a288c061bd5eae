"""The loop that vLLM is used in ends whatever goes on in it, and what runs in it has its caller's time limit."""

import asyncio
import gc
import threading
import weakref

import pytest

from got_ocr.layout.time_limit import is_out_of_time, time_limit
from got_ocr.serving.vllm import event_loop
from got_ocr.serving.vllm.event_loop import EventLoopThread, RunningEngine


class Llm:
    """vLLM's engine, as far as its end goes."""

    def __init__(self, error=None):
        self.timeouts = []
        self.error = error
        self.ended = threading.Event()

    def shutdown(self, timeout=None):
        self.timeouts.append(timeout)
        self.ended.set()
        if self.error is not None:
            raise self.error


@pytest.fixture
def loop():
    made = EventLoopThread("test-loop")
    yield made
    made.stop()


async def wait_for_ever(started, cancelled):
    started.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        cancelled.set()
        raise


def test_an_end_ends_what_runs_and_the_thread(loop):
    started, cancelled, llm, seen = threading.Event(), threading.Event(), Llm(), []

    def call():
        try:
            loop.run(wait_for_ever(started, cancelled))
        except BaseException as error:
            seen.append(type(error).__name__)

    caller = threading.Thread(target=call)
    caller.start()
    started.wait()
    running = RunningEngine(llm, loop)
    running.end()
    assert running.llm is None
    caller.join()
    assert seen == ["CancelledError"] and cancelled.is_set()
    assert not loop._thread.is_alive() and llm.timeouts == [event_loop.STOP_TIMEOUT_S]
    loop.stop()


def test_the_thread_ends_where_vllm_fails_to_end(loop):
    with pytest.raises(RuntimeError, match="no end"):
        RunningEngine(Llm(RuntimeError("no end")), loop).end()
    assert not loop._thread.is_alive()


def test_a_loop_that_is_stuck_holds_nobody_up(loop, monkeypatch):
    monkeypatch.setattr(event_loop, "STOP_TIMEOUT_S", -0.9)
    release, started = threading.Event(), threading.Event()

    async def stick():
        started.set()
        release.wait()

    caller = threading.Thread(target=loop.run, args=(stick(),))
    caller.start()
    started.wait()
    RunningEngine(Llm(), loop).end()
    assert loop._thread.is_alive() and loop._thread.daemon
    release.set()
    caller.join()
    loop._thread.join(60)


def test_an_engine_that_is_collected_in_the_loop_ends_from_elsewhere(loop):
    class Owner:
        pass

    llm, owner = Llm(), Owner()
    owner.itself = owner
    weakref.finalize(owner, RunningEngine(llm, loop).end)
    del owner

    async def collect():
        gc.collect()

    loop.run(collect())
    assert llm.ended.wait(60)
    loop._thread.join(60)
    assert not loop._thread.is_alive()


def test_an_exception_in_the_caller_ends_what_it_waits_for(loop, monkeypatch):
    started, cancelled = threading.Event(), threading.Event()
    submit = asyncio.run_coroutine_threadsafe

    def interrupted(coroutine, running):
        future = submit(coroutine, running)
        started.wait()

        def interrupt():
            raise KeyboardInterrupt

        monkeypatch.setattr(future, "result", interrupt)
        return future

    monkeypatch.setattr(event_loop.asyncio, "run_coroutine_threadsafe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop.run(wait_for_ever(started, cancelled))
    assert cancelled.wait(60)
    monkeypatch.undo()


def test_the_caller_s_time_limit_holds_in_the_loop(loop):
    async def ask():
        return await asyncio.ensure_future(ask_within())

    async def ask_within():
        return is_out_of_time()

    with time_limit(-1) as limit:
        assert loop.run(ask())
    assert limit.was_hit
    with time_limit(None):
        assert not loop.run(ask())
