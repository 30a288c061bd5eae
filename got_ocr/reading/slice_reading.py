"""Read pages slice by slice, as checkpoints do whose configuration has `slicing`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PIL import Image

from ..configuration.slicing import SlicingOptions
from ..processing.mode import Mode
from ..slices.joining import join_pieces, join_slices, spread_slices
from ..slices.sliced_page import SlicedPage
from ..slices.slicing import slice_page
from ..slices.structure import join_formatted
from .answer import GotOcrAnswer, GotOcrLine, join_answers, join_line
from .decoding import AnswerGenerator, Generation
from .options import SILENT, ReadingHooks
from .streaming import PageStream
from .turning import certainty, is_better_turned, turns_to_try

MAX_SLICES_PER_BATCH = 64
# Below this mean probability of its tokens a page that was read in slices is taken to have no text: pictures of other
# things came out at 0.2 to 0.65 and a few above, hard-worn pages at 0.8 and more.
NO_TEXT_PROBABILITY = 0.65
NO_TEXT_IN_REGION = 0.5  # The same of a box or a frame, which people draw around text, if through letters at times.
FIRST_SLICES = 8  # A streamed page's first text should come soon, and so many tell whether a page stands upright.
# Longest answer for a slice, in tokens (characters) an image token: a slice cannot hold more text than that.
SLICE_TOKENS_PER_IMAGE_TOKEN = 4

Box = tuple[int, int, int, int]


class SliceReader:
    """Read documents slice by slice and join the answers.

    In format mode headings, paragraphs, lists and tables come from the page's layout, if the checkpoint is made for
    slices; one that is not formats each slice by itself, and its answers are joined as plain text's.

    Args:
        generator: Turns batches into answers.
        mode: What to read.
        batch_size: Pictures of full size encoded at once.
        max_new_tokens: Longest answer of a slice.
        hooks: `on_text` gets lines as they are done, `stop_event` ends generation soon.
    """

    def __init__(
        self,
        generator: AnswerGenerator,
        mode: Mode,
        batch_size: int,
        max_new_tokens: int,
        hooks: ReadingHooks = SILENT,
    ) -> None:
        config = generator.config
        made_for_slices = bool(config.slicing)
        self.generator = generator
        # Of a slice that is read, the region is cut out already.
        self.mode = Mode(mode.ocr_type, instruction=mode.instruction)
        self.on_text = hooks.on_text
        self.formatted = mode.is_formatted and made_for_slices
        # A checkpoint that was not made for slices reads as many lines at once as fit.
        self.slicing = SlicingOptions.from_dict(config.slicing or {"rows": 0})
        self.canvas_px: int = config.vision_config.image_size
        self.step = min(MAX_SLICES_PER_BATCH, batch_size * max(1, 1024 // self.canvas_px) ** 2)
        limit = config.image_token_len * SLICE_TOKENS_PER_IMAGE_TOKEN if made_for_slices else max_new_tokens
        self.generation = Generation(min(max_new_tokens, limit), stop_event=hooks.stop_event)

    def read(self, pages: Sequence[Image.Image], regions: Sequence[Box]) -> GotOcrAnswer:
        """Read one document.

        Args:
            pages: Upright RGB pictures.
            regions: Of each the part to read, (x1, y1, x2, y2) in px.

        Returns:
            One answer for all.
        """
        texts: list[str] = []
        parts: list[GotOcrAnswer] = []
        lines: list[GotOcrLine] = []
        rotations: list[int] = []
        for page, region in zip(pages, regions, strict=True):
            sliced, read, is_text = self._read_page(page, region, is_first=not texts)
            rotations.append(sliced.rotation)
            parts += read
            if not sliced.slices or not is_text:
                texts.append("")
                continue
            join = join_formatted if self.formatted else join_slices
            texts.append(join(sliced, [answer.text for answer in read]))
            lines += _page_lines(sliced, read, region[:2])
        page_break = "\n\n" if self.formatted else "\n"
        return join_answers(page_break.join(texts).strip(), parts, lines, rotations)

    def _read_page(
        self, page: Image.Image, region: Box, is_first: bool
    ) -> tuple[SlicedPage, list[GotOcrAnswer], bool]:
        """Cut and read a page. Returns: the cut page, the answers for its slices, and whether they are of text."""
        cut = partial(slice_page, page.crop(region), self.slicing, self.canvas_px, formatted=self.formatted)
        sliced, read = _read_upright(cut, self._read_some, self.step if self.on_text is None else FIRST_SLICES)
        stream = PageStream(sliced, self.on_text, first=is_first, formatted=self.formatted)
        least = NO_TEXT_PROBABILITY if region == (0, 0, *page.size) else NO_TEXT_IN_REGION
        while True:
            is_text = bool(stream.given) or _is_text(read, least)
            if is_text:
                stream.put([answer.text for answer in read])
            if len(read) == len(sliced.slices):
                return sliced, read, is_text
            read += self._read_some(sliced.slices[len(read) : len(read) + self.step])

    def _read_some(self, slices: list[Image.Image]) -> list[GotOcrAnswer]:
        read: dict[int, GotOcrAnswer] = {}
        for places in _places_by_height(slices):
            some = [slices[place] for place in places]
            inputs = self.generator.processor(some, mode=self.mode, low_canvases=True, return_tensors="pt")
            read.update(zip(places, self.generator.generate(inputs, self.generation), strict=True))
        return [answer for _, answer in sorted(read.items())]


def _read_upright(
    cut: Callable[..., SlicedPage], read: Callable[[list[Image.Image]], list[GotOcrAnswer]], count: int
) -> tuple[SlicedPage, list[GotOcrAnswer]]:
    """Cut a picture and read the first of its slices, turned where its text stands on its side or its head.

    Args:
        cut: Cuts the picture, turned by the degrees clockwise that it is given.
        read: Reads slices.
        count: Slices to read of a picture that stands upright.

    Returns:
        The cut picture, and the answers for its first slices.
    """
    page = cut()
    answers = read(page.slices[: min(count, FIRST_SLICES) if page.is_sideways else count])
    best = certainty(answers[:FIRST_SLICES])
    for rotation in turns_to_try(page.is_sideways, best):
        turned = cut(rotation=rotation)
        turned_answers = read(turned.slices[: min(count, FIRST_SLICES)])
        turned_certainty = certainty(turned_answers)
        if is_better_turned(best, turned_certainty):
            page, answers, best = turned, turned_answers, turned_certainty
    return page, answers


def _places_by_height(slices: list[Image.Image]) -> list[list[int]]:
    """Group slices that can be read as a batch. Returns the places of those of each height, from low to high."""
    heights = sorted({image.height for image in slices})
    return [[place for place, image in enumerate(slices) if image.height == height] for height in heights]


def _is_text(answers: list[GotOcrAnswer], least: float) -> bool:
    """Whether a page's slices were read with enough certainty to be text, not a photograph's texture or grain."""
    certainty = join_answers("", answers).mean_probability
    return certainty is None or certainty >= least


def _page_lines(page: SlicedPage, answers: list[GotOcrAnswer], origin: tuple[int, int]) -> list[GotOcrLine]:
    """The lines of a page that was read in slices, with the certainty of the slices' lines that they are made of.

    Args:
        page: The cut page.
        answers: One a slice.
        origin: Where its upper left corner lies in the picture, in px.

    Returns:
        The lines that have text, their boxes around what they cover in the picture as it came.
    """
    if page.natural:
        return [line for answer in answers for line in answer.lines]
    parts = spread_slices(page, [answer.text for answer in answers])
    found: list[list[GotOcrLine]] = [[] for _ in page.line_boxes]
    for number, answer in enumerate(answers):
        pieces = [index for index, piece in enumerate(page.pieces) if piece.slice_index == number]
        one_each = len(pieces) == len(answer.lines)
        for place, index in enumerate(pieces):
            if parts[index]:
                found[page.pieces[index].line] += [answer.lines[place]] if one_each else answer.lines
    texts = join_pieces(page, parts)
    lines = []
    for text, read, line in zip(texts, found, page.layout.upright_lines, strict=True):
        if text and read:
            lines.append(join_line(replace(line, text=text, box=page.layout.place(line.box, origin)), read))
    return lines
