"""Print the invisible font of `got_ocr/rendering/invisible_text.py` (needs fontTools): run it, paste its lines.

A glyph for each width, whose outline is a line there and back: nothing is drawn, but readers see how far it reaches.
(PDFium leaves out turned text of glyphs that reach nowhere.)
"""

import io
import textwrap
import zlib

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from got_ocr.rendering.invisible_text import GLYPH_WIDTHS


def main() -> None:
    """Print the font."""
    names = [".notdef", *(f"w{width}" for width in GLYPH_WIDTHS)]
    glyphs = {}
    for name, width in zip(names, (500, *GLYPH_WIDTHS), strict=True):
        pen = TTGlyphPen(None)
        if name != ".notdef":
            pen.moveTo((0, 0))
            pen.lineTo((width, 1000))
            pen.lineTo((width // 2, 500))
            pen.closePath()
        glyphs[name] = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({name: (width, 0) for name, width in zip(names, (500, *GLYPH_WIDTHS), strict=True)})
    builder.setupHorizontalHeader(ascent=1000, descent=-1)
    builder.setupNameTable({"familyName": "GotOcrInvisible", "styleName": "Regular", "psName": "GotOcrInvisible"})
    builder.setupOS2(sTypoAscender=1000, sTypoDescender=-1, usWinAscent=1000, usWinDescent=1)
    builder.setupPost(keepGlyphNames=False)
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    buffer = io.BytesIO()
    builder.save(buffer)
    packed = zlib.compress(buffer.getvalue(), 9).hex()
    print("_FONT_HEX = (")
    for line in textwrap.wrap(packed, 112):
        print(f'    "{line}"')
    print(")")


if __name__ == "__main__":
    main()
