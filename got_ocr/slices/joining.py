"""Give the texts of slices back to their pieces, lines and page."""

import math
from collections.abc import Sequence

from .sliced_page import Piece, SlicedPage


def is_broken(before: str, after: str) -> bool:
    """Whether a word is broken over two lines: a hyphen behind a letter, and a small letter goes on."""
    return len(before) > 1 and before[-1] == "-" and before[-2].isalpha() and after[0].islower()


def spread_text(text: str, widths: Sequence[float]) -> list[str]:
    """Give the lines of a slice's text to its pieces.

    Args:
        text: what the slice reads.
        widths: width of each piece, top to bottom.

    Returns:
        A text for each piece; where there are more or fewer lines than pieces, those whose lengths match best.
    """
    lines = [" ".join(line.split()) for line in text.splitlines()]
    lines = [line for line in lines if line]
    if len(lines) == len(widths) or not lines or not widths:
        return lines if len(lines) == len(widths) else [""] * len(widths)
    unit = sum(widths) / max(sum(len(line) for line in lines), 1)
    expected = [width / unit for width in widths]
    # cost[i][j]: lines up to j given to pieces up to i, in order; a piece takes any number of lines.
    cost = [[math.inf] * (len(lines) + 1) for _ in range(len(widths) + 1)]
    taken = [[0] * (len(lines) + 1) for _ in range(len(widths) + 1)]
    cost[0][0] = 0.0
    for i in range(1, len(widths) + 1):
        for j in range(len(lines) + 1):
            for begin in range(j + 1):
                length = sum(len(line) + 1 for line in lines[begin:j])
                value = cost[i - 1][begin] + abs(length - expected[i - 1])
                if value < cost[i][j]:
                    cost[i][j], taken[i][j] = value, begin
    parts: list[str] = []
    j = len(lines)
    for i in range(len(widths), 0, -1):
        begin = taken[i][j]
        parts.append(" ".join(lines[begin:j]))
        j = begin
    return parts[::-1]


def spread_slices(page: SlicedPage, texts: Sequence[str | Sequence[str]]) -> list[str]:
    """Give the slices' texts back to their pieces.

    Args:
        page: of `slice_page`.
        texts: what each slice reads, in the order of `page.slices`, or what each of its pieces reads.

    Returns:
        A text for each of `page.pieces`.

    Raises:
        ValueError: There is not one text for each slice.
    """
    if len(texts) != len(page.slices):
        raise ValueError(f"there are {len(page.slices)} slices but {len(texts)} texts: give one text for each slice.")
    parts: list[str] = []
    for number, text in enumerate(texts):
        widths = [piece.slice_box[2] - piece.slice_box[0] for piece in page.pieces if piece.slice_index == number]
        parts += spread_text(text, widths) if isinstance(text, str) else text
    return parts


def join_texts(pieces: Sequence[Piece], texts: Sequence[str]) -> dict[int, str]:
    """Join the pieces of each line.

    Args:
        pieces: in reading order.
        texts: of each.

    Returns:
        A text for each line of the pieces, by its number, empty where nothing was read; words parted by a space.
    """
    lines: dict[int, str] = {}
    for piece, text in zip(pieces, texts, strict=True):
        before = lines.get(piece.line, "")
        lines[piece.line] = before + ("" if piece.joined or not before or not text else " ") + text
    return lines


def join_pieces(page: SlicedPage, parts: Sequence[str]) -> list[str]:
    """Join the pieces of each line of a page.

    Args:
        page: of `slice_page`.
        parts: of `spread_slices`.

    Returns:
        A text for each of `page.line_boxes`, empty where nothing was read; words parted by a space.
    """
    lines = join_texts(page.pieces, parts)
    return [lines.get(number, "") for number in range(len(page.line_boxes))]


def join_slices(page: SlicedPage, texts: Sequence[str | Sequence[str]]) -> str:
    """Put the slices' texts together.

    Args:
        page: of `slice_page`.
        texts: what each slice reads, in the order of `page.slices`, or what each of its pieces reads.

    Returns:
        The page's text: words parted by a space, lines and blocks by the options' separators.

    Raises:
        ValueError: There is not one text for each slice.
    """
    if page.natural and len(texts) == 1:
        return (texts[0] if isinstance(texts[0], str) else "\n".join(texts[0])).strip()
    options = page.options
    result, block = "", -1
    for line, number in zip(join_pieces(page, spread_slices(page, texts)), page.line_blocks, strict=True):
        if not line:
            continue
        if not result:
            result = line
        elif options.join_hyphens and is_broken(result, line):
            result = result[:-1] + line
        else:
            result += (options.line_separator if number == block else options.block_separator) + line
        block = number
    return result
