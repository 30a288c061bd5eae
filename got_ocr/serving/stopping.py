"""Strings at which a client wants its answer to end, in text that comes in pieces."""

from collections.abc import Sequence


class StopStrings:
    """Hands text on up to the string of some that is complete first, which is left out.

    Args:
        strings: The strings, none of them empty.

    Attributes:
        is_hit: Whether one was met.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = tuple(strings)
        self._held = ""
        self.is_hit = False

    def push(self, text: str) -> str:
        """Take a piece of text.

        Args:
            text: It.

        Returns:
            What can be handed on: all but an end that may be the beginning of a string.
        """
        if self.is_hit:
            return ""
        self._held += text
        places = [(place + len(one), place) for one in self._strings if (place := self._held.find(one)) >= 0]
        self.is_hit = bool(places)
        # Of two that overlap it is the one that is whole first, however the text is cut into pieces.
        end = min(places)[1] if places else len(self._held) - self._count_begun()
        given, self._held = self._held[:end], self._held[end:]
        return given

    def end(self) -> str:
        """Say that no more comes. Returns: what was held back."""
        return "" if self.is_hit else self._held

    def cut(self, text: str) -> str:
        """Take a whole text. Returns: what of it can be handed on."""
        return self.push(text) + self.end()

    def _count_begun(self) -> int:
        longest = max(map(len, self._strings), default=1) - 1
        ends = (self._held[-length:] for length in range(min(longest, len(self._held)), 0, -1))
        return next((len(end) for end in ends if any(one.startswith(end) for one in self._strings)), 0)
