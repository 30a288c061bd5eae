"""Read pages slice by slice, as checkpoints do whose configuration has `slicing`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from PIL import Image

from ..configuration.slicing import SlicingOptions
from ..layout.text_places import place_text
from ..layout.time_limit import OutOfTimeError, is_out_of_time
from ..processing.mode import Mode
from ..processing.prompt import PLAIN
from ..slices.joining import join_pieces, join_slices
from ..slices.lookalikes import close_numbers, settle_lookalikes
from ..slices.sliced_page import SlicedPage
from ..slices.slicing import slice_page
from ..slices.structure import join_formatted
from .answer import GotOcrAnswer, GotOcrLine, join_answers, join_line
from .doubt import (
    DOUBTFUL_PAGE,
    DOUBTFUL_REGION,
    MOST_LOOKS,
    PieceReading,
    check_piece,
    check_slice,
    is_doubtful,
    is_mixed_up,
    is_screen,
    least_of_slight,
)
from .formulas import BACKSLASH, choose_plain, insert_formulas, may_have_formulas, without_latex
from .generating import Generation, SliceGenerator
from .line_boxes import lines_of_places
from .options import SILENT, ReadingHooks, ReadingOptions
from .page_stream import PageStream
from .second_look import count_whole, look_again
from .turning import HEAD_TURNS, certainty, choose_sample, is_better_turned, put_on_head, turns_to_try

MAX_SLICES_PER_BATCH = 64
# What the model writes of formulas, delimited or not; a lone backslash may stand on the page.
LATEX = re.compile(r"\\[()\[\]]|\\[A-Za-z]{2,}")
FIRST_SLICES = 8  # A streamed page's first text should come soon, and so many tell whether a page stands upright.
# Longest answer for a slice, in tokens (characters) an image token: a slice cannot hold more text than that.
SLICE_TOKENS_PER_IMAGE_TOKEN = 4

Box = tuple[int, int, int, int]


class SliceReader:
    """Read documents slice by slice and join the answers.

    In format mode headings, paragraphs, lists and tables come from the page's layout, if the checkpoint is made for
    slices; one that is not formats each slice by itself, and its answers are joined as plain text's.

    Args:
        engine: Turns batches into answers.
        processor: The checkpoint's.
        mode: What to read.
        options: How; `batch_size` counts pictures of full size, `max_new_tokens` is the longest answer of a slice.
        hooks: `on_text` gets lines as they are done, `stop_event` ends generation soon.
        draft: What the whole answer may be, looked up for each slice; None: nothing is drafted.
    """

    def __init__(
        self,
        generator: SliceGenerator,
        mode: Mode,
        options: ReadingOptions,
        hooks: ReadingHooks = SILENT,
        draft: str | None = None,
    ) -> None:
        config = generator.config
        made_for_slices = bool(config.slicing)
        self.generator = generator
        # Of a slice that is read, the region is cut out already.
        self.mode = Mode(mode.ocr_type, instruction=mode.instruction)
        self.on_text = hooks.on_text
        self.formatted = mode.is_formatted and made_for_slices
        self.is_plain = not (mode.is_formatted or mode.instruction)
        # Small ones misread in ways that are known: what they read is looked at again and settled.
        self.corrects = made_for_slices and not mode.instruction
        # A checkpoint that was not made for slices reads as many lines at once as fit.
        self.slicing = SlicingOptions.from_dict(config.slicing or {"rows": 0})
        self.canvas_px: int = config.vision_config.image_size
        self.step = min(MAX_SLICES_PER_BATCH, options.batch_size * max(1, 1024 // self.canvas_px) ** 2)
        limit = options.max_new_tokens
        if made_for_slices:
            limit = min(limit, config.image_token_len * SLICE_TOKENS_PER_IMAGE_TOKEN)
        self.generation = Generation(
            limit,
            stop_event=hooks.stop_event,
            options=options.generation,
            drafts=() if draft is None else (draft,),
            draft_tokens=options.draft_tokens,
            on_prompts=hooks.on_prompts,
        )

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
        unread: list[Box] = []
        for page, region in zip(pages, regions, strict=True):
            sliced, read, checked = self._read_page(page, region, is_first=not texts)
            rotations.append(sliced.rotation)
            parts += read
            join = join_formatted if self.formatted else join_slices
            texts.append(join(sliced, [_texts_of(sliced, pieces) for pieces in checked]))
            found, left_out = _page_lines(sliced, checked, region[:2])
            lines += found
            unread += left_out
        page_break = "\n\n" if self.formatted else "\n"
        return replace(join_answers(page_break.join(texts).strip(), parts, lines, rotations), unread=tuple(unread))

    def _read_page(
        self, page: Image.Image, region: Box, is_first: bool
    ) -> tuple[SlicedPage, list[GotOcrAnswer], list[list[PieceReading]]]:
        """Cut and read a page. Returns: the cut page, the answers for its slices, and what is text of each."""
        cut = partial(slice_page, page.crop(region), self.slicing, self.canvas_px, formatted=self.formatted)
        sliced, read = _read_upright(cut, self._read_some, self.step if self.on_text is None else FIRST_SLICES)
        stream = PageStream(sliced, self.on_text, first=is_first, formatted=self.formatted)
        is_page = region == (0, 0, *page.size) and not sliced.layout.is_crop
        least = DOUBTFUL_PAGE if is_page else DOUBTFUL_REGION
        checked: list[list[PieceReading]] = []
        looks = MOST_LOOKS
        while True:
            doubtful = is_doubtful(read, least) or (is_page and is_screen(read))
            # What was handed on stays as it is. A line that goes on waits for the rest of it.
            done = count_whole(sliced, len(read)) if self.corrects else len(read)
            numbers = range(len(checked), done)
            alone = self._read_alone(sliced, [n for n in numbers if is_mixed_up(sliced, n, read[n])], doubtful, looks)
            looks -= sum(map(len, alone.values()))
            some = [
                alone[number] if number in alone else check_slice(sliced, number, read[number], doubtful)
                for number in numbers
            ]
            if self.corrects:
                some = look_again(sliced, some, numbers.start, doubtful, self._read_all)
                some = [_corrected(sliced, number, pieces) for number, pieces in zip(numbers, some, strict=True)]
            checked += some
            stream.put([_texts_of(sliced, pieces) for pieces in checked])
            if len(read) == len(sliced.slices):
                return sliced, read, checked
            if is_out_of_time():
                read += [GotOcrAnswer("", "stop")] * (len(sliced.slices) - len(read))
                continue
            read += self._read_some(sliced.slices[len(read) : len(read) + self.step])

    def _read_alone(
        self, page: SlicedPage, numbers: Sequence[int], doubtful: bool, most: int
    ) -> dict[int, list[PieceReading]]:
        """Read each piece of some slices alone, no more than `most`. Returns: the readings of those by slice."""
        chosen: list[int] = []
        pictures: list[Image.Image] = []
        for number in numbers:
            shown = [page.show_alone(piece) for piece in page.pieces_of(number)]
            if len(pictures) + len(shown) <= most:
                chosen.append(number)
                pictures += shown
        answers = iter(self._read_some(pictures) if pictures else [])
        return {
            number: [
                check_piece(next(answers), doubtful, least_of_slight(page, piece)) for piece in page.pieces_of(number)
            ]
            for number in chosen
        }

    def _read_all(self, slices: list[Image.Image]) -> list[GotOcrAnswer]:
        """Read slices, as many at once as allowed; none once time is up. Returns: an answer for each."""
        answers: list[GotOcrAnswer] = []
        while len(answers) < len(slices):
            if is_out_of_time():
                answers += [GotOcrAnswer("", "stop")] * (len(slices) - len(answers))
            else:
                answers += self._read_some(slices[len(answers) : len(answers) + self.step])
        return answers

    def _read_some(self, slices: list[Image.Image]) -> list[GotOcrAnswer]:
        if self.is_plain:
            return self._read_plain(slices)
        if not self.formatted or self.mode.instruction:
            return self._generate(slices, self.mode, self.generation)
        answers = self._read_plain(slices)
        places = [place for place, answer in enumerate(answers) if may_have_formulas(answer)]
        if places and not is_out_of_time():
            formatted = self._generate([slices[place] for place in places], self.mode, self.generation)
            for place, answer in zip(places, formatted, strict=True):
                answers[place] = insert_formulas(answers[place], answer)
        return answers

    def _read_plain(self, slices: list[Image.Image]) -> list[GotOcrAnswer]:
        answers = self._generate(slices, PLAIN, self.generation)
        # A small model writes letters that it can't tell as formulas. Without the sign that opens one it reads text.
        places = [place for place, answer in enumerate(answers) if LATEX.search(answer.text)]
        if places and not is_out_of_time():
            suppressed = tuple(self.generator.encode(BACKSLASH)[:1])
            plain = self._generate(
                [slices[place] for place in places], PLAIN, replace(self.generation, suppressed_tokens=suppressed)
            )
            for place, answer in zip(places, plain, strict=True):
                answers[place] = choose_plain(answers[place], answer)
        elif places:
            answers = [without_latex(answer) for answer in answers]
        return answers

    def _generate(self, slices: list[Image.Image], mode: Mode, generation: Generation) -> list[GotOcrAnswer]:
        """Read slices, those of one height together."""
        read: dict[int, GotOcrAnswer] = {}
        for places in _places_by_height(slices):
            some = [slices[place] for place in places]
            read.update(zip(places, self.generator.read_slices(some, mode, generation), strict=True))
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
    best = certainty(answers)
    # Few letters of a word that was cut out look as sure on their heads.
    turns = turns_to_try(page.is_sideways, best) if page.is_sideways or not page.layout.is_crop else ()
    sample = choose_sample(page.slices)
    if turns and len(page.slices) > len(answers):
        best = certainty(read(sample))
    is_turned = False
    for rotation in turns:
        if is_out_of_time():
            break
        if rotation in HEAD_TURNS:  # Slices on their heads tell for a tenth of what cutting the page once more costs.
            on_head = certainty(read([put_on_head(one, page.options.margin_px) for one in sample]))
            if (on_head or 0.0) <= (best or 0.0):
                continue
        turned = cut(rotation=rotation)
        turned_certainty = certainty(read(choose_sample(turned.slices)))
        if is_better_turned(best, turned_certainty, page.layout.is_crop):
            page, best, is_turned = turned, turned_certainty, True
    return page, read(page.slices[:count]) if is_turned else answers


def _places_by_height(slices: list[Image.Image]) -> list[list[int]]:
    """Group slices that can be read as a batch. Returns the places of those of each height, from low to high."""
    heights = sorted({image.height for image in slices})
    return [[place for place, image in enumerate(slices) if image.height == height] for height in heights]


def _corrected(page: SlicedPage, number: int, pieces: list[PieceReading]) -> list[PieceReading]:
    """Settle what looks alike, and spaces within numbers, in what was read of a slice's pieces."""
    texts = [settle_lookalikes(piece.text) for piece in pieces]
    if not page.natural:
        shown = page.pieces_of(number)
        texts = [
            close_numbers(text, page.slices[number], piece.slice_box) for text, piece in zip(texts, shown, strict=True)
        ]
    return [replace(piece, text=text) for piece, text in zip(pieces, texts, strict=True)]


def _texts_of(page: SlicedPage, pieces: list[PieceReading]) -> str | list[str]:
    """What a slice reads: a text for each piece, or all of it where the page is shown as it is."""
    texts = [piece.text for piece in pieces]
    return "\n".join(text for text in texts if text) if page.natural else texts


def _page_lines(
    page: SlicedPage, checked: list[list[PieceReading]], origin: tuple[int, int]
) -> tuple[list[GotOcrLine], list[Box]]:
    """The lines of a page that was read in slices, with the certainty of the slices' lines that they are made of.

    Args:
        page: The cut page.
        checked: What is text of each slice.
        origin: Where its upper left corner lies in the picture, in px.

    Returns:
        The lines that have text, their boxes around what they cover in the picture as it came; and the boxes of lines
        that were seen and of which nothing could be read.
    """
    readings = [piece for pieces in checked for piece in pieces]
    if page.natural:
        return _natural_lines(page, [line for piece in readings for line in piece.lines], origin), []
    found: list[list[GotOcrLine]] = [[] for _ in page.line_boxes]
    for piece, reading in zip(page.pieces, readings, strict=True):
        found[piece.line] += reading.lines
    texts = join_pieces(page, [reading.text for reading in readings])
    lines, unread = [], []
    for text, read, line in zip(texts, found, page.layout.upright_lines, strict=True):
        box = page.layout.place(line.box, origin)
        if text and read:
            lines.append(join_line(replace(line, text=text, box=box), read))
        else:
            unread.append(box)
    return lines, unread


def _natural_lines(page: SlicedPage, lines: list[GotOcrLine], origin: tuple[int, int]) -> list[GotOcrLine]:
    """The lines of a picture that was read as it is, with the boxes of its layout's."""
    found = page.layout.upright_lines
    if len(lines) == len(found):
        return [
            replace(line, box=page.layout.place(seen.box, origin), block=seen.block)
            for line, seen in zip(lines, found, strict=True)
        ]
    answer = GotOcrAnswer("\n".join(line.text for line in lines), "stop", lines=tuple(lines))
    try:
        return list(lines_of_places(answer, page.layout, place_text(page.layout, answer.text), origin))
    except OutOfTimeError:
        return lines
