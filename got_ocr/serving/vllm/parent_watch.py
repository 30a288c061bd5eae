"""The end of vLLM's processes where the one that started them is killed: they would wait for requests for ever.

vLLM's engine starts workers of its own, and one that is killed while these start leaves them behind. So each process
watches the one above it, from the moment when vLLM calls the plugin there.
"""

import multiprocessing
import os
import threading
from multiprocessing.connection import wait  # Here: the main thread may fork while another one imports.

PARENT_VARIABLE = "GOT_OCR_VLLM_PARENT"
THREAD_NAME = "got-ocr-parent"  # One a process: vLLM calls the plugin several times.
LOOK_EVERY_S = 5.0  # The parent's pipe tells at once, unless another of its children holds an end of it.


def announce_parent() -> None:
    """Let processes that vLLM starts from now on end with this one, and so on with theirs."""
    os.environ[PARENT_VARIABLE] = str(os.getpid())
    # A forked process is not told of the plugin again, and could not watch; threads don't survive a fork either.
    os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")


def watch_parent() -> bool:
    """End this process when the one that announced itself is gone; nothing in processes of others.

    Returns:
        Whether it is watched.
    """
    if any(thread.name == THREAD_NAME for thread in threading.enumerate()):
        return True
    parent = multiprocessing.parent_process()
    if parent is None or str(parent.pid) != os.environ.get(PARENT_VARIABLE):
        return False
    started_by = os.getppid()

    def watch() -> None:
        while not wait([parent.sentinel], LOOK_EVERY_S) and os.getppid() == started_by:
            continue
        os._exit(1)

    threading.Thread(target=watch, name=THREAD_NAME, daemon=True).start()
    announce_parent()
    return True
