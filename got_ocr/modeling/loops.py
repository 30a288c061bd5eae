"""Loops: an answer whose end is one short piece of text over and over. Nothing here needs torch."""

MIN_REPEATS = 8  # So often must the piece stand in a row,
MIN_LOOP_TOKENS = 256  # and so many tokens must all of them have: a row of dots of ordinary length is no loop.
MAX_PERIOD = 128  # Longest piece looked for, in tokens.
CHECK_EVERY = 32  # Tokens from one look to the next.


def find_period(
    tokens: list[int],
    min_repeats: int = MIN_REPEATS,
    min_tokens: int = MIN_LOOP_TOKENS,
    max_period: int = MAX_PERIOD,
) -> int | None:
    """Find the length of the piece that the end of an answer repeats.

    Args:
        tokens: The answer's tokens, or their end.
        min_repeats: How often the piece must stand in a row.
        min_tokens: How many tokens all of them must have.
        max_period: Longest piece looked for, in tokens.

    Returns:
        The period in tokens, or None where there is no loop.
    """
    for period in range(1, max_period + 1):
        needed = max(min_tokens, min_repeats * period)
        if needed > len(tokens):
            if min_repeats * period > len(tokens):
                return None
            continue
        tail = tokens[-needed:]
        if tail[period:] == tail[:-period]:
            return period
    return None
