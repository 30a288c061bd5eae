"""Checkpoints as graphs for other runtimes: written for ONNX Runtime or OpenVINO, and read with by the same Reader.

In: a model and its processor. Out: a folder with two graphs (tower and decoder), and from such a folder a model that
computes in the runtime. Imports `reading` and the rooms below it.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .exporting import export_graphs
    from .folder import find_runtime
    from .model import GotOcrGraphModel, load_graphs

__all__ = ["GotOcrGraphModel", "export_graphs", "find_runtime", "load_graphs"]

__getattr__, __dir__ = offer(
    __name__,
    {
        "GotOcrGraphModel": "model",
        "export_graphs": "exporting",
        "find_runtime": "folder",
        "load_graphs": "model",
    },
)
