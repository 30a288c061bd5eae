"""The garbage collector during imports: at rest."""

import contextlib
import gc
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def collector_at_rest() -> Iterator[None]:
    """Let the garbage collector rest while torch and transformers are imported for the first time.

    Their modules, classes and functions are about a million objects that live as long as the process. The collector
    would walk through them again and again while they are made, which takes a fifth of the time. Afterwards it works
    as before, but leaves them alone. A process that has imported torch before is left as it is.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
