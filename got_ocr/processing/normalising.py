"""Pixels to the network's numbers. Nothing here needs transformers."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image


def normalise(image: Image.Image, mean: Sequence[float], std: Sequence[float], out_3HW: np.ndarray) -> None:
    """Normalise a picture by a table of the 256 values that a channel can have.

    Args:
        image: RGB, of the right size.
        mean: Of the three channels, 0 to 1.
        std: Their standard deviations.
        out_3HW: (3, height, width) float32, overwritten.
    """
    pixels_HW3 = np.asarray(image)
    for channel in range(3):
        table = _table(mean[channel], std[channel])
        np.take(table, pixels_HW3[:, :, channel], out=out_3HW[channel], mode="clip")


@lru_cache(maxsize=16)
def _table(mean: float, std: float) -> Any:
    return ((np.arange(256) / 255 - mean) / std).astype(np.float32)
