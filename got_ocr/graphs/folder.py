"""What a folder of graphs holds, and which runtime it is for. No torch here."""

import json
import os
from pathlib import Path

MANIFEST = "graphs.json"
FORMAT_VERSION = 1
RUNTIMES = ("onnx", "openvino")
TOWER, DECODER = "tower", "decoder"
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml"}
PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}


def find_runtime(folder: str | os.PathLike[str]) -> str | None:
    """Tell which runtime a folder's graphs are for.

    Args:
        folder: Any folder.

    Returns:
        `onnx` or `openvino`; None where there are no graphs.

    Raises:
        ValueError: If the folder's description of its graphs can't be read, or is of a later version.
    """
    manifest = Path(folder) / MANIFEST
    if not manifest.is_file():
        return None
    try:
        described = json.loads(manifest.read_text(encoding="utf-8"))
        runtime, version = described["runtime"], described["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{manifest} can't be read ({error}): export the checkpoint again.") from None
    if runtime not in RUNTIMES or version != FORMAT_VERSION:
        raise ValueError(
            f"{manifest}: graphs for {runtime!r} of version {version!r}, but this got-ocr knows {', '.join(RUNTIMES)} "
            f"of version {FORMAT_VERSION}: export the checkpoint again."
        )
    return str(runtime)


def graph_file(folder: str | os.PathLike[str], runtime: str, name: str) -> Path:
    """Say where a graph lies. Args: folder: of graphs; runtime: its; name: TOWER or DECODER. Returns: the file."""
    return Path(folder) / f"{name}{SUFFIXES[runtime]}"
