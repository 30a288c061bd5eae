"""Draw what slicing makes of a picture, its lines, cuts and slices: `python processing/slicing_preview.py PAGE`."""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.slices.sliced_page import SlicedPage
from got_ocr.slices.slicing import slice_page

LINE_COLOURS = ("#d02020", "#2040d0")
CUT_COLOUR = "#10a010"


def draw_lines(image: Image.Image, sliced: SlicedPage) -> Image.Image:
    """Draw the lines' frames, blocks in turn red and blue, their numbers and the pieces' ends."""
    page = image.convert("RGB").rotate(sliced.skew_degrees, Image.Resampling.BICUBIC, fillcolor="white")
    draw = ImageDraw.Draw(page)
    width = max(1, round(max(page.size) / 1200))
    for number, (box, block) in enumerate(zip(sliced.line_boxes, sliced.line_blocks, strict=True)):
        draw.rectangle(box, outline=LINE_COLOURS[block % 2], width=width)
        draw.text((box[0], box[1] - 10 * width), str(number), fill=CUT_COLOUR, font_size=10 * width)
    for piece in sliced.pieces:
        draw.line((piece.box[2], piece.box[1], piece.box[2], piece.box[3]), fill=CUT_COLOUR, width=2 * width)
    return page


def contact_sheet(page: Image.Image, slices: list[Image.Image], columns: int, most: int) -> Image.Image:
    """Put the page beside its slices."""
    shown = slices[:most]
    side = shown[0].width + 8 if shown else 0
    rows = -(-len(shown) // columns)
    page = ImageOps.contain(page, (1400, max(900, rows * side)))
    sheet = Image.new("RGB", (page.width + 8 + columns * side, max(page.height, rows * side)), "#7878a0")
    sheet.paste(page, (0, 0))
    for number, picture in enumerate(shown):
        row, column = divmod(number, columns)
        sheet.paste(picture, (page.width + 8 + column * side, row * side + 4))
    return sheet


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("--output", type=Path, default=Path("slicing_preview.png"))
    parser.add_argument("--canvas", type=int, default=192, help="side of the model's input in px")
    parser.add_argument("--text-height", type=float, help="font size on the canvas in px")
    parser.add_argument("--rows", type=int, help="pieces on a slice; 0: as many as fit")
    parser.add_argument("--columns", type=int, default=6, help="slices side by side on the sheet")
    parser.add_argument("--most", type=int, default=60, help="slices shown")
    arguments = parser.parse_args()
    values = {"text_height_px": arguments.text_height, "rows": arguments.rows}
    values = {name: value for name, value in values.items() if value is not None}
    if arguments.text_height is not None:
        values["min_text_height_px"] = arguments.text_height * 0.86
    image = ImageOps.exif_transpose(Image.open(arguments.image)).convert("RGB")
    sliced = slice_page(image, SlicingOptions.from_dict(values), arguments.canvas)
    sheet = contact_sheet(draw_lines(image, sliced), sliced.slices, arguments.columns, arguments.most)
    sheet.save(arguments.output)
    print(
        f"{arguments.output}: {len(sliced.line_boxes)} lines in {len(set(sliced.line_blocks))} blocks, "
        f"{len(sliced.pieces)} pieces on {len(sliced.slices)} slices, turned by {sliced.skew_degrees:.2f} degrees"
    )


if __name__ == "__main__":
    main()
