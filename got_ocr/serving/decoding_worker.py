"""The child process that decodes what clients send: no network of its own, no files, bounded memory.

Pictures of strangers go through decoders written in C. Here one that hangs is killed by its parent, and one that
crashes takes nothing else along. Run as `python -m got_ocr.serving.decoding_worker MAX_MEMORY_BYTES`.

A message, both ways: the lengths of its two parts (4 and 8 bytes, big-endian), a JSON header, raw bytes.
Requests: `inspect` (which pages are there?) and `load` (the pixels of one). Answers: `numbers`, or `size` with RGB
bytes behind it, or `error`.
"""

import contextlib
import importlib
import json
import os
import struct
import sys
import warnings
from typing import Any, BinaryIO

LENGTHS = struct.Struct(">IQ")


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """Read a message.

    Args:
        stream: Where from.

    Returns:
        Header and bytes; None at the end.
    """
    head = stream.read(LENGTHS.size)
    if len(head) < LENGTHS.size:
        return None
    header_length, body_length = LENGTHS.unpack(head)
    header: dict[str, Any] = json.loads(stream.read(header_length))
    return header, stream.read(body_length)


def write_message(stream: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
    """Write a message.

    Args:
        stream: Where to.
        header: Anything that JSON can say.
        body: Raw bytes.
    """
    text = json.dumps(header).encode()
    stream.write(LENGTHS.pack(len(text), len(body)) + text)
    stream.write(body)
    stream.flush()


def limit_process(max_memory_bytes: int) -> None:
    """Take rights away from this process: memory, writing files, starting others, opening many files.

    Args:
        max_memory_bytes: Of its address space.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limits; the parent's time limit holds there too.
        return
    limits = {
        resource.RLIMIT_AS: max_memory_bytes,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 32,
    }
    for kind, value in limits.items():
        try:
            resource.setrlimit(kind, (value, value))
        except (OSError, ValueError):  # A stricter limit of the system stays.
            continue


def answer(header: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Answer one request.

    Args:
        header: `op`, `max_pages`, `number`, and options of `find_pages`.
        data: The file.

    Returns:
        Header and bytes of the answer.
    """
    from ..processing.pages import PageError, find_pages, parse_page_numbers

    options = header["options"]
    try:
        if header["op"] == "inspect":
            parse_page_numbers(options["pages"])
            numbers: list[int] = []
            for found in find_pages(data, **options):
                if len(numbers) >= header["max_pages"]:
                    return {"too_many": True}, b""
                if not numbers:
                    # What can't be had is found all the same, and says so when loaded.
                    found_error = _error_of(found)
                    if found_error:
                        return {"error": found_error}, b""
                numbers.append(found.number)
            return {"numbers": numbers}, b""
        number = header["number"]
        # A picture of one frame has no pages to choose from.
        chosen = {**options, "pages": str(number)}
        for found in find_pages(data, **chosen):
            image = found.load().image
            return {"size": image.size}, image.tobytes()
        return {"error": f"page {number} is not there."}, b""
    except PageError as error:
        return {"error": str(error)}, b""
    except MemoryError:
        return {"error": "there is not enough memory to decode it: send a smaller picture, or a lower dpi."}, b""
    except Exception as error:  # Decoders raise nearly anything over damaged data.
        return {"error": f"it is damaged: {type(error).__name__}."}, b""


def _error_of(found: Any) -> str:
    """Say why a source can't be opened; empty if it can be. Pixels are not decoded."""
    from ..processing.pages import PageError

    # `find_pages` gives a failure as a loader that holds the error.
    arguments = getattr(found.loader, "args", ())
    return next((str(argument) for argument in arguments if isinstance(argument, PageError)), "")


def main() -> None:
    """Answer requests on standard input until it ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What a decoder prints must not stand among our answers.
    warnings.simplefilter("ignore")
    from PIL import Image

    from ..processing import pages  # noqa: F401 - before limits, so that nothing need be opened later

    with contextlib.suppress(ImportError):
        importlib.import_module("pypdfium2")
    Image.init()
    Image.MAX_IMAGE_PIXELS = int(sys.argv[2])
    limit_process(int(sys.argv[1]))
    write_message(answers, {"ready": True})
    while (message := read_message(requests)) is not None:
        header, body = answer(*message)
        write_message(answers, header, body)
        del body


if __name__ == "__main__":
    main()
