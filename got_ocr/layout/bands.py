"""Find what stands at a height of a page without looking at all of it, so that cost grows with what is near.

Shape legend:
    N  spans
    M  memberships: a span counts once in each band that it reaches into
"""

import numpy as np


class Bands:
    """Spans from a top to a bottom, sorted into bands across the page.

    Args:
        top: (N,) float64, where each begins, in px.
        bottom: (N,) float64, where it ends; no less than `top`.
        band_px: height of a band; about the usual span's.
    """

    def __init__(self, top: np.ndarray, bottom: np.ndarray, band_px: float) -> None:
        self._band_px = max(float(band_px), 1.0)
        self._origin = float(top.min()) if len(top) else 0.0
        self._count = self._number(float(bottom.max())) + 1 if len(top) else 1
        first = np.floor((top - self._origin) / self._band_px).astype(np.int64)
        last = np.floor((bottom - self._origin) / self._band_px).astype(np.int64)
        counts = last - first + 1
        owner = np.repeat(np.arange(len(top)), counts)
        band = np.repeat(first - np.cumsum(counts) + counts, counts) + np.arange(len(owner))
        order = np.argsort(band, kind="stable")
        self._members = owner[order]
        self._begin = np.searchsorted(band[order], np.arange(self._count + 1))

    def _number(self, y: float) -> int:
        return int((y - self._origin) // self._band_px)

    def near(self, top: float, bottom: float) -> np.ndarray:
        """Name the spans that may overlap a stretch.

        Args:
            top: Where it begins, in px.
            bottom: Where it ends.

        Returns:
            (n,) int64, rising: all spans that overlap it, ends included, and some that only come close.
        """
        first, last = max(self._number(top), 0), min(self._number(bottom), self._count - 1)
        if first > last:
            return self._members[:0]
        found = self._members[self._begin[first] : self._begin[last + 1]]
        return found if first == last else np.unique(found)
