"""The page: its parts, and what they do."""

import asyncio
import html
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

# Before Gradio is imported, which reads it then.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio
from fastapi import FastAPI
from PIL import Image

from ...processing.mode import COLORS, Mode
from ..app import create_app
from ..decoder import Source
from ..errors import ApiError
from ..messages import make_mode
from ..options import ServerOptions
from ..outputs import PictureStore, check_output
from ..service import PageAnswer, ReadRequest, Service
from .page_view import make_page_view, show_page
from .results import KINDS, ResultFolder, render_answer, sandboxed, write_files

TYPES = (("Plain", "ocr"), ("Formatted", "format"))
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pdf")
LABELS = {"txt": "Text", "md": "Markdown", "html": "HTML", "pdf": "PDF", "json": "JSON"}
CLEANING_S = (600, 3600)  # How often Gradio looks for uploads to remove, and how old those are.
_HERE = Path(__file__).parent


def create_demo_app(model: Any, processor: Any, options: ServerOptions | None = None) -> FastAPI:
    """Make the server's application with the page at `/`.

    Args:
        model: The network, on its device.
        processor: The checkpoint's.
        options: Limits, name, key.

    Returns:
        An ASGI application, to be run by one process with its lifespan.
    """
    options = options or ServerOptions()
    app = create_app(model, processor, options)
    page = Demo(app.state.service).build()
    # No theme with fonts from elsewhere, no links to elsewhere, no second server by Node.
    mounted: FastAPI = gradio.mount_gradio_app(
        app,
        page,
        path="/",
        server_name="127.0.0.1",
        footer_links=[],
        run_history=False,
        show_error=True,
        max_file_size=options.max_bytes,
        ssr_mode=False,
        enable_monitoring=False,
        theme=gradio.themes.Default(
            primary_hue="blue",
            neutral_hue="slate",
            radius_size="lg",
            font=["system-ui", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
        ),
        css=(_HERE / "page.css").read_text(encoding="utf-8"),
        js=(_HERE / "page.js").read_text(encoding="utf-8"),
    )
    return mounted


class Demo:
    """What the page's parts do.

    Args:
        service: Decodes and reads.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.results = ResultFolder()

    def build(self) -> gradio.Blocks:
        """Lay the page out and connect its parts."""
        with gradio.Blocks(title="got-ocr", analytics_enabled=False, delete_cache=CLEANING_S, fill_width=True) as page:
            gradio.HTML(
                f"<h1>got-ocr</h1><p>Model: <b>{html.escape(self.service.options.model_name)}</b></p>", elem_id="head"
            )
            with gradio.Row(equal_height=False):
                with gradio.Column(scale=5, min_width=360):
                    asked = self._lay_out_question()
                with gradio.Column(scale=6, min_width=360):
                    shown = self._lay_out_answer()
            self._connect(asked, shown)
        page.queue(max_size=self.service.options.max_waiting)
        return page

    @staticmethod
    def _lay_out_question() -> dict[str, Any]:
        parts: dict[str, Any] = {}
        parts["file"] = gradio.File(
            label="Picture or PDF", file_types=list(SUFFIXES), type="filepath", elem_id="upload", height=100
        )
        parts["number"] = gradio.Slider(1, 2, value=1, step=1, label="Page", visible=False, elem_id="page-number")
        parts["view"] = make_page_view()
        with gradio.Row():
            parts["type"] = gradio.Radio(
                list(TYPES), value="ocr", label="Read as", elem_id="type", scale=2, min_width=230
            )
            parts["box"] = gradio.Textbox(
                label="Only this box",
                placeholder="drag on the page",
                max_length=200,
                scale=2,
                min_width=160,
                elem_id="box",
            )
            parts["color"] = gradio.Dropdown(
                [("no frame", ""), *((f"a {one} frame", one) for one in COLORS)],
                value="",
                label="Only inside",
                scale=1,
                min_width=140,
                elem_id="color",
            )
        with gradio.Accordion("Own instruction", open=False):
            parts["instruction"] = gradio.Textbox(
                show_label=False,
                placeholder="in the place of the model's own, for a model that was trained on it",
                max_length=2000,
                elem_id="instruction",
            )
        return parts

    @staticmethod
    def _lay_out_answer() -> dict[str, Any]:
        parts: dict[str, Any] = {}
        with gradio.Row():
            parts["read"] = gradio.Button("Read", variant="primary", elem_id="read", scale=3)
            parts["stop"] = gradio.Button("Stop", elem_id="stop", scale=1)
        parts["status"] = gradio.HTML(elem_id="status")
        with gradio.Tabs(elem_id="answer-tabs"):
            with gradio.Tab("Text"):
                parts["text"] = gradio.Textbox(
                    show_label=False, lines=18, max_lines=40, buttons=["copy"], interactive=False, elem_id="answer"
                )
            with gradio.Tab("Rendered"):
                parts["rendered"] = gradio.HTML(elem_id="rendered")
        with gradio.Row(elem_id="downloads"):
            for kind in KINDS:
                parts[kind] = gradio.DownloadButton(
                    LABELS[kind], interactive=False, size="sm", min_width=60, elem_id=f"download-{kind}"
                )
        return parts

    def _connect(self, asked: dict[str, Any], shown: dict[str, Any]) -> None:
        # Nothing of this is an API: that is the server's own.
        quiet = {"api_visibility": "private", "show_progress": "hidden"}
        files = [shown[kind] for kind in KINDS]
        answer = [shown["status"], shown["text"], shown["rendered"], *files]
        new_page = [asked["view"], asked["box"], *answer]
        asked["file"].change(self.open, asked["file"], [asked["number"], *new_page], **quiet)
        asked["number"].release(self.turn, [asked["file"], asked["number"]], new_page, **quiet)
        asked["view"].select(_take_box, None, asked["box"], **quiet)
        question = [asked[name] for name in ("file", "number", "type", "box", "color", "instruction")]
        reading = shown["read"].click(
            self.read, question, [asked["view"], *answer], concurrency_limit=self.service.options.max_waiting, **quiet
        )
        shown["stop"].click(lambda: _status("Stopped."), None, shown["status"], cancels=[reading], **quiet)

    async def open(self, path: str | None) -> tuple[Any, ...]:
        """Show a file's first page.

        Args:
            path: Where Gradio keeps the upload; None when it was taken away.

        Returns:
            The slider of pages, then what `turn` returns.
        """
        if path is None:
            return (gradio.update(visible=False), None, "", *_no_answer())
        try:
            found = await self.service.decoder.find_pages(_source(path), self.service.options.max_pages)
        except ApiError as error:
            raise gradio.Error(error.message, print_exception=False) from None
        several = len(found) > 1
        slider = gradio.update(maximum=max(len(found), 2), value=1, visible=several, label=f"Page, of {len(found)}")
        return (slider, *await self.turn(path, 1))

    async def turn(self, path: str | None, number: int) -> tuple[Any, ...]:
        """Show a page.

        Args:
            path: The upload.
            number: The page, from 1.

        Returns:
            The page's view, the box, and the parts of an answer, all of them empty.
        """
        if path is None:
            return (None, "", *_no_answer())
        try:
            (found,) = await self.service.decoder.find_pages(_source(path, number), 1)
            image = await self.service.decoder.load_page(found)
        except ApiError as error:
            raise gradio.Error(error.message, print_exception=False) from None
        view = await asyncio.to_thread(show_page, image)
        return (view, "", *_no_answer(f"{image.width} × {image.height} px"))

    async def read(
        self, path: str | None, number: int, kind: str, box: str, color: str, instruction: str
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Read a page.

        Args:
            path: The upload.
            number: The page, from 1.
            kind: `ocr` or `format`.
            box: Read only this; empty for all.
            color: Read only what a frame of this colour encloses; empty for all.
            instruction: Own words; empty for the published prompt.

        Yields:
            The page's view and the parts of an answer: first as the text comes, then whole.
        """
        if path is None:
            raise gradio.Error("Upload or paste a picture first.", print_exception=False)
        try:
            mode = make_mode({"type": kind, "box": box, "color": color, "instruction": instruction or None})
            async with self.service.admit():
                async for parts in self._read(_source(path, number), mode, Path(path).stem):
                    yield parts
        except ApiError as error:
            raise gradio.Error(error.message, print_exception=False) from None
        except ValueError as error:
            raise gradio.Error(str(error), print_exception=False) from None

    async def _read(self, source: Source, mode: Mode, name: str) -> AsyncIterator[tuple[Any, ...]]:
        same = gradio.skip()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        images: list[Image.Image] = []
        with PictureStore(_can_be_pdf(mode, source)) as pictures:

            def keep(index: int, image: Image.Image) -> None:
                images.append(image)
                if pictures.is_needed:
                    pictures.put(index, image)

            request = ReadRequest([source], mode, self.service.options.max_new_tokens, pieces.put_nowait, keep, True)
            task = asyncio.ensure_future(self.service.read(request))
            task.add_done_callback(lambda _: pieces.put_nowait(None))
            try:
                text = ""
                yield (same, _status("Reading …"), text, "", *_downloads())
                while (piece := await pieces.get()) is not None:
                    text += piece
                    yield (same, same, text, same, *(same for _ in KINDS))
                (page,) = await task
            finally:
                task.cancel()  # Where the visitor stopped or went away; a task that is done stays done.
            view, rendered, files = await asyncio.to_thread(self._finish, page, mode, images[0], pictures, name)
            yield (view, _status(_describe(page)), page.answer.text, rendered, *_downloads(files))

    def _finish(
        self, page: PageAnswer, mode: Mode, image: Image.Image, pictures: PictureStore, name: str
    ) -> tuple[dict[str, Any], str, dict[str, Path]]:
        document = render_answer(page, mode)
        files = write_files(self.results.make(), name, page, mode, document, pictures)
        return show_page(image, page.answer.lines, mode.box), sandboxed(document), files


def _source(path: str, number: int | None = None) -> Source:
    file = Path(path)  # Gradio takes paths of its own uploads only.
    return Source(file.read_bytes(), file.name, None if number is None else str(int(number)))


def _can_be_pdf(mode: Mode, source: Source) -> bool:
    try:
        check_output("pdf", mode, [source])
    except ApiError:
        return False
    return True


def _take_box(event: gradio.EventData) -> str:
    box = event._data.get("box") if isinstance(event._data, dict) else None
    return ",".join(str(int(value)) for value in box) if isinstance(box, list) and len(box) == 4 else ""


def _downloads(files: dict[str, Path] | None = None) -> Sequence[Any]:
    found = files or {}
    return [
        gradio.update(value=str(found[kind]), interactive=True)
        if kind in found
        else gradio.update(value=None, interactive=False)
        for kind in KINDS
    ]


def _no_answer(status: str = "") -> tuple[Any, ...]:
    return (_status(status), "", "", *_downloads())


def _status(text: str) -> str:
    return f"<span>{html.escape(text)}</span>" if text else ""


def _describe(page: PageAnswer) -> str:
    answer = page.answer
    if not answer.text:
        return "No text was found."
    num_lines = len(answer.lines)
    said = [f"{num_lines} line{'' if num_lines == 1 else 's'}", f"{answer.num_tokens} tokens"]
    if answer.mean_probability is not None:
        said.append(f"mean certainty {answer.mean_probability:.2f}")
    doubtful = sum(line.is_low_confidence for line in answer.lines)
    if doubtful:
        said.append(f"{doubtful} worth a look")
    if answer.unread:
        said.append(f"{len(answer.unread)} left out")
    endings = {"length": "cut at the limit of tokens", "repetition": "stopped in a loop"}
    if answer.finish_reason in endings:
        said.append(endings[answer.finish_reason])
    return ", ".join(said)
