"""`--overlay`: a picture of each page beside what was read of it, line by line."""

from typing import TYPE_CHECKING

from .records import PageRecord
from .writing import prepare_target, write_whole, writing

if TYPE_CHECKING:
    from ..processing.pages import Page


class Overlays:
    """Draws pages as they are read.

    Args:
        target: The picture to write; further pages get its name with their count behind, `out-2.png`.

    Raises:
        CommandError: If it can't be written, or has no name of a picture.
    """

    def __init__(self, target: str) -> None:
        self.target = prepare_target("--overlay", target)
        self._count = 0

    def take(self, record: PageRecord, page: "Page | None") -> None:
        """Draw a page; one that failed, or of which nothing is left to draw, is left out.

        Args:
            record: What was read.
            page: Its picture; None for one that an earlier run read, whose picture is loaded again.

        Raises:
            CommandError: If the picture can't be written.
        """
        if record.error is not None or not isinstance(record.input, str):
            return
        from ..rendering.overlay import draw_reading
        from .render import load_picture
        from .written_forms import page_lines

        image = page.image if page is not None else load_picture(record.input, record.page or 1)
        self._count += 1
        stem = self.target.stem if self._count == 1 else f"{self.target.stem}-{self._count}"
        target = self.target.with_stem(stem)
        drawing = draw_reading(image, page_lines(record))
        with writing(target):
            write_whole(target, drawing.save)
