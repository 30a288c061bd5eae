"""Run functions once modules have been imported, without importing those now.

`import got_ocr` must make transformers' Auto classes know the model, but importing transformers takes seconds and
`got-ocr --help` has a fraction of one. So registration waits for the modules that hold the Auto classes.

It waits a little longer, until no module of transformers or of this package is half imported in the thread: these
modules import one another in circles (in transformers 5 even a configuration imports the Auto classes, to write its
docstring), and registration needs whole ones.
"""

import importlib.abc
import importlib.machinery
import sys
import threading
from collections.abc import Callable, Sequence
from types import ModuleType

_WATCHED = ("transformers", "got_ocr")


class _AfterImport(importlib.abc.MetaPathFinder):
    """A finder that leaves finding to the others, and calls what waits for a module when it is there."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Callable[[], None]]] = {}
        self.ready: list[Callable[[], None]] = []
        self.local = threading.local()  # depth: nested imports of watched modules; is_running: in an action

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in _WATCHED:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next((spec for finder in others if (spec := finder.find_spec(fullname, path, target))), None)
        if spec is None or not hasattr(spec.loader, "exec_module"):
            return spec
        execute = spec.loader.exec_module  # type: ignore[union-attr]

        def exec_module(module: ModuleType) -> None:
            self.local.depth = getattr(self.local, "depth", 0) + 1
            try:
                execute(module)
            finally:
                self.local.depth -= 1
            if fullname in self.waiting:
                self.ready += self.waiting.pop(fullname)
            self.run_ready()

        spec.loader.exec_module = exec_module  # type: ignore[union-attr, method-assign]
        return spec

    def run_ready(self) -> None:
        """Run the actions whose time has come; those that become ready meanwhile come after."""
        if getattr(self.local, "depth", 0) or getattr(self.local, "is_running", False):
            return
        self.local.is_running = True
        try:
            while self.ready:
                self.ready.pop(0)()
        finally:
            self.local.is_running = False
        if not self.waiting and self in sys.meta_path:
            sys.meta_path.remove(self)


_FINDER = _AfterImport()


def when_imported(actions: dict[str, Callable[[], None]]) -> None:
    """Run functions once modules have been imported: now, where they have been, else right after.

    Args:
        actions: By the full name of a module the function to call, which has no arguments. Watched are modules of
            transformers and of this package.
    """
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    for name, action in actions.items():
        (_FINDER.ready if name in sys.modules else _FINDER.waiting.setdefault(name, [])).append(action)
    _FINDER.run_ready()
