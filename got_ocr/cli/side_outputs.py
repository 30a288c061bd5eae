"""What is written beside the output while pages are read: `--render`, `--overlay`."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from .checks import render_target, rendering_room
from .overlay import Overlays
from .progress import Progress
from .records import PageRecord
from .writing import write_whole, writing

if TYPE_CHECKING:
    from ..processing.pages import Page


class Rendered:
    """What `--render` writes, gathered while pages are read.

    Args:
        args: The arguments of `got-ocr`.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.target = render_target(args)
        self.pages: list[tuple[Path | None, str]] = []

    def take(self, record: PageRecord) -> None:
        """Keep a page; where it is a picture file, it stands beside its text."""
        if record.error is not None:
            return
        source = record.input if isinstance(record.input, str) else record.input[0]
        is_picture = os.path.isfile(source) and not source.lower().endswith((".pdf", ".tif", ".tiff"))
        self.pages.append((Path(source) if is_picture else None, record.text))

    def write(self, progress: Progress) -> None:
        """Write the file, whole or not at all."""
        if not self.pages:
            return
        document = rendering_room().render_pages(self.pages)
        with writing(self.target):
            write_whole(self.target, document.save)
        progress.notice(f"rendered: {self.target}")


class SideOutputs:
    """All that the arguments ask for beside the output.

    Args:
        args: The arguments of `got-ocr`.

    Raises:
        CommandError: If something can't be written.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._rendered = Rendered(args) if args.render is not None else None
        self._overlays = Overlays(args.overlay) if args.overlay else None

    def take(self, record: PageRecord, page: "Page | None") -> None:
        """Take a page that was read, with its picture where that is in memory."""
        if self._rendered is not None:
            self._rendered.take(record)
        if self._overlays is not None:
            self._overlays.take(record, page)

    def write(self, progress: Progress) -> None:
        """Write what waits for all pages."""
        if self._rendered is not None:
            self._rendered.write(progress)
