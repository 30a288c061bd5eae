"""What ends a run with one clear line: numbers that are none, nothing learned, a full disk, a process that is lost."""

import errno
import math
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor, distributed

from got_ocr.modeling.finite import NonFiniteError

LOCK_FILE = ".lock"
OWNER_FILE = ".lock-owner"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What safetensors and torch.save say instead of an error number.
_FULL_WORDS = (
    "no space left",
    "disk quota exceeded",
    "file too large",
    "unexpected pos",
    "pytorchstreamwriter failed",
)
# How Gloo, NCCL and torch's store name themselves in errors that are plain RuntimeErrors.
_BACKENDS = ("gloo", "nccl", "tcpstore")
_TIMEOUT_WORDS = ("timed out", "timeout")


class LostProcessError(RuntimeError):
    """A process that a run needs ended, or has not answered for too long."""


def check_finite_weights(weights: Mapping[str, Tensor], where: str, advice: str) -> None:
    """Refuse weights that hold NaN or infinity: they make every answer empty and every loss NaN.

    Args:
        weights: Tensors by name.
        where: Whose they are, for the message.
        advice: What to do.

    Raises:
        NonFiniteError: If there are any; the message names the first tensor.
    """
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            bad = int((~torch.isfinite(tensor)).sum())
            raise NonFiniteError(
                f"{where}: {bad} of {tensor.numel()} numbers of {name} are NaN or infinite: {advice}."
            )


def check_finite_loss(loss: float, step: int, precision: str, learning_rate: float) -> None:
    """Stop a run whose loss is NaN or infinite, before its weights are.

    Args:
        loss: Of a step.
        step: Which.
        precision: That is computed in.
        learning_rate: The run's peak.

    Raises:
        NonFiniteError: If it is.
    """
    if math.isfinite(loss):
        return
    narrow = "fp16's range is narrow, so try bf16 or float32; or " if precision == "fp16" else ""
    raise NonFiniteError(
        f"the loss of step {step} is {loss}: {narrow}the learning rate ({learning_rate:g}) is too high for these "
        "weights, so lower it and go on from the last checkpoint, or the weights that the run began with are damaged."
    )


def check_learned(seen: int, bad: int, where: str) -> None:
    """Refuse the outcome of a run, or of its part, in which no sample could be trained on.

    Args:
        seen: Samples seen by all processes.
        bad: How many of them are bad.
        where: Where their names stand and the last one's reason.

    Raises:
        ValueError: If nothing was learned.
    """
    if bad >= seen:
        what = f"all {seen} samples are bad" if seen else "there was no sample"
        raise ValueError(f"nothing was learned: {what}{f' ({where})' if where else ''}; no model is written.")


@contextmanager
def naming_full_disk(folder: Path) -> Iterator[None]:
    """Say in one line that there is no room left, whoever noticed it, and where.

    Args:
        folder: That is written to.

    Raises:
        OSError: Of the number ENOSPC, in the place of whatever said that it is so.
    """
    try:
        yield
    except Exception as error:
        if not is_full_disk(error):
            raise
        said = "there is no room left for a checkpoint: free some, or lower saving.limit; the same command then goes "
        raise OSError(errno.ENOSPC, f"{said}on from the last complete one", str(folder)) from error


def is_full_disk(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came from, is a full disk, a quota or a limit on the size of files.

    Args:
        error: Any.

    Returns:
        Whether it is.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        # torch's RuntimeError and safetensors' own class have words only.
        if not isinstance(error, ValueError) and any(word in str(error).lower() for word in _FULL_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def naming_lost_process(timeout: str) -> Iterator[None]:
    """Say in one line that a process of the run is lost: backends name sockets, and lines of their sources.

    Args:
        timeout: How long processes wait for one another, in words for the message.

    Raises:
        LostProcessError: In the place of what a backend said.
    """
    try:
        yield
    except RuntimeError as error:
        if "dataloader worker" in str(error).lower():
            raise LostProcessError(
                "a process that loads samples was ended from outside, most often for want of memory: lower "
                "data.workers; what was saved is kept, and started again the run goes on from it."
            ) from error
        said = _of_backend(error)
        if not said:
            raise
        if any(word in said for word in _TIMEOUT_WORDS):
            what = f"has not answered for {timeout}: see what it is doing"
        else:
            what = "has ended: what it said, or the system's log, tells why"
        raise LostProcessError(
            f"another process of this run {what}; what was saved is kept, and started again the run goes on from it."
        ) from error


def _of_backend(error: BaseException | None) -> str:
    """What a backend of torch.distributed said, in lower case; empty where it was none that failed."""
    while isinstance(error, RuntimeError):
        said = str(error).lower()
        is_its_class = distributed.is_available() and isinstance(error, distributed.DistError)
        if is_its_class or any(name in said for name in _BACKENDS):
            return said
        error = error.__cause__
    return ""


@contextmanager
def only_trainer(output: Path) -> Iterator[None]:
    """Keep a run's folder from a second trainer: the two would mix their checkpoints.

    Args:
        output: The run's folder; made if it isn't there.

    Raises:
        ValueError: If another process trains in it now.
    """
    output.mkdir(parents=True, exist_ok=True)
    lock, owner = FileLock(output / LOCK_FILE), output / OWNER_FILE
    try:
        lock.acquire(timeout=0)
    except Timeout:
        named = owner.read_text(encoding="utf-8").strip() if owner.is_file() else "another process"
        raise ValueError(
            f"{output} is being trained in by {named}: wait until it is done, or name another --output."
        ) from None
    try:
        owner.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()
