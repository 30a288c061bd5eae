"""A checkpoint that reads without torch: what the command line and evaluation hold in the place of the network."""

import functools
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..processing.mode import Mode
from ..reading.answer import GotOcrAnswer
from ..reading.options import ReadingOptions
from ..reading.reader import Reader
from ..reading.reading_call import read_pictures
from .checkpoint import NotLightError
from .config import LightConfig, read_config
from .generator import LightGenerator

logger = logging.getLogger(__name__)


class LightModel:
    """A small checkpoint for slices, in numpy: one thread, no imports that take seconds, the same answers.

    Args:
        generator: What reads slices.
        load_whole: Loads the network and processor that read whole pictures, once they are asked for; None: nothing
            does.

    Attributes:
        config: What is known of it.
        device: `cpu`.
    """

    device = "cpu"

    def __init__(self, generator: LightGenerator, load_whole: Callable[[], tuple[Any, Any]] | None = None) -> None:
        self.config: LightConfig = generator.config
        self._generator = generator
        self._load_whole = None if load_whole is None else functools.cache(load_whole)

    def reader(self, options: ReadingOptions | None = None) -> Reader:
        """Make a reader. Args: options: How to read. Returns: It."""
        return Reader.of_slices(self._generator, options, self._load_whole)

    def read(
        self, processor: None, images: Any, *, mode: Mode | Sequence[Mode] | None = None, **options: Any
    ) -> list[GotOcrAnswer]:
        """Read pictures; see :meth:`GotOcrForConditionalGeneration.read`.

        Args:
            processor: None: it has its own.
            images: As there.
            mode: As there; one that reads slices, unless whole pictures are read too.
            **options: As there, without options of transformers' generation.

        Returns:
            One answer a picture, or a document with `multi_page`, in order.

        Raises:
            TypeError: If there is no option of a name.
            ValueError: If an argument is not allowed; the message says what is.
        """
        return read_pictures(self.reader, images, mode, options)


def open_light(
    folder: str | os.PathLike[str], load_whole: Callable[[], tuple[Any, Any]] | None = None
) -> LightModel | None:
    """Open a checkpoint that numpy can read with.

    Args:
        folder: The checkpoint's.
        load_whole: As in :class:`LightModel`.

    Returns:
        The model; None where torch is to read it, or to say what is wrong with it.
    """
    config = read_config(Path(folder))
    if config is None:
        return None
    try:
        return LightModel(LightGenerator(Path(folder), config), load_whole)
    except NotLightError as error:
        logger.info("%s is not read by numpy: %s", folder, error)
        return None
