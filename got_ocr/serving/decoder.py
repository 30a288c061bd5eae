"""Decode uploads in child processes: see `decoding_worker` for what they may do."""

import asyncio
import contextlib
import json
import logging
import os
import sys
from dataclasses import dataclass
from typing import Any

from PIL import Image

from .decoding_worker import LENGTHS
from .errors import ApiError
from .options import ServerOptions

logger = logging.getLogger(__name__)

# A child's address space: Python, Pillow and PDFium reserve about 1 GB; 16-bit pixels pass through floats of 4 bytes
# in three channels, and exist twice for a moment.
BASE_MEMORY_BYTES = 2 * 2**30
MEMORY_BYTES_PER_PIXEL = 32
STREAM_LIMIT_BYTES = 4 * 2**20
START_TIMEOUT_S = 120.0  # Python and Pillow start in half a second, unless the machine is at its limits.


@dataclass(frozen=True)
class Source:
    """What a client sent to be read.

    Attributes:
        data: The file.
        name: What to call it in an error.
        pages: Which pages of a PDF or TIFF, such as `1-3,7`; None for all.
        dpi: Resolution at which PDF pages are drawn.
        password: Opens an encrypted PDF.
    """

    data: bytes
    name: str = "picture"
    pages: str | None = None
    dpi: float = 200
    password: str | None = None


class _Child:
    """One child process; started when it is first needed, and again after it was killed."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, header: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """Send a request and wait for the answer; the child is killed where it takes too long or breaks down."""
        try:
            if self._process is None or self._process.returncode is not None:
                self._process = await self._start()
                await asyncio.wait_for(self._receive(), START_TIMEOUT_S)
            return await asyncio.wait_for(self._ask(header, body), self._options.decode_timeout_s)
        except asyncio.TimeoutError:
            await self.kill()
            return {"error": f"takes more than {self._options.decode_timeout_s:g} seconds to decode."}, b""
        except (asyncio.IncompleteReadError, ConnectionError, OSError, ValueError):
            await self.kill()
            logger.warning("A decoding process ended over an upload.")
            return {"error": "can't be decoded: it is damaged, or needs too much memory."}, b""
        except BaseException:
            await self.kill()
            raise

    async def _ask(self, header: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        process = self._process
        if process is None or process.stdin is None:
            raise OSError("the child process has no pipe")
        text = json.dumps(header).encode()
        process.stdin.write(LENGTHS.pack(len(text), len(body)) + text)
        process.stdin.write(body)
        await process.stdin.drain()
        return await self._receive()

    async def _receive(self) -> tuple[dict[str, Any], bytes]:
        process = self._process
        if process is None or process.stdout is None:
            raise OSError("the child process has no pipe")
        header_length, body_length = LENGTHS.unpack(await process.stdout.readexactly(LENGTHS.size))
        header: dict[str, Any] = json.loads(await process.stdout.readexactly(header_length))
        return header, await process.stdout.readexactly(body_length)

    async def _start(self) -> asyncio.subprocess.Process:
        max_pixels = int(self._options.max_pixels)
        memory_bytes = BASE_MEMORY_BYTES + MEMORY_BYTES_PER_PIXEL * max_pixels
        # One thread each: every thread of OpenBLAS reserves address space.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment.pop("GOT_OCR_API_KEY", None)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "got_ocr.serving.decoding_worker",
            str(memory_bytes),
            str(max(max_pixels, 2**26)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=STREAM_LIMIT_BYTES,
            env=environment,
            # Ctrl-C is for the server, which ends its children when it is done.
            start_new_session=os.name == "posix",
        )

    async def kill(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class Decoder:
    """A few child processes that decode.

    Args:
        options: The server's.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._free: asyncio.Queue[_Child] = asyncio.Queue()
        self._children = [_Child(options) for _ in range(options.num_decoders)]
        self._tasks: set[asyncio.Task[tuple[dict[str, Any], bytes]]] = set()
        for child in self._children:
            self._free.put_nowait(child)

    async def find_pages(self, source: Source, max_pages: int) -> list[int]:
        """Find the pages of a source; pixels are not decoded.

        Args:
            source: What a client sent.
            max_pages: How many may be read.

        Returns:
            The pages' numbers, counted from 1.

        Raises:
            ApiError: If it is no picture, or has more pages.
        """
        header, _ = await self._ask(source, {"op": "inspect", "max_pages": max_pages})
        if header.get("too_many"):
            raise ApiError(
                413, f"{source.name}: more than {self._options.max_pages} pages: choose some by `pages`.", "pages"
            )
        if "error" in header:
            raise ApiError(422, self._describe(source, header["error"]))
        return [int(number) for number in header["numbers"]]

    async def load_page(self, source: Source, number: int) -> Image.Image:
        """Decode a page.

        Args:
            source: What a client sent.
            number: Which page, counted from 1.

        Returns:
            An upright RGB picture.

        Raises:
            ApiError: If it can't be decoded.
        """
        header, pixels = await self._ask(source, {"op": "load", "number": number})
        if "error" in header:
            raise ApiError(422, self._describe(source, header["error"]))
        return Image.frombytes("RGB", tuple(header["size"]), pixels)

    @staticmethod
    def _describe(source: Source, error: str) -> str:
        """Put the client's name in the place of what the child called it."""
        own = f"{len(source.data)} bytes"
        text = error.removeprefix(f"{own}#").removeprefix(f"{own}:").removeprefix(own).strip()
        # How the library's callers raise a limit is nothing that this call could do.
        text = text.replace(" or raise max_pixels", "").replace(" and PIL.Image.MAX_IMAGE_PIXELS", "")
        return f"{source.name}: {text}"

    async def _ask(self, source: Source, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        options = {
            "dpi": source.dpi,
            "pages": source.pages,
            "password": source.password,
            "max_bytes": self._options.max_bytes,
            "max_pixels": self._options.max_pixels,
        }
        # A client that goes away doesn't end what its child is at; the child is free again when that is done.
        task = asyncio.create_task(self._ask_child({**request, "options": options}, source.data))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def _ask_child(self, header: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        child = await self._free.get()
        try:
            return await child.ask(header, data)
        finally:
            self._free.put_nowait(child)

    async def close(self) -> None:
        """End all children."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for child in self._children:
            await child.kill()
