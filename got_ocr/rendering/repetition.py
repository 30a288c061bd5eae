"""Fix what a model's answer has broken as a whole: an end that repeats itself.

Brackets, environments and formulas are fixed where they are read. Nothing is dropped silently: each fix has a note.
"""

MIN_REPEATS = 6
MIN_CHARACTERS = 120  # A row of dots in a table of contents is no loop.
MAX_PERIOD = 600


def cut_repeated_tail(text: str) -> tuple[str, str]:
    """Cut an end that is one piece of text over and over.

    Args:
        text: The model's answer.

    Returns:
        The answer with that piece once, and a note that says how often it stood there; ("text", "") where none did.
    """
    body = text.rstrip()
    for period in range(1, min(MAX_PERIOD, len(body) // MIN_REPEATS) + 1):
        needed = max(MIN_CHARACTERS, MIN_REPEATS * period)
        if needed > len(body):
            continue
        window = body[-needed:]
        if window[period:] != window[:-period]:
            continue
        piece = body[-period:]
        if not piece.strip(" \n\t.-_=*|&\\…·"):
            continue
        start = len(body) - needed
        while start >= period and body[start - period : start] == body[start : start + period]:
            start -= period
        while start > 0 and body[start - 1] == body[start - 1 + period]:  # The loop may begin within a piece.
            start -= 1
        repeats = (len(body) - start) // period
        return body[: start + period], f"the answer's end repeated {period} characters {repeats} times; shown once"
    return text, ""
