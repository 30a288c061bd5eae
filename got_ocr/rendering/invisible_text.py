"""Text that is found, selected and copied, but not seen: the font of a PDF's text layer, and a page's lines in it.

The layer uses one font of glyphs that draw nothing, as Tesseract and OCRmyPDF do, with a table from its codes to
Unicode: so any script is extracted right and no font of the machine is needed. Each glyph reaches as far as its letter
would (tests/rendering/make_invisible_font.py makes them), so that readers find a line's box however it is turned.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from got_ocr.rendering.source import clean

LAYER_TAG = "GotOcrText"  # Marks the layer's part of a page's content.
FONT_PREFIX = "/GotOcr"
_FONT_NAME = "GotOcrInvisible"
_MAX_STRETCH_PERCENT = 2000.0
_MIN_FONT_SIZE = 0.1
# How wide a letter is in a common sans-serif face (Helvetica's metrics), in thousandths of the font size: a word's
# place within its line is as exact as this.
_WIDE_CHARACTERS_FROM = 0x2E80  # CJK and what follows it is as wide as it is high.
_WIDTHS = {
    **dict.fromkeys("ijl|'", 222),
    **dict.fromkeys(" !,./:;I[\\]ft", 278),
    **dict.fromkeys("()-`r", 333),
    **dict.fromkeys('"*^{}', 390),
    **dict.fromkeys("Jcksvxyz", 500),
    **dict.fromkeys("+<=>~", 584),
    **dict.fromkeys("FTZ", 611),
    **dict.fromkeys("&ABEKPSVXY", 667),
    **dict.fromkeys("CDHNRUw", 722),
    **dict.fromkeys("GOQ", 778),
    **dict.fromkeys("Mm", 833),
    **dict.fromkeys("%W@", 944),
}
_OTHER_WIDTH = 556
_WIDE = 1000
GLYPH_WIDTHS = tuple(sorted({*_WIDTHS.values(), _OTHER_WIDTH, _WIDE}))  # Of the font's glyphs from 1 on.


@dataclass(frozen=True)
class PlacedLine:
    """A line on a page's own plane, in its units.

    Attributes:
        text: The line.
        origin: Where it begins, at its foot (x, y).
        direction: In which it runs, a unit vector.
        width: How far it runs.
        height: How high it is, to the left of its direction.
    """

    text: str
    origin: tuple[float, float]
    direction: tuple[float, float]
    width: float
    height: float


class InvisibleFont:
    """The invisible font of a PDF: each character met gets the next code; at the end the table to Unicode is written.

    Args:
        document: The `pikepdf.Pdf` that it belongs to.
    """

    def __init__(self, document: Any) -> None:
        import pikepdf

        self.document = document
        self.codes: dict[str, int] = {}
        self.widths: list[int] = []
        self.object = document.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Font))

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
                wide = ord(character) >= _WIDE_CHARACTERS_FROM
                self.widths.append(_WIDE if wide else _WIDTHS.get(character, _OTHER_WIDTH))
            written.append(f"{code:04X}")
            units += self.widths[code - 1]
        return "".join(written), units

    def finish(self) -> None:
        """Write the font with the characters that were met."""
        import pikepdf

        name = pikepdf.Name
        program = zlib.decompress(bytes.fromhex(_FONT_HEX))
        font_file = pikepdf.Stream(self.document, program)
        font_file.Length1 = len(program)
        descriptor = pikepdf.Dictionary(
            Type=name.FontDescriptor,
            FontName=name("/" + _FONT_NAME),
            Flags=5,
            FontBBox=[0, 0, 1000, 1000],
            ItalicAngle=0,
            Ascent=1000,
            Descent=-1,  # Readers take 0 for a mistake, and a value of their own.
            CapHeight=1000,
            StemV=80,
            FontFile2=self.document.make_indirect(font_file),
        )
        glyphs = b"".join((GLYPH_WIDTHS.index(width) + 1).to_bytes(2, "big") for width in self.widths)
        glyph_map = pikepdf.Stream(self.document, b"\x00\x00" + glyphs)
        descendant = pikepdf.Dictionary(
            Type=name.Font,
            Subtype=name.CIDFontType2,
            BaseFont=name("/" + _FONT_NAME),
            CIDSystemInfo=pikepdf.Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0),
            FontDescriptor=self.document.make_indirect(descriptor),
            DW=500,
            W=[1, self.widths],
            CIDToGIDMap=self.document.make_indirect(glyph_map),
        )
        self.object.Subtype = name.Type0
        self.object.BaseFont = name("/" + _FONT_NAME)
        self.object.Encoding = name("/Identity-H")
        self.object.DescendantFonts = [self.document.make_indirect(descendant)]
        unicode_map = pikepdf.Stream(self.document, self._unicode_map().encode())
        self.object.ToUnicode = self.document.make_indirect(unicode_map)

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


def write_layer(font: InvisibleFont, name: str, lines: Sequence[PlacedLine]) -> bytes:
    """Write the operators that set lines invisibly (text render mode 3).

    Args:
        font: The font; learns the characters.
        name: The font's name among the page's resources, with its slash.
        lines: The lines in reading order.

    Returns:
        A part of a page's content that leaves the graphics state as it was.
    """
    operators = [f"/{LAYER_TAG} BMC q BT 3 Tr"]
    for line in lines:
        codes, units = font.encode(" ".join(clean(line.text).replace("\ufffd", "").split()))
        if not units:
            continue
        size = max(line.height, _MIN_FONT_SIZE)
        stretch = min(max(100 * line.width * 1000 / (units * size), 0.01), _MAX_STRETCH_PERCENT)
        (along_x, along_y), (x, y) = line.direction, line.origin
        matrix = f"{along_x:g} {along_y:g} {-along_y:g} {along_x:g} {x:.3f} {y:.3f}"
        operators.append(f"{name} {size:.3f} Tf {stretch:.3f} Tz {matrix} Tm <{codes}> Tj")
    operators.append("ET Q EMC")
    return "\n".join(operators).encode() + b"\n"


_FONT_HEX = (
    "78da95923d6853511886df734e6cf5128cc5129c2448870e017f10a74809549b0e31d082830ee9cd352681fc91dc964aa93805d1a55b8780"
    "93e0e2101d04671d9c1c3238491074084e0e5141e1d6f7fea4e7a022f8c17beff7bdcfb9e77ce79e0301c0c23d28a40aeb672f2c7fb87217"
    "108b74379c86dd461c5759bf669daed4efdc5e2a7ebc0cc813f44ad5b27dabe42dbf217b4a5daad2981daaefcc3f510bd586bb7de61d3388"
    "fb7c64ea2dc7961bf225eb2fac530d7bbb8d391c617dd4af9b76a33c67dd7c042897f55ebbd575d9172316f339fc5ea91b2fbefd2c26325f"
    "a1d4187f09350e7c051919c2f70e0efc67c88399cc48044e82df8444fe39a95c177bec3586ff8c25c6b4afa887df574fb1c509df23be9354"
    "9eea859e4c5339caa1fad490335854961a4c7714f4ebffa9f96807f3ecf354e0073bf1d7a5a6ebc6c916700e19ace23a1cb4b18b07d8c763"
    "3c8bc68c382fbf3c7f528d5a6aecc511fa2219f94289e4c300847e5efbf92786dfd37eef95e14fb43ff9a17d999efa42a6bdcfc6ca32a749"
    "ce7b6f124713c77b6b92be267defb949869a0cbd7d8328eb9028cbdb31495693ac5734c9409381b76892b1267443e2c70cae457f5af0d6e1"
    "f0d6cd4637d11f9108ce54c48ed1398d64944b1cc7c5289ff1fd95965b703aabcdad5ab756aa97d7ca95cdbaddc10a5a7051e0e97678ca4d"
    "6ca1862e55421d65ac51156c32b7c9d5bf6ff02f761da43b"
)
