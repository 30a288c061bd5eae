"""Checkpoints on disk: written whole or not at all, found again, and recognised when something cut them off.

A checkpoint is written into a hidden folder beside its place, listed file by file with its digest in
`checkpoint.json`, and then renamed, so that `checkpoint-120` is complete from the moment that it has its name. Copies
that lost or changed something on the way no longer agree with the list, and are skipped.
"""

import hashlib
import json
import logging
import os
import re
import shutil
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

PREFIX = "checkpoint-"
STAGING = ".writing"
MANIFEST = "checkpoint.json"
FINAL_FOLDER = "model"
REPLACED = "replaced-"  # before the name of a folder that a new one takes the place of
_BLOCK = 1 << 20
_NAME = re.compile(rf"{PREFIX}(\d+)$")


def staging_folder(output: Path) -> Path:
    """The folder below `output` that unfinished checkpoints are written into."""
    return output / STAGING


def clear_staging(output: Path) -> None:
    """Remove what a killed run left unfinished; a folder that it was just replacing gets its name back."""
    staging = staging_folder(output)
    for replaced in staging.glob(f"{REPLACED}*") if staging.is_dir() else ():
        destination = output / replaced.name.removeprefix(REPLACED)
        if not destination.exists():
            os.replace(replaced, destination)
    shutil.rmtree(staging, ignore_errors=True)


def publish(unfinished: Path, destination: Path, **facts: Any) -> None:
    """Give a checkpoint that is written whole its name.

    What has the name is moved aside first and removed last, so that at every moment one of the two is there whole.

    Args:
        unfinished: Its folder so far, inside the staging folder; gone afterwards.
        destination: Its folder from now on, on the same file system; replaced if it is there.
        **facts: More to note in the list, JSON-ready.
    """
    files = {}
    for file in _files(unfinished):
        with open(file, "rb") as stream:
            os.fsync(stream.fileno())
        files[str(file.relative_to(unfinished))] = {"bytes": file.stat().st_size, "sha256": digest_of(file)}
    manifest = unfinished / MANIFEST
    with open(manifest, "w", encoding="utf-8") as stream:
        json.dump({**facts, "files": files}, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    replaced = unfinished.with_name(f"{REPLACED}{destination.name}")
    if destination.exists():
        shutil.rmtree(replaced, ignore_errors=True)
        os.replace(destination, replaced)
    os.replace(unfinished, destination)
    shutil.rmtree(replaced, ignore_errors=True)


def digest_of(file: Path) -> str:
    """Sum up a file by SHA-256.

    Args:
        file: Of any size.

    Returns:
        Hexadecimal digits.
    """
    total = hashlib.sha256()
    with open(file, "rb") as stream:
        while block := stream.read(_BLOCK):
            total.update(block)
    return total.hexdigest()


def read_facts(checkpoint: Path) -> dict[str, Any]:
    """Read what `publish` noted beside the files.

    Args:
        checkpoint: A folder.

    Returns:
        The facts; empty if there are none.
    """
    try:
        noted = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in noted.items() if key != "files"} if isinstance(noted, dict) else {}


def what_is_wrong(checkpoint: Path) -> str:
    """Compare a checkpoint with its list of files.

    Args:
        checkpoint: Its folder.

    Returns:
        What is wrong in a few words; empty if it is complete.
    """
    manifest = checkpoint / MANIFEST
    if not manifest.is_file():
        return f"it has no {MANIFEST}"
    try:
        files: dict[str, Any] = dict(json.loads(manifest.read_text(encoding="utf-8"))["files"])
        # Lists of before had sizes only.
        expected = {name: one if isinstance(one, dict) else {"bytes": one} for name, one in files.items()}
    except (ValueError, KeyError, TypeError):
        return f"its {MANIFEST} is damaged"
    for name, one in expected.items():
        file = checkpoint / name
        if not file.is_file():
            return f"{name} is missing"
        if file.stat().st_size != one.get("bytes"):
            return f"{name} has {file.stat().st_size} of {one.get('bytes')} bytes"
    # The digests last: they take a while, and most damage is a part that is missing.
    for name, one in expected.items():
        if one.get("sha256") not in (None, digest_of(checkpoint / name)):
            return f"{name} has changed since it was written (its SHA-256 differs)"
    return ""


def find_checkpoint(output: Path) -> Path | None:
    """Find the newest complete checkpoint; those that are not are named in the log.

    Args:
        output: The run's folder.

    Returns:
        Its folder; None if there is none.
    """
    for checkpoint in reversed(list_checkpoints(output)):
        wrong = what_is_wrong(checkpoint)
        if not wrong:
            return checkpoint
        logger.warning("%s is skipped: %s.", checkpoint, wrong)
    return None


def check_checkpoint(checkpoint: Path) -> Path:
    """See that a checkpoint that the user named is complete.

    Args:
        checkpoint: Its folder.

    Returns:
        The same.

    Raises:
        ValueError: If it is not there, not complete, or no checkpoint but a model.
    """
    wrong = what_is_wrong(checkpoint) if checkpoint.is_dir() else "there is no such folder"
    if not wrong and _NAME.match(checkpoint.name) is None:
        wrong = f"it is no {PREFIX}NUMBER of a run; a finished model goes under model.checkpoint"
    if wrong:
        raise ValueError(f"can't go on from {checkpoint}: {wrong}.")
    return checkpoint


def step_of(checkpoint: Path) -> int:
    """Tell at which optimiser step a checkpoint was written, by its name."""
    return int(checkpoint.name.removeprefix(PREFIX))


def list_checkpoints(output: Path) -> list[Path]:
    """List a run's checkpoints, oldest first."""
    if not output.is_dir():
        return []
    found = [(int(match[1]), path) for path in output.iterdir() if (match := _NAME.match(path.name))]
    return [path for _, path in sorted(found)]


def remove_oldest(output: Path, limit: int) -> None:
    """Keep the newest checkpoints only.

    Args:
        output: The run's folder.
        limit: How many.
    """
    for checkpoint in list_checkpoints(output)[:-limit]:
        # Renamed first: half a checkpoint must not have a checkpoint's name, not even while it is removed.
        gone = staging_folder(output) / f"removed-{checkpoint.name}"
        gone.parent.mkdir(exist_ok=True)
        os.replace(checkpoint, gone)
        shutil.rmtree(gone, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
