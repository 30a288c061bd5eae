"""What need not be read: blank pages, pages with a good text layer, pages seen before; and pages on their side."""

import hashlib
import unicodedata

import numpy as np
from PIL import Image

BLANK, TEXT_LAYER, DUPLICATE = "blank", "text_layer", "duplicate"

# A page is blank where nothing on it stands out from its ground: looked at in cells, so that a speck of dust is not
# text and a faint line still is. Levels of 255.
BLANK_SIDE_PX = 1600  # The page is looked at no larger: strokes of small print are then still 1 px wide.
BLANK_CONTRAST = 24  # The palest pencil on grey paper stands out by more.
BLANK_PIXELS = 12  # So many pixels that stand out are no text yet: a full stop has as many.
EDGE_SHARE = 0.02  # Of each side: scanners leave dark edges there.
# A text layer is good where it says much, and what it says is language.
LAYER_LETTERS = 40  # A page number and a running head are less.
LAYER_STRANGE_SHARE = 0.02  # Replacement, private and control characters: fonts without their Unicode.
LAYER_LETTER_SHARE = 0.55  # Letters and digits among what is no blank.
LAYER_MEAN_WORD = (2.0, 14.0)  # Letters of a word: single letters are spaced out, long ones lack their blanks.
_WIDE = 0x2E80  # From here on scripts write words without blanks.


def is_blank(image: Image.Image) -> bool:
    """Tell whether a page has nothing on it.

    Args:
        image: The page, RGB.

    Returns:
        Whether it is certain to have none; a page with a faint line, a stamp or a picture is not blank.
    """
    grey = image.convert("L")
    grey.thumbnail((BLANK_SIDE_PX, BLANK_SIDE_PX), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.int16)
    edge_y, edge_x = (int(side * EDGE_SHARE) for side in pixels.shape)
    inner = pixels[edge_y : pixels.shape[0] - edge_y, edge_x : pixels.shape[1] - edge_x]
    # The ground near each pixel, so that a shadow over the page is no ink.
    ground = np.asarray(_ground(grey), dtype=np.int16)[
        edge_y : pixels.shape[0] - edge_y, edge_x : pixels.shape[1] - edge_x
    ]
    return int((np.abs(inner - ground) >= BLANK_CONTRAST).sum()) <= BLANK_PIXELS


def _ground(grey: Image.Image) -> Image.Image:
    """Estimate the paper without what is on it: medians of cells, drawn out."""
    cell = 32
    rows, columns = max(1, grey.height // cell), max(1, grey.width // cell)
    pixels = np.asarray(grey.resize((columns * cell, rows * cell), Image.Resampling.NEAREST))
    cells = pixels.reshape(rows, cell, columns, cell).transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    medians = np.median(cells, axis=2).astype(np.uint8)
    return Image.fromarray(medians).resize(grey.size, Image.Resampling.BILINEAR)


def is_good_layer(text: str) -> bool:
    """Tell whether a page's text layer can stand for its reading.

    Args:
        text: The layer.

    Returns:
        Whether it says enough, in characters and words as languages have them.
    """
    seen = [char for char in text if not char.isspace()]
    letters = sum(char.isalnum() for char in seen)
    if letters < LAYER_LETTERS or letters < LAYER_LETTER_SHARE * len(seen):
        return False
    strange = sum(char == "\ufffd" or unicodedata.category(char) in ("Co", "Cn", "Cc", "Cs") for char in seen)
    if strange > LAYER_STRANGE_SHARE * len(seen):
        return False
    if sum(ord(char) >= _WIDE for char in seen) > len(seen) / 2:
        return True
    words = ["".join(filter(str.isalnum, word)) for word in text.split()]
    lengths = [len(word) for word in words if word]
    least, most = LAYER_MEAN_WORD
    return bool(lengths) and least <= sum(lengths) / len(lengths) <= most


def digest_pixels(image: Image.Image) -> str:
    """Sum up a page's pixels: equal for pages that look the same to the last pixel."""
    return hashlib.sha256(f"{image.width}x{image.height}:".encode() + image.tobytes()).hexdigest()


def find_turn(image: Image.Image) -> int:
    """Tell by how much a page has to be turned to stand upright.

    Args:
        image: The page.

    Returns:
        90 or 270 degrees clockwise, or 0. Which of the two, and a page on its head, only a reading tells; pages that
        lie are mostly landscape tables, printed to be read from the right.
    """
    from ..layout.components import find_components
    from ..layout.ink import ink_image, ink_mask
    from ..layout.orientation import lies_sideways

    return 90 if lies_sideways(find_components(ink_mask(ink_image(image)))) else 0
