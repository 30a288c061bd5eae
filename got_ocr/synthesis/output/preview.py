"""A sheet of samples with their truth, so that people look before they train.

Each sample is a card: its kind and number, the picture (a strip of them where there are several), what is asked and
what is to be answered. A box that the question names is drawn over the picture in magenta, dashed: it isn't in the
file. A line that goes on after a wrap is indented; `⏎` ends the lines of the truth.
"""

import io
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from got_ocr.synthesis.engine import EncodedSample
from got_ocr.synthesis.output.files import write_whole

SHEET_WIDTH_PX = 2000
_MARGIN_PX = 40
_GAP_PX = 28
_PADDING_PX = 22
_TEXT_PX = 17
_LEADING_PX = 24
_HEADING_PX = 22
_TALLEST_PICTURE_PX = 760
_TALLEST_WIDE_PICTURE_PX = 620
_PICTURES_A_ROW = 4
_MOST_LINES = 14  # of truth below a picture; beside one there is room for more
_LAST_LINES = 3  # of them are the end of a truth that is too long
_PICTURE_SHARE = 0.56  # of the card, where the truth stands beside it

PAPER = (236, 239, 243)
CARD = (255, 255, 255)
LINE = (205, 210, 218)
INK = (28, 32, 38)
FAINT = (128, 137, 150)
ACCENT = (22, 84, 160)
CHIP = (231, 240, 251)
_BOX = (226, 0, 122)

# Found by Pillow in the system's folders; all but the first group cover Chinese.
_MONOSPACE = (
    "DejaVuSansMono.ttf",
    "LiberationMono-Regular.ttf",
    "NotoSansMono-Regular.ttf",
    "Menlo.ttc",
    "consola.ttf",
)
_CHINESE = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
    "DroidSansFallbackFull.ttf",
    "gbsn00lp.ttf",  # Arphic's, which `make system` installs
    "gkai00mp.ttf",
    "PingFang.ttc",
    "msyh.ttc",
)
_BOX_ASKED = re.compile(r"^\[(\d+(?:, ?\d+){1,3})\]")


def write_sheet(path: Path, samples: Sequence[EncodedSample]) -> None:
    """Write the sheet as a PNG file.

    Args:
        path: the file; replaced if it exists.
        samples: at least one.

    Raises:
        OSError: it can't be written.
    """
    buffer = io.BytesIO()
    contact_sheet(samples).save(buffer, "PNG")
    write_whole(path, [buffer.getvalue()])


def contact_sheet(samples: Sequence[EncodedSample]) -> Image.Image:
    """Lay samples out as cards in two columns.

    Args:
        samples: at least one.

    Returns:
        RGB, 2000 px wide (half of it for a single sample), as high as it takes.
    """
    columns = min(2, len(samples))
    card_width = (SHEET_WIDTH_PX - 2 * _MARGIN_PX - _GAP_PX) // 2
    width = 2 * _MARGIN_PX + columns * card_width + (columns - 1) * _GAP_PX
    heights = [_MARGIN_PX] * columns
    places = []
    for sample in samples:
        card = _draw_card(sample, card_width)
        column = heights.index(min(heights))
        places.append((card, _MARGIN_PX + column * (card_width + _GAP_PX), heights[column]))
        heights[column] += card.height + _GAP_PX
    sheet = Image.new("RGB", (width, max(heights) - _GAP_PX + _MARGIN_PX), PAPER)
    for card, left, top in places:
        sheet.paste(card, (left, top))
    return sheet


def _draw_card(sample: EncodedSample, width: int) -> Image.Image:
    """Draw one sample; gives the card, as high as it takes."""
    pictures = [Image.open(io.BytesIO(data)).convert("RGB") for data in sample.pictures]
    card = Image.new("RGB", (width, 6000), CARD)
    inner = width - 2 * _PADDING_PX
    top = _draw_heading(card, sample, pictures, inner)
    questions = [turn["value"].removeprefix("<image>\n") for turn in sample.conversation[::2]]
    answers = [turn["value"] for turn in sample.conversation[1::2]]
    turns = list(zip(questions, answers, strict=True))
    if len(pictures) > 1:
        top = _draw_strip(card, pictures, top, inner) + _GAP_PX // 2
        bottom = _draw_turns(card, turns, _PADDING_PX, top, inner, _MOST_LINES)
    else:
        picture = mark_box(pictures[0], questions, inner)
        if picture.height > picture.width:
            picture_width = int(inner * _PICTURE_SHARE)
            shown = fit(picture, picture_width, _TALLEST_PICTURE_PX)
            _paste(card, shown, _PADDING_PX, top)
            left = _PADDING_PX + shown.width + _GAP_PX
            lines = max(_MOST_LINES, (shown.height - 2 * _LEADING_PX * len(turns)) // _LEADING_PX)
            bottom = _draw_turns(card, turns, left, top, width - _PADDING_PX - left, lines)
            bottom = max(bottom, top + shown.height)
        else:
            shown = fit(picture, inner, _TALLEST_WIDE_PICTURE_PX)
            _paste(card, shown, _PADDING_PX + (inner - shown.width) // 2, top)
            top += shown.height + _GAP_PX // 2
            bottom = _draw_turns(card, turns, _PADDING_PX, top, inner, _MOST_LINES)
    card = card.crop((0, 0, width, bottom + _PADDING_PX))
    ImageDraw.Draw(card).rectangle((0, 0, card.width - 1, card.height - 1), outline=LINE)
    return card


def _draw_heading(card: Image.Image, sample: EncodedSample, pictures: Sequence[Image.Image], width: int) -> int:
    """Write kind, number and size; gives where the rest begins."""
    job = sample.job
    write(card, (_PADDING_PX, _PADDING_PX - 4), f"{job.kind} {job.number}", ACCENT, _HEADING_PX)
    sizes = f"{pictures[0].width} × {pictures[0].height} px"
    if len(pictures) > 1:
        sizes = f"{len(pictures)} pictures, the first {sizes}"
    right = f"seed {job.seed} · {sizes}"
    left = _PADDING_PX + width - int(cell_px(_TEXT_PX) * len(right))
    write(card, (left, _PADDING_PX), right, FAINT, _TEXT_PX)
    return _PADDING_PX + _HEADING_PX + 18


def _draw_strip(card: Image.Image, pictures: Sequence[Image.Image], top: int, width: int) -> int:
    """Place several pictures in rows; gives where they end."""
    a_row = min(_PICTURES_A_ROW, len(pictures))
    each = (width - (a_row - 1) * 12) // a_row
    for start in range(0, len(pictures), a_row):
        row = [fit(picture, each, _TALLEST_WIDE_PICTURE_PX) for picture in pictures[start : start + a_row]]
        for place, shown in enumerate(row):
            _paste(card, shown, _PADDING_PX + place * (each + 12), top)
        top += max(shown.height for shown in row) + 12
    return top - 12


def _draw_turns(
    card: Image.Image, turns: Sequence[tuple[str, str]], left: int, top: int, width: int, most_lines: int
) -> int:
    """Write questions and answers; gives where they end."""
    columns = int(width / cell_px(_TEXT_PX))
    each = max(2 + _LAST_LINES, most_lines // len(turns))
    draw = ImageDraw.Draw(card)
    for question, answer in turns:
        asked = wrap(question.strip(), columns - 2)
        draw.rectangle((left, top, left + width, top + len(asked) * _LEADING_PX + 8), fill=CHIP)
        for line in asked:
            write(card, (left + 8, top + 5), line, ACCENT, _TEXT_PX)
            top += _LEADING_PX
        top += 18
        lines = wrap(answer, columns, mark="⏎")
        if len(lines) > each:
            head, tail = lines[: each - 1 - _LAST_LINES], lines[len(lines) - _LAST_LINES :]
            top = _draw_answer(card, head, left, top)
            hidden = len(lines) - len(head) - len(tail)
            write(card, (left, top), f"… {hidden} lines more …", FAINT, _TEXT_PX)
            top += _LEADING_PX
            lines = tail
        top = _draw_answer(card, lines, left, top)
        top += 10
    return top - 10


def _draw_answer(card: Image.Image, lines: Sequence[str], left: int, top: int) -> int:
    """Write lines of truth, their ends faint; gives where they end."""
    for line in lines:
        text = line.removesuffix("⏎")
        write(card, (left, top), text, INK, _TEXT_PX)
        if text != line:
            write(card, (left + cell_px(_TEXT_PX) * _columns_of(text), top), "⏎", LINE, _TEXT_PX)
        top += _LEADING_PX
    return top


def fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Make a picture small enough; never larger than it is.

    Args:
        picture: any.
        width: most px.
        height: most px.

    Returns:
        The picture, in its own shape.
    """
    scale = min(width / picture.width, height / picture.height, 1.0)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def _paste(card: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    card.paste(picture, (left, top))
    ImageDraw.Draw(card).rectangle((left - 1, top - 1, left + picture.width, top + picture.height), outline=LINE)


def mark_box(picture: Image.Image, questions: Sequence[str], shown_width: int) -> Image.Image:
    """Draw the boxes and points that the questions name, thick enough to be seen once the picture is small.

    Args:
        picture: RGB; not changed.
        questions: instructions.
        shown_width: px that it will be shown in.

    Returns:
        The picture with them; the same where none is named.
    """
    marked = picture
    for question in questions:
        match = _BOX_ASKED.match(question)
        if match is None:
            continue
        marked = picture.copy() if marked is picture else marked
        sides = (picture.width, picture.height)
        numbers = [int(n) * sides[place % 2] / 1000 for place, n in enumerate(match[1].split(","))]
        draw = ImageDraw.Draw(marked)
        thick = max(2, round(3 * max(picture.width / shown_width, picture.height / _TALLEST_PICTURE_PX)))
        if len(numbers) == 2:
            x, y = numbers
            draw.ellipse((x - 5 * thick, y - 5 * thick, x + 5 * thick, y + 5 * thick), outline=_BOX, width=thick)
            draw.line((x - 8 * thick, y, x + 8 * thick, y), _BOX, thick)
            draw.line((x, y - 8 * thick, x, y + 8 * thick), _BOX, thick)
        elif len(numbers) == 4:
            _draw_dashed(draw, numbers, thick)
    return marked


def _draw_dashed(draw: ImageDraw.ImageDraw, box: Sequence[float], thick: int) -> None:
    x1, y1, x2, y2 = box
    dash = 6 * thick
    for start, end, fixed, is_across in (
        (x1, x2, y1, True),
        (x1, x2, y2, True),
        (y1, y2, x1, False),
        (y1, y2, x2, False),
    ):
        at = start
        while at < end:
            until = min(at + dash, end)
            draw.line((at, fixed, until, fixed) if is_across else (fixed, at, fixed, until), _BOX, thick)
            at += 1.6 * dash


def wrap(text: str, columns: int, mark: str = "") -> list[str]:
    """Break text into lines of so many cells; lines that go on are indented by two.

    Args:
        text: any, of several lines too.
        columns: cells a line.
        mark: what to put after each line of the text but the last.

    Returns:
        The lines.
    """
    lines = []
    paragraphs = text.expandtabs(4).split("\n")
    for number, paragraph in enumerate(paragraphs):
        rest = "".join(_visible(character) for character in paragraph)
        rest += mark if number < len(paragraphs) - 1 else ""
        indent = ""
        while True:
            cut = _cut(rest, columns - len(indent))
            lines.append(indent + rest[:cut])
            rest = rest[cut:].lstrip(" ") if cut < len(rest) else ""
            if not rest:
                break
            indent = "  "
    return lines


def _visible(character: str) -> str:
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in ("Cc", "Cs") else character


def _cut(text: str, columns: int) -> int:
    """Find how much of the text fits: up to a space in the last third, or as much as there is room for."""
    used = 0
    for place, character in enumerate(text):
        used += _columns_of(character)
        if used > columns and place > 0:
            space = text.rfind(" ", 2 * place // 3, place)
            return place if space < 0 else space + 1
    return len(text)


def _columns_of(text: str) -> int:
    """Count cells: characters of East Asia take two, marks that combine take none."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    marks = sum(unicodedata.combining(character) > 0 for character in text)
    return len(text) + wide - marks


@cache
def _font(names: tuple[str, ...], size_px: int) -> ImageFont.FreeTypeFont | None:
    for name in names:
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    return None


@cache
def cell_px(size_px: int) -> float:
    """Measure a cell.

    Args:
        size_px: em size.

    Returns:
        Its width, px.
    """
    return _monospace(size_px).getlength("M")


@cache
def _monospace(size_px: int) -> ImageFont.FreeTypeFont:
    found = _font(_MONOSPACE, size_px) or ImageFont.load_default(size_px)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise ValueError("Pillow was built without FreeType: install its usual wheel (pip install pillow)")
    return found


@cache
def _font_for(character: str, size_px: int) -> ImageFont.FreeTypeFont:
    """Choose the font that has the character, the monospaced one where none has."""
    first = _monospace(size_px)
    if ord(character) < 127:
        return first
    for font in (first, _font(_CHINESE, size_px)):
        if font is not None and bytes(font.getmask(character)) != bytes(font.getmask("\U0010fffe")):
            return font
    return first


def write(
    card: Image.Image, place: tuple[float, float], text: str, colour: tuple[int, int, int], size_px: int
) -> None:
    """Write one line, each character in its cell.

    Args:
        card: what to write on.
        place: left and top, px.
        text: the line.
        colour: its ink.
        size_px: em size.
    """
    draw = ImageDraw.Draw(card)
    left, top = place
    baseline = top + size_px
    for character in text:
        draw.text((left, baseline), character, colour, font=_font_for(character, size_px), anchor="ls")
        left += cell_px(size_px) * _columns_of(character)
