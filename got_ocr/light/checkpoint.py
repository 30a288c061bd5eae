"""A checkpoint's files for numpy: weights and what pixels are normalised by."""

from pathlib import Path
from typing import Any

import numpy as np

from .arithmetic import Array
from .config import IMAGE_PROCESSOR_FILE, PROCESSOR_FILE, WEIGHTS_FILE, LightConfig, read_json


class NotLightError(ValueError):
    """A checkpoint's files are not as numpy reads them; torch is to read them, or to say what is wrong."""


def read_weights(folder: Path) -> dict[str, Array]:
    """Read a checkpoint's weights.

    Args:
        folder: The checkpoint's.

    Returns:
        Tensors by name, float32.

    Raises:
        NotLightError: If they are of another type, not finite, or the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        weights: dict[str, Any] = load_file(folder / WEIGHTS_FILE)
    except (SafetensorError, OSError, KeyError, TypeError) as error:  # bfloat16 is a type that numpy doesn't have.
        raise NotLightError(str(error)) from error
    for name, weight in weights.items():
        if weight.dtype != np.float32 or not np.isfinite(weight).all():
            raise NotLightError(f"{name} is not of finite float32 numbers.")
    return weights


def read_normalisation(folder: Path, config: LightConfig) -> tuple[list[float], list[float]]:
    """Read what pixels are normalised by.

    Args:
        folder: The checkpoint's.
        config: Its configuration.

    Returns:
        Mean and standard deviation of the three channels.

    Raises:
        NotLightError: If the files don't say, or say another size than the configuration.
    """
    options = read_json(folder / PROCESSOR_FILE).get("image_processor") or read_json(folder / IMAGE_PROCESSOR_FILE)
    mean, std = options.get("image_mean"), options.get("image_std")
    is_whole = isinstance(mean, list) and isinstance(std, list) and len(mean) == len(std) == 3
    if not is_whole or options.get("size") != config.vision_config.image_size:
        raise NotLightError(f"{folder} does not say how pixels are made.")
    return list(map(float, mean or ())), list(map(float, std or ()))
