"""Correct a reading of a line by two others of the same line: where both change it in the same way, they are right.

As in ROVER (Fiscus 1997), but that the surest reading stays wherever the others don't agree.
"""

from difflib import SequenceMatcher

Change = tuple[int, int, str]  # Characters from, up to, and what stands in their place.


def correct_by_two(text: str, first: str, second: str) -> str:
    """Take over what two other readings agree on.

    Args:
        text: The surest reading.
        first: Another.
        second: Yet another.

    Returns:
        The text with the changes that lead both to the one and to the other.
    """
    also = set(_find_changes(text, second))
    corrected, done = "", 0
    for begin, end, written in _find_changes(text, first):
        if (begin, end, written) in also:
            corrected += text[done:begin] + written
            done = end
    return corrected + text[done:]


def _find_changes(text: str, other: str) -> list[Change]:
    """Find what has to be changed in a text to get another. Returns: the changes, in order."""
    matcher = SequenceMatcher(None, text, other, autojunk=False)
    return [
        (begin, end, other[other_begin:other_end])
        for kind, begin, end, other_begin, other_end in matcher.get_opcodes()
        if kind != "equal"
    ]
