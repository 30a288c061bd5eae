"""Cut a line of text between its words into pieces."""

import numpy as np

from .thresholds import Cuts


def find_spare_columns(profile: np.ndarray, em_px: float, step: int = 1) -> np.ndarray:
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
        if after - before > Cuts.WIDE_GAP_EM * em_px:
            margin = Cuts.NARROWED_GAP_EM * em_px / 2
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
    word_gap_em = _tell_word_gap(gaps / em_px)
    wide = gaps > word_gap_em * em_px
    first, last = start[np.concatenate([[True], wide])], stop[np.concatenate([wide, [True]])]
    words: list[tuple[int, int, bool]] = []
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        words += _break_word(profile, begin, end, Cuts.BROKEN_GAP_EM * em_px, room, widest)
    # Fewest pieces first, then evenly filled ones, cut at wide gaps.
    best: list[tuple[float, int]] = [(0.0, 0)]
    for after in range(1, len(words) + 1):
        options = []
        for begin in range(after - 1, -1, -1):
            width = words[after - 1][1] - words[begin][0]
            if width > room and begin < after - 1:
                break
            gap = Cuts.MOST_GAP_EM
            if begin > 0:
                gap = min((words[begin][0] - words[begin - 1][1]) / em_px, Cuts.MOST_GAP_EM)
            # What parts words by little may be a gap between letters.
            narrow = max(0.0, 1.0 - gap / (Cuts.SURE_GAP * word_gap_em))
            slack = (1.0 - width / room) ** 2 - gap + Cuts.NARROW_COST * narrow
            cost = best[begin][0] + Cuts.PIECE_COST + slack + Cuts.BROKEN_WORD_COST * words[begin][2]
            options.append((cost, begin))
        best.append(min(options))
    pieces = []
    after = len(words)
    while after:
        begin = best[after][1]
        pieces.append((left + words[begin][0], left + words[after - 1][1], words[begin][2]))
        after = begin
    return pieces[::-1]


def _tell_word_gap(gaps_em: np.ndarray) -> float:
    """Width in em from which a gap parts two words: the split of the line's gaps that divides them best (Otsu)."""
    if len(gaps_em) < 2:
        return Cuts.USUAL_WORD_GAP_EM
    # Gaps between columns are of a third kind, and must not outweigh those between words.
    usual = float(np.median(gaps_em))
    gaps = np.sort(np.minimum(gaps_em, np.clip(Cuts.COLUMN_GAP * usual, *Cuts.COLUMN_GAP_EM)))
    below = np.cumsum(gaps)[:-1]
    count = np.arange(1, len(gaps))
    between = count * (len(gaps) - count) * (below / count - (gaps.sum() - below) / (len(gaps) - count)) ** 2
    split = int(np.argmax(between))
    return float(np.clip((gaps[split] + gaps[split + 1]) / 2, *Cuts.WORD_GAP_EM))


def _break_word(
    profile: np.ndarray, begin: int, end: int, gap_px: float, room: float, widest: float
) -> list[tuple[int, int, bool]]:
    """Break a word that is too wide.

    Args:
        profile: ink in each column of the line.
        begin: the word's first column.
        end: the column behind its last.
        gap_px: width of white that parts words, however the rest of the line is spaced.
        room: largest width of a piece, in columns.
        widest: of a word that is not broken.

    Returns:
        (first column, end, whether it continues a word) of its parts; the word itself where it is no wider.
    """
    words: list[tuple[int, int, bool]] = []
    joined = False
    while end - begin > widest:
        stop, go_on = _find_gap(profile, begin, room)
        is_gap = go_on - stop > max(gap_px, Cuts.BROKEN_GAP * _usual_gap(profile[begin:end]))
        if not is_gap:
            stop = go_on = _find_thinnest(profile, begin, room)
        words.append((begin, stop, joined))
        begin, joined = go_on, not is_gap
    return [*words, (begin, end, joined)]


def _usual_gap(profile: np.ndarray) -> float:
    """Middling width of the white within a word, which letter-spaced type has much of; 0.0 without any."""
    edges = np.flatnonzero(np.diff((profile > 0).astype(np.int8)))
    gaps = edges[1::2][: len(edges) // 2] - edges[0::2][: len(edges) // 2]
    return float(np.median(gaps)) if len(gaps) else 0.0


def _find_gap(profile: np.ndarray, begin: int, room: float) -> tuple[int, int]:
    """The widest white where a word that is too wide may be cut: (its first column, the column behind its last)."""
    low, high = begin + max(1, int(Cuts.LEAST_PART * room)), begin + int(room)
    white = np.flatnonzero(profile[low : high + 1] == 0)
    if not len(white):
        return low, low
    runs = np.split(white, np.flatnonzero(np.diff(white) > 1) + 1)
    run = max(runs, key=len)
    inked = np.flatnonzero(profile > 0)
    at = low + int(run[0])
    return int(inked[inked < at].max()) + 1, int(inked[inked > at].min())


def _find_thinnest(profile: np.ndarray, begin: int, room: float) -> int:
    """Where to cut a word that is too wide: in the last gap between letters, else where there is least ink."""
    stop = begin + int(room)
    low = begin + max(1, int(Cuts.LEAST_PART * room))
    part = profile[low : stop + 1]
    return low + len(part) - 1 - int(np.argmin(part[::-1]))
