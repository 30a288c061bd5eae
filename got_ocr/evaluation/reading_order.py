"""Reading order in OmniDocBench's manner: match the blocks of two pages by their text, then compare their order.

OmniDocBench knows each block's place from annotation. Ground truth of OCR is a text alone, so a block here is a
paragraph (text between blank lines), or a line where the page has no blank line; a prediction's blocks likewise.
"""

import re
from collections.abc import Iterator, Sequence

from .distances import edit_distance, normalized_edit_distance, pair_cheapest

FOREIGN = 0.7  # OmniDocBench's limit: blocks whose normalised edit distance is above it are not the same block
MAX_CELLS = 40_000  # pairs of blocks beyond which only equal blocks are matched: comparing all would take seconds


def split_blocks(page: str) -> list[str]:
    """Split a page into paragraphs, or into lines if no blank line separates paragraphs; white space made even."""
    pieces = re.split(r"\n\s*\n", page.strip())
    if len(pieces) == 1:
        pieces = page.split("\n")
    blocks = [" ".join(piece.split()) for piece in pieces]
    return [block for block in blocks if block]


def reading_order_distance(truth: str, prediction: str) -> float | None:
    """Measure how far the prediction's blocks are out of order.

    Args:
        truth: The true page.
        prediction: The predicted page.

    Returns:
        The edit distance between the numbers of the truth's blocks in order and in the order in which the prediction
        has them, by the larger count: 0 for the right order, 1 if no block is there. A block that is missing counts
        as an error, one too many doesn't. None if the truth has fewer than two blocks.
    """
    truth_blocks, prediction_blocks = split_blocks(truth), split_blocks(prediction)
    if len(truth_blocks) < 2:
        return None
    if len(truth_blocks) * len(prediction_blocks) > MAX_CELLS:
        order = _match_equal(truth_blocks, prediction_blocks)
    else:
        order = [row for row, _ in sorted(match_blocks(truth_blocks, prediction_blocks), key=lambda pair: pair[1])]
    return edit_distance(range(len(truth_blocks)), order) / max(len(truth_blocks), len(order))


def match_blocks(truth_blocks: Sequence[str], prediction_blocks: Sequence[str]) -> list[tuple[int, int]]:
    """Match blocks that are not foreign to each other so that the matches are as close and as many as can be.

    Args:
        truth_blocks: The true page's blocks.
        prediction_blocks: The predicted page's blocks.

    Returns:
        Pairs (place in truth, place in prediction), each place at most once.
    """
    near = [
        [min(normalized_edit_distance(one, other) - FOREIGN, 0.0) for other in prediction_blocks]
        for one in truth_blocks
    ]
    matches = []
    # Blocks that don't even share a possible partner can be matched apart: nearly always single pairs.
    for rows, columns in _components(near):
        gains = [[near[row][column] for column in columns] for row in rows]
        matches += [(rows[row], columns[column]) for row, column in pair_cheapest(gains) if gains[row][column] < 0]
    return sorted(matches)


def _components(near: Sequence[Sequence[float]]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the rows and columns of each connected part of the graph whose edges are the negative cells."""
    columns_of = [[column for column, gain in enumerate(row) if gain < 0] for row in near]
    rows_of: dict[int, list[int]] = {}
    for row, columns in enumerate(columns_of):
        for column in columns:
            rows_of.setdefault(column, []).append(row)
    seen: set[int] = set()
    for start in range(len(near)):
        if start in seen or not columns_of[start]:
            continue
        seen.add(start)
        part, reached, agenda = [start], set[int](), [start]
        while agenda:
            for column in columns_of[agenda.pop()]:
                if column not in reached:
                    reached.add(column)
                    fresh = [row for row in rows_of[column] if row not in seen]
                    seen.update(fresh)
                    part += fresh
                    agenda += fresh
        yield sorted(part), sorted(reached)


def _match_equal(truth_blocks: list[str], prediction_blocks: list[str]) -> list[int]:
    """Give the places in the truth of the prediction's blocks that stand there, each place used once."""
    places: dict[str, list[int]] = {}
    for place, block in reversed(list(enumerate(truth_blocks))):
        places.setdefault(block, []).append(place)
    return [places[block].pop() for block in prediction_blocks if places.get(block)]
