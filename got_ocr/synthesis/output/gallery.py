"""A small sheet of samples for a web page: cards of one size, the beginning of each picture and of its truth."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from got_ocr.synthesis.engine import EncodedSample
from got_ocr.synthesis.output.files import write_whole
from got_ocr.synthesis.output.preview import (
    ACCENT,
    CARD,
    CHIP,
    FAINT,
    INK,
    LINE,
    PAPER,
    cell_px,
    fit,
    mark_box,
    wrap,
    write,
)

WIDTH_PX = 1200
_COLUMNS = 3
_MARGIN_PX = 14
_PADDING_PX = 12
_PICTURE_PX = (356, 250)
_TEXT_PX = 12
_LEADING_PX = 16
_TRUTH_LINES = 3
_CUT = ("pages", "formatted", "multi-crop")
_LEAST_SCALE = 0.5  # Those are cut off below rather than made smaller than that, if they aren't wider.
_COLOURS = 200  # Of the file: it is a third of the size of one with all.


def write_gallery(path: Path, samples: Sequence[EncodedSample]) -> None:
    """Write the sheet as a PNG file of few colours.

    Args:
        path: the file; replaced if it exists.
        samples: at least one.

    Raises:
        OSError: it can't be written.
    """
    buffer = io.BytesIO()
    sheet = gallery(samples).quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=4, dither=Image.Dither.NONE)
    sheet.save(buffer, "PNG", optimize=True)
    write_whole(path, [buffer.getvalue()])


def gallery(samples: Sequence[EncodedSample]) -> Image.Image:
    """Lay samples out as cards of one size, three in a row.

    Args:
        samples: at least one.

    Returns:
        RGB, 1200 px wide.
    """
    cards = [_draw_card(sample) for sample in samples]
    step_x = (WIDTH_PX - _MARGIN_PX) // _COLUMNS
    step_y = cards[0].height + _MARGIN_PX
    rows = -(-len(cards) // _COLUMNS)
    sheet = Image.new("RGB", (WIDTH_PX, rows * step_y + _MARGIN_PX), PAPER)
    for place, card in enumerate(cards):
        row, column = divmod(place, _COLUMNS)
        sheet.paste(card, (_MARGIN_PX + column * step_x, _MARGIN_PX + row * step_y))
    return sheet


def _draw_card(sample: EncodedSample) -> Image.Image:
    width = (WIDTH_PX - _MARGIN_PX) // _COLUMNS - _MARGIN_PX
    inner = width - 2 * _PADDING_PX
    text_top = 2 * _PADDING_PX + 22 + _PICTURE_PX[1]
    card = Image.new("RGB", (width, text_top + (_TRUTH_LINES + 1) * _LEADING_PX + _PADDING_PX + 8), CARD)
    draw = ImageDraw.Draw(card)
    question = sample.conversation[0]["value"].removeprefix("<image>\n").strip()
    write(card, (_PADDING_PX, _PADDING_PX - 4), sample.job.kind, ACCENT, 16)
    pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in sample.pictures]
    if len(pictures) > 1:
        count = f"{len(pictures)} pages"
        write(card, (width - _PADDING_PX - cell_px(_TEXT_PX) * len(count), _PADDING_PX), count, FAINT, _TEXT_PX)
    shown = _strip(pictures, inner) if len(pictures) > 1 else _beginning(sample.job.kind, pictures[0], question, inner)
    left = _PADDING_PX + (inner - shown.width) // 2
    top = _PADDING_PX + 22 + (_PICTURE_PX[1] - shown.height) // 2
    card.paste(shown, (left, top))
    draw.rectangle((left - 1, top - 1, left + shown.width, top + shown.height), outline=LINE)
    columns = int(inner / cell_px(_TEXT_PX))
    draw.rectangle((_PADDING_PX, text_top, _PADDING_PX + inner, text_top + _LEADING_PX + 2), fill=CHIP)
    write(card, (_PADDING_PX + 5, text_top + 2), _shortened(question, columns - 1), ACCENT, _TEXT_PX)
    lines = wrap(sample.conversation[1]["value"], columns)
    for number, line in enumerate(lines[:_TRUTH_LINES]):
        ends = number == _TRUTH_LINES - 1 and len(lines) > _TRUTH_LINES
        place = (_PADDING_PX, text_top + (number + 1) * _LEADING_PX + 8)
        write(card, place, line[: columns - 2].rstrip() + " …" if ends else line, INK, _TEXT_PX)
    draw.rectangle((0, 0, width - 1, card.height - 1), outline=LINE)
    return card


def _shortened(text: str, columns: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= columns else text[: columns - 2].rstrip() + " …"


def _beginning(kind: str, picture: Image.Image, question: str, width: int) -> Image.Image:
    """Show the upper part of a page that would be too small to read, else the whole picture."""
    marked = mark_box(picture, [question], width)
    height = _PICTURE_PX[1]
    whole = fit(marked, width, height)
    if kind not in _CUT or whole.width / picture.width >= _LEAST_SCALE or picture.width > picture.height:
        return whole
    wide = fit(marked, width, 10**6)
    return wide.crop((0, 0, wide.width, min(height, wide.height)))


def _strip(pictures: Sequence[Image.Image], width: int) -> Image.Image:
    """Place the first pages side by side."""
    shown = pictures[:3]
    each = (width - 8 * (len(shown) - 1)) // len(shown)
    small = [fit(picture, each, _PICTURE_PX[1]) for picture in shown]
    strip = Image.new("RGB", (sum(page.width + 8 for page in small) - 8, max(page.height for page in small)), LINE)
    left = 0
    for page in small:
        strip.paste(page, (left, 0))
        left += page.width + 8
    return strip
