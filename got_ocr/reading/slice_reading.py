"""Read pages slice by slice, as checkpoints do whose configuration has `slicing`."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PIL import Image

from ..processing.processor import GotOcrProcessor
from ..slices.sliced_page import SlicedPage, SlicingOptions, join_pieces, join_slices, spread_slices
from ..slices.slicing import slice_page
from ..slices.structure import join_formatted
from .answer import GotOcrAnswer, GotOcrLine, join_answers, join_line
from .decoding import Generation, GotOcrDecodingMixin
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


class GotOcrSliceMixin(GotOcrDecodingMixin):
    """Reading by slices for :class:`GotOcrForConditionalGeneration`."""

    def _read_slices(
        self,
        processor: GotOcrProcessor,
        pages: list[Image.Image],
        regions: list[tuple[int, int, int, int]],
        ocr_type: str,
        batch_size: int,
        generation: Generation,
    ) -> GotOcrAnswer:
        """Read the regions of one document's pages slice by slice and join them.

        With `ocr_type` `format` headings, paragraphs, lists and tables come from the page's layout, if the checkpoint
        is made for slices; one that is not formats each slice by itself, and its answers are joined as plain text's.
        """
        formatted = ocr_type == "format" and bool(self.config.slicing)
        join, page_break = (join_formatted, "\n\n") if formatted else (join_slices, "\n")
        # A checkpoint that was not made for slices reads as many lines at once as fit.
        options = SlicingOptions.from_dict(self.config.slicing or {"rows": 0})
        if self.config.slicing:
            limit = min(generation.max_new_tokens, self.config.image_token_len * SLICE_TOKENS_PER_IMAGE_TOKEN)
            generation = replace(generation, max_new_tokens=limit)
        canvas_size = self.config.vision_config.image_size
        step = min(MAX_SLICES_PER_BATCH, batch_size * max(1, 1024 // canvas_size) ** 2)
        texts: list[str] = []
        parts: list[GotOcrAnswer] = []
        lines: list[GotOcrLine] = []
        rotations: list[int] = []

        def read_some(slices: list[Image.Image]) -> list[GotOcrAnswer]:
            read: dict[int, GotOcrAnswer] = {}
            for places in _places_by_height(slices):
                some = [slices[place] for place in places]
                inputs = processor(some, ocr_type=ocr_type, low_canvases=True, return_tensors="pt")
                answers = self._generate_answers(processor, inputs, replace(generation, on_text=None))
                read.update(zip(places, answers, strict=True))
            return [answer for _, answer in sorted(read.items())]

        for page, region in zip(pages, regions, strict=True):
            cut = partial(slice_page, page.crop(region), options, canvas_size, formatted=formatted)
            sliced, read = _read_upright(cut, read_some, step if generation.on_text is None else FIRST_SLICES)
            rotations.append(sliced.rotation)
            stream = PageStream(sliced, generation.on_text, first=not texts, formatted=formatted)
            least = NO_TEXT_PROBABILITY if region == (0, 0, *page.size) else NO_TEXT_IN_REGION
            while True:
                is_text = bool(stream.given) or _is_text(read, least)
                if is_text:
                    stream.put([answer.text for answer in read])
                if len(read) == len(sliced.slices):
                    break
                read += read_some(sliced.slices[len(read) : len(read) + step])
            parts += read
            if not sliced.slices or not is_text:
                texts.append("")
                continue
            texts.append(join(sliced, [answer.text for answer in read]))
            lines += _page_lines(sliced, read, region[:2])
        return join_answers(page_break.join(texts).strip(), parts, lines, rotations)


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
    answers = read(page.slices[: min(count, FIRST_SLICES) if page.sideways else count])
    best = certainty(answers[:FIRST_SLICES])
    for rotation in turns_to_try(page.sideways, best):
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
    for text, read, box in zip(texts, found, page.line_boxes, strict=True):
        if text and read:
            x, y = zip(*page.corners(box), strict=True)
            left, top = origin
            box = round(min(x) + left), round(min(y) + top), round(max(x) + left), round(max(y) + top)
            lines.append(join_line(text, read, box))
    return lines
