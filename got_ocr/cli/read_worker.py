"""The process that reads pages for another: started by `workers`, asked over its standard input.

Both ends are this program, and pages come decoded, so messages are pickled. Whatever libraries print goes nowhere.
"""

import logging
import os
import pickle
import signal
import warnings
from typing import IO, Any

from ..hub.model_choice import load_model_for
from .collector import collector_at_rest
from .workers import Loaded, Reply


class _Notices(logging.Handler):
    """Collects what would be logged, for the process that asked."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Load the model that the first message names, and read what the others bring until the other side is gone.

    Args:
        requests: Where they come from.
        answers: Where answers go.
    """
    notices = _Notices()
    logging.getLogger("got_ocr").addHandler(notices)

    def answer(value: Any = None, error: Exception | None = None) -> None:
        lines, notices.lines = tuple(notices.lines), []
        _send(answers, Reply(value, error, lines))

    try:
        with collector_at_rest():
            model, processor = load_model_for(*pickle.load(requests))
    except Exception as error:
        answer(error=error)
        return
    answer(Loaded(model.config.slicing, str(model.device)))
    while True:
        images, options = pickle.load(requests)
        try:
            found = model.read(processor, images, **options)
        except Exception as error:  # As in a job without workers: whatever a foreign checkpoint raises.
            answer(error=error)
        else:
            answer(found)


def _send(answers: IO[bytes], reply: Reply) -> None:
    try:
        message = pickle.dumps(reply)
        pickle.loads(message)  # Exceptions with arguments of their own may not come back.
    except Exception:
        if reply.error is None:
            raise
        message = pickle.dumps(Reply(error=RuntimeError(f"{type(reply.error).__name__}: {reply.error}")))
    answers.write(message)
    answers.flush()


def main() -> None:
    """Serve on standard input and output."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        serve(requests, answers)
    except (EOFError, BrokenPipeError):
        pass
    finally:
        os._exit(0)
