"""Run another program within limits: of time, memory and output, in a folder of its own, with few variables."""

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

MAX_OUTPUT_BYTES = 40_000_000
MAX_MEMORY_BYTES = 2_000_000_000
MAX_MESSAGE_BYTES = 4000  # Of what a program says about its failure.
# What a program needs to find itself and its letters; nothing else of ours reaches it.
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH", "FONTCONFIG_FILE")


def run_limited(
    command: list[str],
    folder: str | Path,
    *,
    timeout_s: float,
    given: bytes = b"",
    memory_bytes: int | None = MAX_MEMORY_BYTES,
    output_bytes: int = MAX_OUTPUT_BYTES,
    variables: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end.

    Args:
        command: The program and its arguments.
        folder: Where it runs; its home and its temporary files are here too.
        timeout_s: How long it may take.
        given: What it reads on standard input.
        memory_bytes: Most address space, or None for programs that reserve more than they use.
        output_bytes: Largest file that it may write.
        variables: Environment variables beside the few that are kept.

    Returns:
        Its return code, standard output (at most `output_bytes`) and the beginning of what it said on standard error.

    Raises:
        OSError: If it can't be started.
        subprocess.TimeoutExpired: If it was ended for its time; it and all that it started are gone.
    """
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder)} | (variables or {})
    with tempfile.TemporaryFile() as input_file, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as said:
        input_file.write(given)
        input_file.seek(0)
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=input_file,
            stdout=output,
            stderr=said,
            start_new_session=True,
            preexec_fn=partial(_set_limits, timeout_s, memory_bytes, output_bytes) if os.name == "posix" else None,
        )
        try:
            process.wait(timeout_s)
        finally:
            _end_group(process)
        output.seek(0)
        said.seek(0)
        return subprocess.CompletedProcess(
            command, process.returncode, output.read(output_bytes), said.read(MAX_MESSAGE_BYTES)
        )


def _set_limits(timeout_s: float, memory_bytes: int | None, output_bytes: int) -> None:
    """Limit the process that is about to become the program."""
    import resource

    limits = {
        resource.RLIMIT_CPU: int(timeout_s) + 2,
        resource.RLIMIT_FSIZE: output_bytes,
        resource.RLIMIT_CORE: 0,
    }
    if memory_bytes is not None:
        limits[resource.RLIMIT_AS] = memory_bytes
    for kind, limit in limits.items():
        _, hard = resource.getrlimit(kind)
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (allowed, allowed))


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it started, if any of them still runs."""
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()
