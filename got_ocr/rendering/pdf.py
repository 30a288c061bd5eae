"""Searchable PDFs: the pages' pictures with their text behind, invisible, to be found, selected and copied.

Written by pikepdf (kept, packaged widely, and able to take pages over from another PDF; reportlab, fpdf2 and pypdfium2
were weighed: the first two can't keep existing pages, the last embeds whole fonts to write text). The text layer uses
one font of an empty glyph, as Tesseract and OCRmyPDF do, with a table from its codes to Unicode: so any script is
extracted right and no font is needed.

GOT gives no boxes, so a page's lines are spread over it in reading order; where boxes are known they are used.
"""

import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from got_ocr.rendering.document import render

LETTER_HEIGHT_PT = 842.0  # Height given to a page whose picture says no resolution: A4's.
JPEG_QUALITY = 85
# A TrueType font of two empty glyphs (made with fontTools, zlib-compressed): readers want every font embedded.
_FONT_NAME = "GotOcrInvisible"


@dataclass
class PdfPage:
    """A page of a searchable PDF.

    Attributes:
        text: What is written on it, as the model wrote it.
        image: Its picture (PIL, or a path); None where `keep` names a page of the source.
        lines: Lines with their boxes (x1, y1, x2, y2) in pixels of the picture, instead of `text`. A kept page that
            is shown turned gets `text` all the same.
        lines_size: (width, height) of the picture that the boxes belong to, in pixels; None: of `image`.
        keep: Index of the source's page to take over as it is; `text`, where there is any, is laid behind it.
        dpi: The picture's resolution; None takes the picture's own, else fits A4's height.
    """

    text: str = ""
    image: Any = None
    lines: Sequence[tuple[str, tuple[float, float, float, float]]] = field(default_factory=tuple)
    lines_size: tuple[int, int] | None = None
    keep: int | None = None
    dpi: float | None = None


def pages_with_text(path: str | Path, min_characters: int = 20) -> list[bool]:
    """Say for each page of a PDF whether it has text already.

    Args:
        path: The PDF.
        min_characters: From how many letters and digits on a page counts as having text.

    Returns:
        One truth value a page.

    Raises:
        OSError: If pypdfium2 isn't installed.
    """
    try:
        import pypdfium2
    except ImportError:
        raise OSError("reading a PDF's text needs pypdfium2: pip install 'got-ocr[render]'") from None
    result = []
    document = pypdfium2.PdfDocument(path)
    try:
        for page in document:
            text = page.get_textpage().get_text_bounded()
            result.append(sum(character.isalnum() for character in text) >= min_characters)
    finally:
        document.close()
    return result


def write_searchable_pdf(
    pages: Iterable[PdfPage | tuple[Any, str]],
    path: str | Path,
    *,
    source: str | Path | None = None,
    title: str = "",
    plain: bool = False,
) -> None:
    """Write a searchable PDF.

    Args:
        pages: The pages in order; a (picture, text) pair is a page without boxes.
        path: Where to write it; may be `source` itself.
        source: The PDF that pages with `keep` are taken from.
        title: The document's title.
        plain: Whether the texts are plain; else their markup is taken off first.

    Raises:
        OSError: If pikepdf isn't installed, or a file can't be read or written.
        ValueError: If a page has neither a picture nor a page of the source to keep.
    """
    try:
        import pikepdf
    except ImportError:
        raise OSError("writing searchable PDFs needs pikepdf: pip install 'got-ocr[render]'") from None
    output = pikepdf.Pdf.new()
    original = pikepdf.Pdf.open(source) if source is not None else None
    layer = _TextLayer(output)
    try:
        for number, item in enumerate(pages, start=1):
            page = item if isinstance(item, PdfPage) else PdfPage(image=item[0], text=item[1])
            if page.keep is not None:
                if original is None or not 0 <= page.keep < len(original.pages):
                    raise ValueError(f"page {number} keeps page {page.keep} of the source, which has no such page.")
                output.pages.append(original.pages[page.keep])
                size = _visible_size(output.pages[-1])
                if int(output.pages[-1].get("/Rotate", 0)) % 360:
                    page = replace(page, lines=())
            elif page.image is not None:
                size = _add_picture(output, page)
            else:
                raise ValueError(f"page {number} has neither a picture nor a page of the source to keep.")
            if page.text or page.lines:
                _add_text(output, layer, page, size, plain)
        layer.finish()
        if title:
            output.docinfo["/Title"] = title
        output.docinfo["/Producer"] = "got-ocr"
        buffer = io.BytesIO()
        output.save(buffer)
    finally:
        output.close()
        if original is not None:
            original.close()
    Path(path).write_bytes(buffer.getvalue())


def _visible_size(page: Any) -> tuple[float, float, float, float]:
    """Find a page's (width, height, x, y) in points."""
    left, bottom, right, top = (float(value) for value in page.mediabox)
    return right - left, top - bottom, left, bottom


def _add_picture(output: Any, page: PdfPage) -> tuple[float, float, float, float]:
    import pikepdf
    from PIL import Image

    image = page.image
    if not isinstance(image, Image.Image):
        with Image.open(image) as opened:
            opened.load()
            image = opened.copy()
    dpi = page.dpi or image.info.get("dpi", (0, 0))[0]
    dpi = float(dpi) if dpi and float(dpi) > 20 else image.height * 72 / LETTER_HEIGHT_PT
    width, height = image.width * 72 / dpi, image.height * 72 / dpi
    stream = pikepdf.Stream(output, b"")
    if image.mode == "1":
        stream.write(zlib.compress(image.tobytes()), filter=pikepdf.Name.FlateDecode)
        bits, space = 1, pikepdf.Name.DeviceGray
    else:
        gray = image.mode in ("L", "LA", "I", "I;16")
        buffer = io.BytesIO()
        image.convert("L" if gray else "RGB").save(buffer, "JPEG", quality=JPEG_QUALITY)
        stream.write(buffer.getvalue(), filter=pikepdf.Name.DCTDecode)
        bits, space = 8, pikepdf.Name.DeviceGray if gray else pikepdf.Name.DeviceRGB
    stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    stream.Width, stream.Height, stream.BitsPerComponent, stream.ColorSpace = image.width, image.height, bits, space
    output.add_blank_page(page_size=(width, height))
    added = output.pages[-1]
    added.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Picture=stream))
    added.Contents = pikepdf.Stream(output, f"q {width:.3f} 0 0 {height:.3f} 0 0 cm /Picture Do Q".encode())
    return width, height, 0.0, 0.0


def _add_text(
    output: Any, layer: "_TextLayer", page: PdfPage, size: tuple[float, float, float, float], plain: bool
) -> None:
    import pikepdf

    width, height, left, bottom = size
    lines: list[tuple[str, float, float, float, float]] = []  # Text, x, baseline, width, font size in points.
    if page.lines:
        size_px = page.lines_size or getattr(page.image, "size", None)
        pixels_wide, pixels_high = size_px if size_px is not None else (width, height)
        for text, (x1, y1, x2, y2) in page.lines:
            font_size = max(1.0, (y2 - y1) / pixels_high * height * 0.8)
            baseline = bottom + height * (1 - y2 / pixels_high) + font_size * 0.2
            lines.append((text, left + x1 / pixels_wide * width, baseline, (x2 - x1) / pixels_wide * width, font_size))
    else:
        text = page.text if plain else render(page.text, geometry="source").to_text()
        rows = [row.replace("\t", " ").strip() for row in text.replace("\f", "\n").split("\n")]
        rows = [row for row in rows if row]
        step = height * 0.92 / max(1, len(rows))
        for index, row in enumerate(rows):
            font_size = max(0.5, min(step * 0.8, 12.0))
            lines.append(
                (row, left + width * 0.06, bottom + height * 0.96 - step * (index + 0.8), width * 0.88, font_size)
            )
    target = output.pages[-1]
    font = target.add_resource(layer.font, pikepdf.Name.Font, prefix="GotOcr")
    operators = ["q BT 3 Tr"]
    for text, x, y, line_width, font_size in lines:
        codes, units = layer.encode(text)
        natural = units * font_size / 1000
        stretch = max(1.0, min(100 * line_width / natural if natural else 100, 1000))
        if not page.lines:
            stretch = min(stretch, 100.0)
        operators.append(f"{font} {font_size:.2f} Tf {stretch:.2f} Tz 1 0 0 1 {x:.2f} {y:.2f} Tm <{codes}> Tj")
    operators.append("ET Q")
    target.contents_add(pikepdf.Stream(output, "\n".join(operators).encode()), prepend=False)


class _TextLayer:
    """The invisible font: each character met gets the next code; at the end the table to Unicode is written."""

    def __init__(self, output: Any) -> None:
        import pikepdf

        self.output = output
        self.codes: dict[str, int] = {}
        self.widths: list[int] = []
        self.font = output.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Font))

    def encode(self, text: str) -> tuple[str, int]:
        """Write a line in the font's codes.

        Returns:
            The codes in hexadecimal, and the line's width in thousandths of the font size.
        """
        written, units = [], 0
        for character in text:
            code = self.codes.get(character)
            if code is None:
                if len(self.codes) >= 0xFFFE:
                    continue  # More different characters than one font can number: none has ever been seen.
                code = self.codes[character] = len(self.codes) + 1
                self.widths.append(1000 if ord(character) > 0x2E7F else 500)
            written.append(f"{code:04X}")
            units += self.widths[code - 1]
        return "".join(written), units

    def finish(self) -> None:
        """Write the font with the characters that were met."""
        import pikepdf

        name = pikepdf.Name
        font_file = pikepdf.Stream(self.output, zlib.decompress(bytes.fromhex(_FONT_HEX)))
        font_file.Length1 = len(zlib.decompress(bytes.fromhex(_FONT_HEX)))
        descriptor = pikepdf.Dictionary(
            Type=name.FontDescriptor,
            FontName=name("/" + _FONT_NAME),
            Flags=5,
            FontBBox=[0, 0, 500, 1000],
            ItalicAngle=0,
            Ascent=1000,
            Descent=0,
            CapHeight=1000,
            StemV=80,
            FontFile2=self.output.make_indirect(font_file),
        )
        all_empty = pikepdf.Stream(self.output, b"\x00\x01" * (len(self.codes) + 1))
        descendant = pikepdf.Dictionary(
            Type=name.Font,
            Subtype=name.CIDFontType2,
            BaseFont=name("/" + _FONT_NAME),
            CIDSystemInfo=pikepdf.Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
            FontDescriptor=self.output.make_indirect(descriptor),
            DW=500,
            W=[1, self.widths],
            CIDToGIDMap=self.output.make_indirect(all_empty),
        )
        self.font.Subtype = name.Type0
        self.font.BaseFont = name("/" + _FONT_NAME)
        self.font.Encoding = name("/Identity-H")
        self.font.DescendantFonts = [self.output.make_indirect(descendant)]
        self.font.ToUnicode = self.output.make_indirect(pikepdf.Stream(self.output, self._unicode_map().encode()))

    def _unicode_map(self) -> str:
        pairs = [
            f"<{code:04X}> <{character.encode('utf-16-be').hex().upper()}>" for character, code in self.codes.items()
        ]
        blocks = [pairs[start : start + 100] for start in range(0, len(pairs), 100)]
        body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
        return (
            "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
            "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
            "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
            f"{body}\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
        )


_FONT_HEX = (
    "78da85523d4b0341107d7b777e22c642b4932b2cec0409a9044915530562a195ba39cfe4602f17924b88959629fd215616fe829482f909"
    "0a16da58452b21bedd3b42a2a8ef98d9796f666767978300b0882bd8704b07db3bf9f5fc1120b6a89e7aa16c60092df26bf26c555d9cc3"
    "40dc6b57f3e559ffeef391f10d2d57a360bf8a0fc6cfb4cd5a1877c5d0d4f7e86655e4c9747f5ff350761b3cd7229f2777eb32f4571e0e"
    "2be403f26e236ac5cc13d6bece43cf4a5397eaed24b3fb0edb7ed1d9dbc13126d714a673721c89a94ca649942908a358636ee13b6c31e4"
    "2bccc0c1ff98eabe4798e9dd5febdd89c992b3f5ad57e985591db3d7e1a7b93b1a257ef4f4e31e3075b95417c88ca7b13047c68ece0295"
    "0daca5b18565640b515cf29ac57a27680515e597fd6a5bc9260a8810a3040f4d1451470701ff86001528f828d3aa683396ccdb7f3fc917"
    "99834890"
)
