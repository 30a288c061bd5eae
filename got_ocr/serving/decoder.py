"""Decode uploads: by the processes of `processing.isolation`, a few at once, without holding up the event loop."""

import asyncio
import io
import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from ..processing.fetching import fetch
from ..processing.isolation import warm_up
from ..processing.options import PageError, SourceOptions
from ..processing.pages import FoundPage, find_pages
from .errors import ApiError
from .options import ServerOptions

# What a request may say of how its pages are loaded; other limits are nothing that a client can raise.
SPELLED = {"dpi": "dpi", "pages": "pages", "password": "password"}

_Result = TypeVar("_Result")


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


class _Upload(io.BytesIO):
    """A file that has a name for errors, and no path."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.data)
        self.name = source.name


class Decoder:
    """Finds and decodes pages.

    Args:
        options: The server's.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._threads = ThreadPoolExecutor(options.num_decoders, "got-ocr-decode")

    def _source_options(self) -> SourceOptions:
        return SourceOptions(
            timeout_s=self._options.fetch_timeout_s,
            max_bytes=self._options.max_bytes,
            max_pixels=self._options.max_pixels,
            page_timeout_s=self._options.decode_timeout_s,
            allow_private_addresses=False,
            spelled=SPELLED,
        )

    async def start(self) -> None:
        """Start a decoding process, for a page that comes soon."""
        await self._run(warm_up)

    async def find_pages(self, source: Source, max_pages: int) -> list[FoundPage]:
        """Find the pages of a source; pixels are not decoded.

        Args:
            source: What a client sent.
            max_pages: How many may be read.

        Returns:
            The pages.

        Raises:
            ApiError: If it is no picture, or has more pages.
        """

        def find() -> list[FoundPage]:
            options = SourceOptions.of(
                self._source_options(), dpi=source.dpi, pages=source.pages, password=source.password
            )
            found = list(itertools.islice(find_pages(_Upload(source), options), max_pages + 1))
            if len(found) == 1 and found[0].document is None:
                found[0].load()  # It can't be had, and says so.
            return found

        try:
            found = await self._run(find)
        except PageError as error:
            raise ApiError(422, str(error)) from None
        if len(found) > max_pages:
            raise ApiError(
                413, f"{source.name}: more than {self._options.max_pages} pages: choose some by `pages`.", "pages"
            )
        return found

    async def load_page(self, page: FoundPage) -> Image.Image:
        """Decode a page.

        Args:
            page: Of :meth:`find_pages`.

        Returns:
            An upright RGB picture.

        Raises:
            ApiError: If it can't be decoded.
        """
        try:
            return (await self._run(page.load)).image
        except PageError as error:
            raise ApiError(422, str(error)) from None

    async def fetch(self, url: str) -> bytes:
        """Fetch what a client named, from the public internet only.

        Args:
            url: An http(s) URL.

        Returns:
            The bytes.

        Raises:
            ApiError: If it can't be had; of addresses that are not public nothing more is said.
        """
        try:
            data, _ = await self._run(lambda: fetch(url, "url", self._source_options()))
        except PageError as error:
            raise ApiError(422, str(error), "url") from None
        return data

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        """Do something in a thread; a client that goes away does not end what its thread is at."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def close(self) -> None:
        """End the threads, when they are done; processes end with this one."""
        self._threads.shutdown(wait=False, cancel_futures=True)
