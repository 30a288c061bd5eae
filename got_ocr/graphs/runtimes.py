"""Graphs in their runtimes: arrays in, arrays out."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .folder import PACKAGES

Array = np.ndarray[Any, Any]


class Graph(Protocol):
    """A graph that is ready to run."""

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Compute. Args: inputs: by name, contiguous. Returns: the outputs in the graph's order."""
        ...


class OnnxGraph:
    """A graph in ONNX Runtime, on the CPU.

    Args:
        path: The file.
        num_threads: Threads to compute with.
    """

    def __init__(self, path: Path, num_threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Compute; see :class:`Graph`."""
        outputs: list[Array] = self._session.run(None, dict(inputs))
        return outputs


class OpenVinoGraph:
    """A graph in OpenVINO, on the CPU, in float32.

    Args:
        path: The file.
        num_threads: Threads to compute with.
    """

    def __init__(self, path: Path, num_threads: int) -> None:
        import openvino

        # Left alone it computes in bfloat16 where the CPU knows it, and answers would differ.
        options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": num_threads, "NUM_STREAMS": 1}
        compiled = openvino.Core().compile_model(str(path), "CPU", options)
        self._request = compiled.create_infer_request()
        self._count = len(compiled.outputs)

    def run(self, inputs: Mapping[str, Array]) -> list[Array]:
        """Compute; see :class:`Graph`."""
        self._request.infer(dict(inputs), share_inputs=True)
        return [self._request.get_output_tensor(number).data.copy() for number in range(self._count)]


def is_installed(runtime: str) -> bool:
    """Tell whether a runtime can be imported. Args: runtime: `onnx` or `openvino`. Returns: whether it is there."""
    return find_spec(PACKAGES[runtime]) is not None


def open_graph(path: Path, runtime: str, num_threads: int | None = None) -> Graph:
    """Open a graph.

    Args:
        path: The file.
        runtime: `onnx` or `openvino`.
        num_threads: Threads to compute with; None: all cores that this process may use.

    Returns:
        The graph.

    Raises:
        ValueError: If the runtime can't read the file.
    """
    num_threads = num_threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else num_threads or 0
    try:
        return OnnxGraph(path, num_threads) if runtime == "onnx" else OpenVinoGraph(path, num_threads)
    except ImportError:
        raise
    except Exception as error:  # Runtimes have exceptions of their own.
        raise ValueError(
            f"{path} can't be opened ({str(error).splitlines()[0]}): export the checkpoint again."
        ) from None
