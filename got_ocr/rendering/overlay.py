"""What was read where, as a picture: the page with frames around its lines, and beside it the text in their places."""

from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from got_ocr.rendering.line_formats import PageLine
from got_ocr.rendering.page_geometry import complete_boxes

MAX_SIDE_PX = 2400  # of a page; a larger one is drawn reduced
SURE, DOUBTFUL = 0.9, 0.5  # confidence from which a frame is green, and below which it is red
COLOURS = ("#c02020", "#c08000", "#209020")
UNKNOWN_COLOUR = "#707070"  # of text whose place isn't known: it stands between its neighbours, without a frame
PAPER_COLOUR = "#ffffff"
PX_PER_STROKE = 1200
UPWARDS_RATIO = 2.0  # A box that is so much higher than wide holds text that runs up or down.
LEAST_FONT_PX, FONT_SHARE = 6, 0.8  # of a box's height
# Faces with letters of many scripts, as Linux, macOS and Windows call them; Pillow's own face has Latin alone.
FONT_FILES = (
    *("NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc", "Arial Unicode.ttf", "msyh.ttc", "DejaVuSans.ttf"),
    *("LiberationSans-Regular.ttf", "arial.ttf"),
)


def draw_reading(image: Image.Image, lines: Sequence[PageLine]) -> Image.Image:
    """Draw a page beside what was read of it.

    Args:
        image: The picture that was read, of any mode.
        lines: What was read, boxes in px of the picture.

    Returns:
        (H, W) RGB, twice as wide as the page: on the left the page with frames around the lines that have boxes, green
        where they were read surely, amber, red where it is doubtful; on the right their text where it stands, and in
        grey the text whose place isn't known.
    """
    page = image.convert("RGB")
    page.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    scale = page.width / image.width
    written = Image.new("RGB", page.size, PAPER_COLOUR)
    framed, pencil = ImageDraw.Draw(page), ImageDraw.Draw(written)
    stroke = max(1, round(max(page.size) / PX_PER_STROKE))
    for line, box in zip(lines, _places(lines, image.size), strict=True):
        colour = UNKNOWN_COLOUR if line.box is None else _colour(line.confidence)
        x1, y1, x2, y2 = (round(edge * scale) for edge in box)
        place = (x1, y1, max(x2, x1 + 1), max(y2, y1 + 1))
        if line.box is not None:
            for drawing in (framed, pencil):
                drawing.rectangle(place, outline=colour, width=stroke)
        _write(written, line.text, place, colour)
    both = Image.new("RGB", (2 * page.width, page.height))
    both.paste(page, (0, 0))
    both.paste(written, (page.width, 0))
    return both


def _places(lines: Sequence[PageLine], size: tuple[int, int]) -> list[tuple[float, float, float, float]]:
    """Where each line is drawn, in px of the picture."""
    if any(line.box is not None for line in lines):
        return [box for _, box in complete_boxes([(line.text, line.box) for line in lines], size)]
    step = size[1] / max(len(lines), 1)
    return [(0.0, step * number, float(size[0]), step * (number + 1)) for number in range(len(lines))]


def _colour(confidence: float | None) -> str:
    if confidence is None:
        return UNKNOWN_COLOUR
    return COLOURS[(confidence >= DOUBTFUL) + (confidence >= SURE)]


def _write(page: Image.Image, text: str, box: tuple[int, int, int, int], colour: str) -> None:
    """Write a text into a box, squeezed where it is too wide."""
    width, height = box[2] - box[0], box[3] - box[1]
    runs_up = height > UPWARDS_RATIO * width and len(text) > 1
    if runs_up:
        width, height = height, width
    font = _font(max(LEAST_FONT_PX, round(FONT_SHARE * height)))
    text = "".join(character if character.isprintable() else " " for character in text)
    left, top, right, bottom = font.getbbox(text)
    if right <= left or bottom <= top:
        return
    strip = Image.new("L", (round(right - left), round(bottom - top)))
    ImageDraw.Draw(strip).text((-left, -top), text, 255, font)
    strip = strip.resize((max(1, min(strip.width, width)), max(1, min(strip.height, height))))
    if runs_up:
        strip = strip.transpose(Image.Transpose.ROTATE_90)
    page.paste(colour, (box[0], box[1], box[0] + strip.width, box[1] + strip.height), strip)


@cache
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A face of a size, with as many letters as the machine has."""
    for name in FONT_FILES:
        try:
            return ImageFont.truetype(name, size_px)
        except OSError:
            continue
    return ImageFont.load_default(size_px)
