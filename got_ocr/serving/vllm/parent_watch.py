"""The end of vLLM's process where the one that started it is killed: it would wait for requests for ever."""

import multiprocessing
import os
import threading

PARENT_VARIABLE = "GOT_OCR_VLLM_PARENT"
THREAD_NAME = "got-ocr-parent"  # One a process: vLLM calls the plugin several times.


def announce_parent() -> None:
    """Let processes that vLLM starts from now on end with this one."""
    os.environ[PARENT_VARIABLE] = str(os.getpid())


def watch_parent() -> bool:
    """End this process when the one that announced itself is gone; nothing in processes of others.

    Returns:
        Whether it is watched.
    """
    parent = multiprocessing.parent_process()
    if parent is None or str(parent.pid) != os.environ.get(PARENT_VARIABLE):
        return False

    if any(thread.name == THREAD_NAME for thread in threading.enumerate()):
        return True

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, name=THREAD_NAME, daemon=True).start()
    return True
