"""From a request's files to the answers for its pages: admission, decoding, reading, limits of time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from ..processing.mode import Mode
from ..processing.pages import FoundPage
from ..reading.answer import GotOcrAnswer
from ..reading.reader import PAGE_BREAK
from .decoder import Decoder, Source
from .errors import ApiError
from .metrics import Metrics
from .options import ServerOptions
from .reading_thread import ReadingTask, ReadingThread


@dataclass(frozen=True)
class ReadRequest:
    """What is to be read.

    Attributes:
        sources: The files, in order.
        mode: What to read of each page, or of all together.
        max_new_tokens: Longest answer a page.
        on_text: Gets text as it comes.
        on_picture: Gets each page's place in the answer and its picture.
        line_boxes: Whether the boxes of lines are wanted.
    """

    sources: Sequence[Source]
    mode: Mode
    max_new_tokens: int
    on_text: Callable[[str], None] | None = None
    on_picture: Callable[[int, Image.Image], None] | None = None
    line_boxes: bool = False


@dataclass(frozen=True)
class PageAnswer:
    """What became of a page.

    Attributes:
        source: Which of the request's files, counted from 0.
        page: Its page in that, counted from 1.
        answer: What was read; with `error` where the page could not be.
        size: (height, width) of its picture in px; None without one.
        num_prompt_tokens: Tokens of its prompts.
    """

    source: int
    page: int
    answer: GotOcrAnswer
    size: tuple[int, int] | None = None
    num_prompt_tokens: int = 0


@dataclass
class _Place:
    """A page that is to be read, and its place in the answer."""

    index: int
    source_index: int
    source: Source
    number: int = 1
    found: FoundPage | None = None
    error: str = ""


class Service:
    """One loaded model and everybody who wants it.

    Args:
        model: The network.
        processor: The checkpoint's.
        options: The server's.
    """

    def __init__(self, model: Any, processor: Any, options: ServerOptions) -> None:
        self.options = options
        self.metrics = Metrics()
        self.created = int(time.time())
        self.reading = ReadingThread(model, processor, options.batch_size, self.metrics)
        self.decoder = Decoder(options)
        self._num_admitted = 0
        # Decoded pages are large. So many are in memory at once, over all requests; and one document read together.
        self._decoded = asyncio.Semaphore(options.batch_size + options.num_decoders)
        self._together = asyncio.Semaphore(1)

    async def start(self) -> None:
        """Begin to read."""
        self.reading.start()
        await self.decoder.start()

    async def close(self) -> None:
        """Stop reading and end all processes."""
        await asyncio.to_thread(self.reading.close)
        await self.decoder.close()

    @contextlib.asynccontextmanager
    async def admit(self) -> AsyncIterator[None]:
        """Let a request in, or refuse it where too many wait.

        Raises:
            ApiError: With status 429 and when to come again.
        """
        if self._num_admitted >= self.options.max_waiting:
            raise ApiError(
                429,
                f"{self._num_admitted} requests wait already: come again later.",
                retry_after_s=self.metrics.retry_after_s(self._num_admitted),
            )
        self._num_admitted += 1
        self.metrics.in_progress.set(self._num_admitted)
        try:
            yield
        finally:
            self._num_admitted -= 1
            self.metrics.in_progress.set(self._num_admitted)

    async def read(self, request: ReadRequest) -> list[PageAnswer]:
        """Read a request's pages.

        Args:
            request: What is to be read.

        Returns:
            An answer for each page; one for all that are read together.

        Raises:
            ApiError: If no page can be read, there are too many, or it takes too long.
        """
        try:
            answers = await asyncio.wait_for(self._read(request), self.options.request_timeout_s)
        except asyncio.TimeoutError:
            raise ApiError(
                504, f"not done within {self.options.request_timeout_s:g} seconds: send fewer or smaller pages."
            ) from None
        except RuntimeError as error:
            if "out of memory" not in str(error).lower():
                raise
            raise ApiError(
                503, "not enough memory for this now: send smaller or fewer pages.", retry_after_s=10
            ) from error
        for one in answers:
            self.metrics.pages.labels(one.answer.finish_reason).inc()
            self.metrics.prompt_tokens.inc(one.num_prompt_tokens)
            self.metrics.generated_tokens.inc(one.answer.num_tokens)
        return answers

    async def _read(self, request: ReadRequest) -> list[PageAnswer]:
        places = await self._find(request.sources)
        if request.mode.multi_page:
            return [await self._read_together(places, request)]
        if request.on_text is not None:
            answers = []
            for place in places:
                if place.index:
                    request.on_text(PAGE_BREAK)
                answers.append(await self._read_place(place, request))
        else:
            # One long document must not keep others from the decoders.
            at_once = asyncio.Semaphore(self.options.batch_size)

            async def read(place: _Place) -> PageAnswer:
                async with at_once:
                    return await self._read_place(place, request)

            answers = await _gather([read(place) for place in places])
        if all(one.answer.error is not None for one in answers):
            raise ApiError(422, answers[0].answer.error or "no page could be read.")
        return answers

    async def _find(self, sources: Sequence[Source]) -> list[_Place]:
        """Find all pages. A file that is none is a page with an error, where there are others."""
        places: list[_Place] = []
        for source_index, source in enumerate(sources):
            try:
                found = await self.decoder.find_pages(source, self.options.max_pages - len(places))
            except ApiError as error:
                if error.status != 422 or len(sources) == 1:
                    raise
                places.append(_Place(len(places), source_index, source, error=error.message))
                continue
            places += [
                _Place(len(places) + offset, source_index, source, page.number, page)
                for offset, page in enumerate(found)
            ]
        return places

    async def _read_place(self, place: _Place, request: ReadRequest) -> PageAnswer:
        if place.found is None:
            return self._failed(place, place.error)
        async with self._decoded:
            try:
                image = await self.decoder.load_page(place.found)
            except ApiError as error:
                return self._failed(place, error.message)
            if request.on_picture is not None:
                await asyncio.to_thread(request.on_picture, place.index, image)
            task = ReadingTask([image], request.mode, request.max_new_tokens, request.on_text, request.line_boxes)
            size = (image.height, image.width)
            del image
            try:
                answer = await self.reading.read(task)
            except ValueError as error:
                return self._failed(place, f"{place.source.name}: {error}")
        if answer.error is not None:
            answer = replace(answer, error=f"{place.source.name}: {answer.error}")
        return PageAnswer(place.source_index, place.number, answer, size, task.num_prompt_tokens)

    async def _read_together(self, places: Sequence[_Place], request: ReadRequest) -> PageAnswer:
        async with self._together:
            pages = []
            for place in places:
                if place.found is None:
                    raise ApiError(422, place.error)
                pages.append(await self.decoder.load_page(place.found))
            task = ReadingTask(pages, request.mode, request.max_new_tokens, request.on_text)
            del pages
            try:
                answer = await self.reading.read(task)
            except ValueError as error:
                raise ApiError(422, str(error)) from None
        return PageAnswer(0, 1, answer, None, task.num_prompt_tokens)

    @staticmethod
    def _failed(place: _Place, error: str) -> PageAnswer:
        answer = GotOcrAnswer("", "error", error=error)
        return PageAnswer(place.source_index, place.number, answer)


async def _gather(coroutines: Sequence[Any]) -> list[PageAnswer]:
    """Wait for all; where one fails or the caller is cancelled, all others are cancelled before this returns."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
