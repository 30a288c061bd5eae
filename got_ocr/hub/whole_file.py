"""Write a file that appears whole or not at all."""

import errno
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def check_target(target: str | Path) -> None:
    """Try whether a file could be written, without touching what stands there.

    Args:
        target: The file.

    Raises:
        OSError: If its folder is missing, or is not writable, or a folder has its name.
    """
    path = Path(target)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file.")
    check_replaceable(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist: make it, or name another file.")
    trial = _part_of(path)
    with suppress(FileExistsError), trial.open("xb"):
        pass
    trial.unlink(missing_ok=True)


def check_replaceable(target: str | Path) -> None:
    """See that a file would not take the place of a device, a pipe or a socket, as a rename does without a word.

    Args:
        target: The file, there or not.

    Raises:
        OSError: If it is one of these.
    """
    path = Path(target)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(
            errno.EINVAL, "It is a device, a pipe or a socket, which no file takes the place of", str(target)
        )


def write_whole(target: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file under another name beside the target, bring it to disk, and give it its name.

    Args:
        target: The file; what stands there stays till the new one is whole.
        write: Writes the file that it is given, whose name ends as the target's does.

    Raises:
        OSError: If it can't be written; nothing is left behind.
    """
    path = Path(os.path.realpath(target))  # A link stays a link.
    check_replaceable(path)
    part = _part_of(path)
    try:
        write(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        with suppress(OSError):
            part.chmod(path.stat().st_mode & 0o777)
        os.replace(part, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.strerror and error.filename in (None, str(part)):
            error.filename = str(target)  # The system doesn't say it for a full disk.
        raise
    _sync_folder(path.parent)


def _part_of(path: Path) -> Path:
    # File systems count bytes (255). What is longer is no format's suffix.
    stem = path.stem.encode("utf-8", "surrogateescape")[:150].decode("utf-8", "ignore")
    return path.with_name(
        f".{stem}.{os.getpid()}-{secrets.token_hex(4)}{path.suffix if len(path.suffix) < 20 else ''}"
    )


def _sync_folder(folder: Path) -> None:
    """Bring a rename to disk, where the system has a way to."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
