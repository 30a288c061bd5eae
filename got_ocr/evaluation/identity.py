"""What an answer belongs to, by content: the weights that gave it and the picture that it was read from.

Names don't tell: a checkpoint is trained on under its path, a picture is replaced under its name. A run that is gone
on with keeps an answer only where both are still the same.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

_BLOCK = 1 << 20
_DIGITS = 16
# Files of a checkpoint that decide its answers; notes, logs and pictures beside them don't.
_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".json", ".tiktoken", ".model", ".txt", ".jinja", ".py")


def digest_files(files: Iterable[Path], root: Path | None = None) -> str:
    """Sum up files by SHA-256: their bytes, and their names below a folder.

    Args:
        files: In any order.
        root: The folder whose part of the names doesn't count; None: names don't count.

    Returns:
        16 hexadecimal digits.

    Raises:
        OSError: If one can't be read.
    """
    total = hashlib.sha256()
    for file in sorted(files):
        if root is not None:
            total.update(str(file.relative_to(root)).encode("utf-8", "surrogateescape") + b"\0")
        with open(file, "rb") as stream:
            while block := stream.read(_BLOCK):
                total.update(block)
    return total.hexdigest()[:_DIGITS]


def identify_checkpoint(model: str) -> str:
    """Say which weights a name means now.

    Args:
        model: A folder, a file, or a Hub id.

    Returns:
        A digest of the folder's files, or the Hub's commit; empty where neither can be had.
    """
    path = Path(model)
    if path.is_file():
        return digest_files([path])
    if path.is_dir():
        return digest_files((file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES), path)
    try:
        from transformers.utils.hub import cached_file

        found = cached_file(model, "config.json")
    except (OSError, ValueError):
        return ""
    return Path(found).parent.name if found else ""
