"""How pages are cut into slices: the geometry that reading and the pictures of training agree on, and its options."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

# Chosen with the first version of the built-in checkpoint: small canvases, and text as small as it reads well.
TEXT_HEIGHT_PX = 21.0  # font size (em) of lines on a slice
MIN_TEXT_HEIGHT_PX = 18.0  # the same of a line that then needs no cut
TEXT_HEIGHTS_PX = (4, 512)  # the least and the most of both that is allowed
ROWS = 3  # pieces of text on a slice
MARGIN_PX = 8  # white around the text of a slice
ROW_GAP_PX = 4  # least white between two pieces
FIRST_BASELINE_EM = 0.8  # from the upper margin down to the first baseline
ROW_PITCH_EM = 1.3  # from baseline to baseline
PIECE_PADDING_PX, PIECE_PADDING_EM = 2, 0.1  # shown above and below a piece's ink, beside its neighbours'


@dataclass(frozen=True)
class SlicingOptions:
    """How to cut pictures for a checkpoint: the `slicing` of its config.json.

    Attributes:
        text_height_px: font size (em) to scale lines to on the canvas.
        min_text_height_px: a line may be made this small where it then fits without a cut.
        rows: most pieces of text stacked on one slice; 0 stacks as many as fit.
        margin_px: white space around the text of a slice.
        row_gap_px: least white space between two pieces on a slice.
        canvas_heights_px: heights below the canvas's own that a slice may have, from low to high; it gets the lowest
            that holds its pieces. None of them: every slice is a whole canvas.
        keep_natural: show a picture whose text fits one canvas as it is instead of line by line.
        max_slices: most slices made of one picture; what is beyond is left out.
        join_hyphens: whether `exam-` + `ple` at a line's end become one word.
        line_separator: written between the lines of a block.
        block_separator: written between blocks.
    """

    text_height_px: float = TEXT_HEIGHT_PX
    min_text_height_px: float = MIN_TEXT_HEIGHT_PX
    rows: int = ROWS
    margin_px: int = MARGIN_PX
    row_gap_px: int = ROW_GAP_PX
    canvas_heights_px: tuple[int, ...] = ()
    keep_natural: bool = True
    max_slices: int = 4096
    join_hyphens: bool = False
    line_separator: str = "\n"
    block_separator: str = "\n\n"

    def __post_init__(self) -> None:
        for name, low, high in (
            ("text_height_px", *TEXT_HEIGHTS_PX),
            ("min_text_height_px", *TEXT_HEIGHTS_PX),
            ("rows", 0, 1000),
            ("margin_px", 0, 256),
            ("row_gap_px", 0, 256),
            ("max_slices", 1, 1_000_000),
        ):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            if not number or not low <= value <= high:
                raise ValueError(f"slicing option {name} must be a number from {low} to {high}, got {value!r}.")
            if not name.startswith(("text", "min")) and value != int(value):
                raise ValueError(f"slicing option {name} must be a whole number, got {value!r}.")
        heights = self.canvas_heights_px
        if (
            not isinstance(heights, tuple)
            or not all(type(height) is int and height > 0 for height in heights)
            or list(heights) != sorted(set(heights))
        ):
            raise ValueError(
                f"slicing option canvas_heights_px must be a list of whole numbers from low to high, got {heights!r}."
            )
        for name in ("keep_natural", "join_hyphens"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"slicing option {name} must be true or false, got {getattr(self, name)!r}.")
        for name in ("line_separator", "block_separator"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"slicing option {name} must be a string, got {getattr(self, name)!r}.")
        if self.min_text_height_px > self.text_height_px:
            raise ValueError(
                f"slicing option min_text_height_px ({self.min_text_height_px}) must not be larger than "
                f"text_height_px ({self.text_height_px})."
            )

    @classmethod
    def from_dict(cls, values: "Mapping[str, Any] | SlicingOptions | None") -> "SlicingOptions":
        """Build options from `config.slicing`.

        Args:
            values: fields by name; None and missing fields take the defaults.

        Returns:
            The options.

        Raises:
            ValueError: A field is unknown or its value is not allowed.
        """
        if isinstance(values, cls):
            return values
        if values is None:
            return cls()
        if not isinstance(values, Mapping):
            raise ValueError(f"slicing must be a dictionary of options, got {type(values).__name__}.")
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(f"unknown slicing options: {', '.join(unknown)}; there are {', '.join(known)}.")
        heights = values.get("canvas_heights_px")
        return cls(**(values if not isinstance(heights, list) else {**values, "canvas_heights_px": tuple(heights)}))
