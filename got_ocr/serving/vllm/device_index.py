"""N-grams and loops of many sequences, found where the tokens are, without waiting for them on the host.

An (n - 1)-gram is kept as a number of 64 bits, its polynomial over the ring of 2 ** 64: a new token adds one number
and compares it with those of its sequence.

Shape legend:
    R  sequences that there is room for
    B  rows of a step
    L  positions that there is room for
    K  tokens of the window in which loops are looked for
    P  periods of loops
"""

import torch
from torch import Tensor

from ...modeling.generation import RepetitionStop

# An odd factor, so that no power of it loses a bit (Knuth's MMIX).
FACTOR = 6364136223846793005


class DeviceNGramIndex:
    """What followed each (n - 1)-gram of each sequence.

    Args:
        max_sequences: R.
        max_length: L.
        device: Where tokens are.
    """

    def __init__(self, max_sequences: int, max_length: int, device: torch.device) -> None:
        # At a position stands the number of the gram before it, so what stands there in the sequence followed it.
        self._grams = torch.zeros(max_sequences, max_length + 1, dtype=torch.int64, device=device)
        self.sizes = torch.zeros(max_sequences, dtype=torch.int64, device=device)

    def begin(self, place: int, tokens: Tensor, ngram_size: Tensor) -> None:
        """Begin a sequence.

        Args:
            place: Its place among R.
            tokens: (tokens,) integers, those that are there already.
            ngram_size: () int64, 0 for none.
        """
        self.sizes[place] = ngram_size
        positions = torch.arange(1, len(tokens) + 1, device=tokens.device)
        # No longer gram than the sequence: what it would hold before its begin counts nothing.
        self._grams[place, 1 : len(tokens) + 1] = self._number(
            tokens.unsqueeze(0), torch.zeros_like(positions), positions, ngram_size.expand(len(positions))
        )

    def find_banned(self, tokens: Tensor, places: Tensor, lengths: Tensor, longest: int) -> Tensor:
        """Take in the newest token of each row, and find what would complete an n-gram for a second time.

        Args:
            tokens: (R, L) integers, all sequences.
            places: (B,) int64, the rows' places among R.
            lengths: (B,) int64, tokens of each.
            longest: No row has more tokens.

        Returns:
            (B, longest) bool: whether the token at a position of the row's sequence is banned.
        """
        sizes = self.sizes[places]
        newest = self._number(tokens, places, lengths, sizes)
        self._grams[places, lengths] = newest
        positions = torch.arange(longest, device=tokens.device)
        is_known = (positions >= sizes.unsqueeze(1) - 1) & (positions < lengths.unsqueeze(1))
        is_asked = (sizes > 0) & (lengths >= sizes)
        return (self._grams[places, :longest] == newest.unsqueeze(1)) & is_known & is_asked.unsqueeze(1)

    @staticmethod
    def _number(tokens: Tensor, places: Tensor, ends: Tensor, sizes: Tensor) -> Tensor:
        """Number the (n - 1)-grams that end before positions. Args: all (B,) but tokens. Returns: (B,) int64."""
        total = torch.zeros_like(ends)
        factor = 1
        for back in range(LONGEST_NGRAM - 1):
            position = ends - 1 - back
            is_part = (back < sizes - 1) & (position >= 0)
            token = tokens[places, position.clamp(min=0)].to(torch.int64)
            total = total + torch.where(is_part, (token + 1) * factor, 0)
            factor = _wrap(factor * FACTOR)
        return total


LONGEST_NGRAM = 64  # A request may not ask for longer ones where the index is on a device.


def _wrap(number: int) -> int:
    """A number as 64 bits with a sign have it."""
    number &= 2**64 - 1
    return number - 2**64 if number >= 2**63 else number


def find_loops(tokens: Tensor, places: Tensor, lengths: Tensor, generated: Tensor, stop: RepetitionStop) -> Tensor:
    """Tell which sequences have fallen into a loop, as :meth:`RepetitionStop.find_period` does.

    Args:
        tokens: (R, L) integers, all sequences.
        places: (B,) int64, the rows' places among R.
        lengths: (B,) int64, tokens of each, its prompt included.
        generated: (B,) int64, of these the answer's.
        stop: Says what a loop is.

    Returns:
        (B,) bool.
    """
    device = tokens.device
    window = max(stop.min_tokens, stop.min_repeats * stop.max_period)
    back = torch.arange(window, device=device)
    newest_first = tokens[places.unsqueeze(1), (lengths.unsqueeze(1) - 1 - back).clamp(min=0)]  # (B, K)
    periods = torch.arange(1, stop.max_period + 1, device=device)
    needed = (stop.min_repeats * periods).clamp(min=stop.min_tokens)
    shifted = (back + periods.unsqueeze(1)).clamp(max=window - 1)  # (P, K)
    is_same = newest_first.unsqueeze(1) == newest_first[:, shifted]  # (B, P, K)
    is_outside = back >= (needed - periods).unsqueeze(1)
    repeats = (is_same | is_outside).all(dim=2)
    return (repeats & (needed <= generated.unsqueeze(1))).any(dim=1)
