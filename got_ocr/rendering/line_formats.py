"""A page's lines with their boxes as hOCR and as ALTO, the forms of libraries, archives and correction tools.

A line's box is where it was seen. Words get boxes too, since both forms have them: shares of the line's box by the
words' characters, so they are estimates. Text without boxes (a model that reads whole pictures gives none) becomes one
block with the page's box, which both forms want of its lines too; its words have none. Lines without a word are left
out: ALTO's schema has none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from got_ocr.rendering.source import one_line
from got_ocr.version import __version__

LINE_FORMATS = ("hocr", "alto")
ALTO_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
ALTO_VERSION = "4.2"  # what eScriptorium and kraken read; valid by the schemas of 4.0 to 4.3 too
ALTO_SCHEMA = f"http://www.loc.gov/standards/alto/v4/alto-{ALTO_VERSION.replace('.', '-')}.xsd"
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class PageLine:
    """A line of a page.

    Attributes:
        text: What stands there.
        box: (x1, y1, x2, y2) in px of the picture, or None.
        confidence: Between 0 and 1, or None.
        block: Number of its paragraph, or None.
    """

    text: str
    box: Box | None = None
    confidence: float | None = None
    block: int | None = None


@dataclass(frozen=True)
class LinedPage:
    """A page as lines.

    Attributes:
        source: The picture's name.
        width_px: Its width.
        height_px: Its height.
        lines: In reading order.
        number: Of the page in its document, from 1.
    """

    source: str
    width_px: int
    height_px: int
    lines: Sequence[PageLine]
    number: int = 1

    def blocks(self) -> Iterator[tuple[Box, list[PageLine]]]:
        """Yield the paragraphs: the box around each, and its lines that show a word; a page without boxes is one."""
        shown = [line for line in self.lines if _plain(line.text).strip()]
        for _, group in groupby(shown, key=lambda line: line.block):
            lines = list(group)
            boxes = [line.box for line in lines if line.box is not None]
            yield _around(boxes) if boxes else (0, 0, self.width_px, self.height_px), lines


def _around(boxes: Sequence[Box]) -> Box:
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def split_words(line: PageLine) -> list[tuple[str, Box | None]]:
    """Split a line into words, each with its share of the box.

    Args:
        line: The line.

    Returns:
        Words with boxes; without where the line has none.
    """
    words = _plain(line.text).split()
    if line.box is None:
        return [(word, None) for word in words]
    left, top, right, bottom = line.box
    length = max(1, sum(map(len, words)) + len(words) - 1)
    placed: list[tuple[str, Box | None]] = []
    start = 0
    for word in words:
        ends = (left + (right - left) * place // length for place in (start, start + len(word)))
        x1, x2 = ends
        placed.append((word, (x1, top, max(x1 + 1, x2), bottom)))
        start += len(word) + 1
    return placed


def write_hocr(page: LinedPage) -> str:
    """Write hOCR 1.2 (http://kba.github.io/hocr-spec/1.2/).

    Args:
        page: The page.

    Returns:
        One XHTML document.
    """
    parts = []
    for number, (box, lines) in enumerate(page.blocks(), 1):
        written = "\n".join(_hocr_line(line, box, f"{number}_{place}") for place, line in enumerate(lines, 1))
        parts.append(f'<p class="ocr_par" id="par_{number}" title="{_bbox(box)}">\n{written}\n</p>')
    image = quoteattr(f'image "{one_line(page.source)}"; {_bbox(_whole(page))}; ppageno {page.number - 1}')
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head>
<title>{escape(one_line(page.source))}</title>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
<meta name="ocr-system" content="got-ocr {__version__}" />
<meta name="ocr-capabilities" content="ocr_page ocr_par ocr_line ocrx_word ocrp_wconf" />
</head>
<body>
<div class="ocr_page" id="page_{page.number}" title={image}>
{chr(10).join(parts)}
</div>
</body>
</html>
"""


def _hocr_line(line: PageLine, block: Box, name: str) -> str:
    sure = "" if line.confidence is None else f"; x_wconf {round(100 * line.confidence)}"
    words = " ".join(
        f'<span class="ocrx_word" id="word_{name}_{place}" title="{_bbox(box)}{sure}">{escape(word)}</span>'
        if box is not None
        else escape(word)
        for place, (word, box) in enumerate(split_words(line), 1)
    )
    # The specification wants a box of every line: of one whose own isn't known it is the block's, or the page's.
    return f'<span class="ocr_line" id="line_{name}" title="{_bbox(line.box or block)}">{words}</span>'


def _bbox(box: Box) -> str:
    return "bbox " + " ".join(map(str, box))


def _whole(page: LinedPage) -> Box:
    return 0, 0, page.width_px, page.height_px


def write_alto(page: LinedPage) -> str:
    """Write ALTO 4 (https://www.loc.gov/standards/alto/).

    Args:
        page: The page.

    Returns:
        One XML document, measured in px.
    """
    parts = []
    for number, (box, lines) in enumerate(page.blocks(), 1):
        written = "\n".join(_alto_line(line, box, f"{number}_{place}") for place, line in enumerate(lines, 1))
        parts.append(f'<TextBlock ID="block_{number}" {_place(box)}>\n{written}\n</TextBlock>')
    size = f'WIDTH="{page.width_px}" HEIGHT="{page.height_px}"'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<alto xmlns="{ALTO_NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xsi:schemaLocation="{ALTO_NAMESPACE} {ALTO_SCHEMA}" SCHEMAVERSION="{ALTO_VERSION}">
<Description>
<MeasurementUnit>pixel</MeasurementUnit>
<sourceImageInformation><fileName>{escape(one_line(page.source))}</fileName></sourceImageInformation>
<Processing ID="reading"><processingSoftware><softwareName>got-ocr</softwareName>\
<softwareVersion>{__version__}</softwareVersion></processingSoftware></Processing>
</Description>
<Layout>
<Page ID="page_{page.number}" PHYSICAL_IMG_NR="{page.number}" {size}>
<PrintSpace HPOS="0" VPOS="0" {size}>
{chr(10).join(parts)}
</PrintSpace>
</Page>
</Layout>
</alto>
"""


def _alto_line(line: PageLine, block: Box, name: str) -> str:
    sure = "" if line.confidence is None else f' WC="{line.confidence:.2f}"'
    words = []
    for place, (word, box) in enumerate(split_words(line), 1):
        where = f" {_place(box)}" if box is not None else ""
        words.append(f'<String ID="word_{name}_{place}"{where} CONTENT={quoteattr(word)}{sure}/>')
    return f'<TextLine ID="line_{name}" {_place(line.box or block)}>{"<SP/>".join(words)}</TextLine>'


def _place(box: Box) -> str:
    left, top, right, bottom = box
    return f'HPOS="{left}" VPOS="{top}" WIDTH="{right - left}" HEIGHT="{bottom - top}"'


def _plain(text: str) -> str:
    """Leave out what XML can't hold: a tab or a line end, which it can, is a space."""
    spaced = "".join(" " if character.isspace() else character for character in text)
    return "".join(
        one for one in spaced if one >= " " and one not in "\ufffe\uffff" and not "\ud800" <= one <= "\udfff"
    )


def write_lines(form: str, page: LinedPage) -> str:
    """Write a page in one of LINE_FORMATS.

    Args:
        form: Which.
        page: The page.

    Returns:
        The document.

    Raises:
        ValueError: If there is no such form.
    """
    if form not in LINE_FORMATS:
        raise ValueError(f"lines are written as {' or '.join(LINE_FORMATS)}, got {form!r}.")
    return write_hocr(page) if form == "hocr" else write_alto(page)
