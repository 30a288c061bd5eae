"""Cut a line of text between its words, and give the text of a stack of pieces back to each piece."""

import math
from collections.abc import Sequence

import numpy as np

WIDE_GAP_EM, NARROWED_GAP_EM = 1.0, 0.7  # Behind a wider gap a model may think that the line has ended.


def spare_columns(profile: np.ndarray, em_px: float, step: int = 1) -> np.ndarray:
    """Find the white that can be left out of a line's wide gaps, such as those behind a list's marks.

    Args:
        profile: (n,) ink in each column of the line, beginning and ending with ink.
        em_px: font size.
        step: left out are runs of columns that begin at a multiple of it and are as long as a multiple.

    Returns:
        (n,) bool.
    """
    spare = np.zeros(len(profile), bool)
    inked = np.flatnonzero(profile > 0)
    for before, after in zip((inked[:-1] + 1).tolist(), inked[1:].tolist(), strict=True):
        if after - before > WIDE_GAP_EM * em_px:
            margin = NARROWED_GAP_EM * em_px / 2
            begin = -(-int(before + margin) // step) * step
            end = int(after - margin) // step * step
            spare[begin:end] = True
    return spare


def cut_line(profile: np.ndarray, left: int, em_px: float, room: float, widest: float) -> list[tuple[int, int, bool]]:
    """Cut a line into pieces that are no wider than there is room for.

    Args:
        profile: ink in each column of the line, beginning and ending with ink.
        left: number of its first column.
        em_px: font size.
        room: largest width of a piece, in columns.
        widest: a single word may be as wide as this: it is then made smaller.

    Returns:
        (first column, end, whether the piece continues a word) of each piece.
    """
    inked = np.concatenate([[False], profile > 0, [False]])
    edges = np.flatnonzero(inked[1:] != inked[:-1])
    start, stop = edges[0::2], edges[1::2]
    gaps = start[1:] - stop[:-1]
    wide = gaps > _word_gap(gaps / em_px) * em_px
    first, last = start[np.concatenate([[True], wide])], stop[np.concatenate([wide, [True]])]
    words: list[tuple[int, int, bool]] = []
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        joined = False
        while end - begin > widest:
            cut = _thinnest(profile, begin, room)
            words.append((begin, cut, joined))
            begin, joined = cut, True
        words.append((begin, end, joined))
    # Fewest pieces first, then evenly filled ones, cut at wide gaps.
    best: list[tuple[float, int]] = [(0.0, 0)]
    for after in range(1, len(words) + 1):
        options = []
        for begin in range(after - 1, -1, -1):
            width = words[after - 1][1] - words[begin][0]
            if width > room and begin < after - 1:
                break
            gap = 1.0 if begin == 0 else min((words[begin][0] - words[begin - 1][1]) / em_px, 1.0)
            slack = (1.0 - width / room) ** 2
            options.append((best[begin][0] + 20.0 + slack - gap + 5.0 * words[begin][2], begin))
        best.append(min(options))
    pieces = []
    after = len(words)
    while after:
        begin = best[after][1]
        pieces.append((left + words[begin][0], left + words[after - 1][1], words[begin][2]))
        after = begin
    return pieces[::-1]


def _word_gap(gaps_em: np.ndarray) -> float:
    """Width in em from which a gap parts two words: the split of the line's gaps that divides them best (Otsu)."""
    gaps = np.sort(np.minimum(gaps_em, 1.0))
    if len(gaps) < 2:
        return 0.2
    below = np.cumsum(gaps)[:-1]
    count = np.arange(1, len(gaps))
    between = count * (len(gaps) - count) * (below / count - (gaps.sum() - below) / (len(gaps) - count)) ** 2
    split = int(np.argmax(between))
    return float(np.clip((gaps[split] + gaps[split + 1]) / 2, 0.14, 0.45))


def _thinnest(profile: np.ndarray, begin: int, room: float) -> int:
    """Where to cut a word that is too wide: in the last gap between letters, else where there is least ink."""
    stop = begin + int(room)
    low = begin + max(1, int(0.6 * room))
    part = profile[low : stop + 1]
    return low + len(part) - 1 - int(np.argmin(part[::-1]))


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
