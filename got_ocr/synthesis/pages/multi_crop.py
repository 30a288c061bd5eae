"""Dense and oddly shaped pages, for reading in tiles."""

import numpy as np
from PIL import Image

from got_ocr.processing.image_processor import DEFAULT_MAX_TILES, DEFAULT_SIZE_PX, crop_grid
from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.formatted.kind import FormattedDrawer
from got_ocr.synthesis.formatted.source import estimate_tokens
from got_ocr.synthesis.pages.drawing import draw_page
from got_ocr.synthesis.pages.style import LEAST_SIDE_PX, MOST_SIDE_PX
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn

_FORMATTED_SHARE = 0.4
# Six tiles and the overview are 1792 image tokens; with the answer a sample stays within the 8192 of training.
MOST_TOKENS = 5000
_MOST_TRIES = 12
# What pages look like: share, size of the text over a usual page's, columns of a formatted page.
_LOOKS = {
    "dense": (0.45, (0.85, 1.15), (1, 4)),
    "newspaper": (0.25, (0.9, 1.2), (3, 5)),
    "poster": (0.15, (2.0, 4.5), (1, 2)),
    "large": (0.15, (1.2, 2.0), (1, 3)),
}


class MultiCrop:
    """Pages that one picture of 1024 x 1024 can't show sharply: newspapers, posters, very wide and very tall pages.

    A sample has one picture, which the processor cuts into tiles by its shape, at most 6. The grid is drawn first,
    then a page of about that shape and of about as many pixels, so that every grid is as frequent as any other.

    Args:
        resources: fonts, text, the typesetter of formatted pages, and degradations.

    Raises:
        ValueError: the typesetter is unknown, or what it needs is missing.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._formatted = FormattedDrawer(resources)
        self._grids = [
            (columns, rows)
            for columns in range(1, DEFAULT_MAX_TILES + 1)
            for rows in range(1, DEFAULT_MAX_TILES // columns + 1)
            if columns * rows > 1
        ]

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw a page.

        Args:
            rng: decides.

        Returns:
            One picture, of more than one tile, and one turn.
        """
        for redrawn in range(_MOST_TRIES):
            image, text, facts = self._draw_page(rng)
            grid = crop_grid(*image.size)
            if grid == (1, 1) or estimate_tokens(text) > MOST_TOKENS:
                continue
            image, applied = degrade_share(image, rng, self._resources.degradations)
            turn = Turn(instruction(Mode(facts["ocr_type"], crop=True)), text)
            source = {**facts, "grid": list(grid), "degradations": applied, "redrawn": redrawn}
            return Sample("multi-crop", (image,), (turn,), source)
        raise ValueError(f"{_MOST_TRIES} pages in a row had too much text, or one tile only: give other fonts")

    def _draw_page(self, rng: np.random.Generator) -> tuple[Image.Image, str, dict[str, str]]:
        grid = self._grids[rng.integers(len(self._grids))]
        aspect = grid[0] / grid[1] * float(rng.uniform(0.9, 1.11))
        names = list(_LOOKS)
        look = names[rng.choice(len(names), p=[share for share, _, _ in _LOOKS.values()])]
        ocr_type = "format" if rng.random() < _FORMATTED_SHARE else "ocr"
        if ocr_type == "format":
            image, text = self._draw_formatted(rng, grid, aspect, look)
        else:
            image, text = self._draw_plain(rng, grid, aspect, look)
        return image, text, {"look": look, "ocr_type": ocr_type}

    def _draw_plain(
        self, rng: np.random.Generator, grid: tuple[int, int], aspect: float, look: str
    ) -> tuple[Image.Image, str]:
        area_px = grid[0] * grid[1] * DEFAULT_SIZE_PX**2 * float(rng.uniform(0.55, 1.15))
        height_px = min(max(round((area_px / aspect) ** 0.5), LEAST_SIDE_PX), MOST_SIDE_PX)
        width_px = min(max(round(height_px * aspect), LEAST_SIDE_PX), MOST_SIDE_PX)
        _, scales, _ = _LOOKS[look]
        layout = None
        if look == "newspaper":
            layout = "three-columns" if aspect > 0.6 else "two-columns"
        drawing = draw_page(
            rng,
            self._resources,
            layout=layout,
            size_px=(height_px, width_px),
            dpi=float(rng.uniform(105.0, 150.0)),
            text_scale=float(rng.uniform(*scales)),
            max_characters=int(rng.uniform(0.5, 1.0) * 3.4 * MOST_TOKENS),
        )
        return drawing.image, drawing.text

    def _draw_formatted(
        self, rng: np.random.Generator, grid: tuple[int, int], aspect: float, look: str
    ) -> tuple[Image.Image, str]:
        _, _, (fewest, most) = _LOOKS[look]
        columns = int(rng.integers(fewest, most + 1)) if aspect > 0.5 else 1
        page = self._formatted.page(
            rng,
            most_tokens=int(rng.uniform(0.4, 0.9) * MOST_TOKENS),
            shape=1.0 / aspect,
            columns=max(columns, round(1.2 * aspect)),
            pixels=round(grid[0] * grid[1] * DEFAULT_SIZE_PX**2 * float(rng.uniform(0.4, 0.8))),
        )
        return page.image, page.text
