"""A seed gives a picture of text, the text, and the box of every character.

This is the data engine's one interface: whatever is drawn, a source has `sample(seed, height, width, rows)`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from got_ocr.configuration.slicing import TEXT_HEIGHT_PX
from got_ocr.synthesis.degradation.clutter import draw_clutter
from got_ocr.synthesis.degradation.degrade import augment, scan, tint
from got_ocr.synthesis.documents.slices import DocumentSliceSource
from got_ocr.synthesis.text.block import Block, sample_size_px, set_block, set_slice
from got_ocr.synthesis.text.corpus import TextSource
from got_ocr.synthesis.text.fonts import FontFace
from got_ocr.synthesis.text.formula_lines import FormulaLineSource
from got_ocr.synthesis.text.ink import FULL_INK, draw_words

SLICE_SIZE_PX = TEXT_HEIGHT_PX  # the em size that the reading path scales lines to


@dataclass(frozen=True)
class TextImage:
    """A picture of text and what it shows.

    Attributes:
        pixels: (H, W) uint8 grey.
        text: what it reads, lines joined by newlines; empty for empty paper and clutter.
        boxes: (N, 4) float32, (x1, y1, x2, y2) of each character of `text`, in px.
        shown: for each character of `text` the one that is drawn in its box, a space where there is none; empty where
            that is `text` itself.
    """

    pixels: np.ndarray
    text: str
    boxes: np.ndarray
    shown: str = ""


class TextImageSource:
    """Draws lines of text in many faces. The same seed gives the same picture."""

    def __init__(
        self,
        families: Mapping[str, Sequence[FontFace]],
        text: TextSource,
        size_px: tuple[float, float] = (16.0, 28.0),
        augmentation_strength: float = 1.0,
        empty_share: float = 0.01,
        formula_lines: FormulaLineSource | None = None,
        documents: DocumentSliceSource | None = None,
        document_share: float = 0.0,
    ) -> None:
        """Set what is drawn.

        Args:
            families: font family to its faces; each family is as frequent as any other.
            text: what is set.
            size_px: smallest and largest em size.
            augmentation_strength: 0 for clean pictures, 1 for the training mix, 2 to degrade nearly every one.
            empty_share: share of pictures without text; most of them show clutter (clutter.py).
            formula_lines: sets lines with formulas; needed where `sample` is asked for them.
            documents: draws lines of receipts, forms and tables as they are printed and scanned.
            document_share: of the slices without formulas, those that `documents` draws.
        """
        self.families = [list(faces) for faces in families.values()]
        self.text = text
        self.size_px = size_px
        self.augmentation_strength = augmentation_strength
        self.empty_share = empty_share
        self.formula_lines = formula_lines
        self.documents = documents
        self.document_share = document_share if documents else 0.0

    def sample(
        self,
        seed: int | Sequence[int],
        height: int,
        width: int,
        rows: int,
        variety: float = 1.0,
        slices: bool = False,
        formulas: bool = False,
    ) -> TextImage:
        """Draw one picture.

        Args:
            seed: anything numpy takes as entropy.
            height: height of the picture in px.
            width: its width in px.
            rows: text lines wanted; fewer are set where they don't fit.
            variety: share of the families and of the degradations to draw from, for a curriculum.
            slices: whether to lay pieces of lines out as the reading path does, instead of a block of any layout.
            formulas: whether such pieces have formulas between their words; the text is then that of the format mode.

        Returns:
            The picture.

        Raises:
            ValueError: formulas are asked for, but not in slices, or without a source for them.
        """
        if formulas and (not slices or self.formula_lines is None):
            raise ValueError("formulas are set in slices only, by a source with formula_lines")
        rng = np.random.default_rng(seed)
        strength = self.augmentation_strength * variety
        if self.documents and slices and not formulas and rng.random() < self.document_share:
            drawn = self.documents.sample(rng, height, width, rows)
            return TextImage(augment(rng, 255.0 - drawn.ink, 0.25 * strength), drawn.text, drawn.boxes)
        words = self.text.words(rng)
        if slices:
            face = self._face(rng, variety)
            faces = [face if rng.random() < 0.8 else self._face(rng, variety) for _ in range(rows)]
            if formulas and self.formula_lines is not None:
                block = self.formula_lines.set_rows(rng, words, faces, SLICE_SIZE_PX, height, width, rows)
            else:
                block = set_slice(rng, words, faces, SLICE_SIZE_PX, width, rows)
        else:
            size_px = sample_size_px(rng, *self.size_px)
            block = set_block(rng, words, self._face(rng, variety), size_px, height, width, rows)
        if rng.random() < self.empty_share:
            block = Block((), "", np.zeros((0, 4), dtype=np.float32))
        mask, boxes = _draw(rng, block, height, width, strength)
        if not block.text and rng.random() < 0.8:
            mask = draw_clutter(rng, height, width)
        if slices:
            # The reading path takes the paper away and evens the ink; what is left of degradation is mostly blur.
            picture = 255.0 - np.minimum(mask * (rng.uniform(0.75, 1.25) if rng.random() < 0.5 else 0.9), 255.0)
            return TextImage(augment(rng, picture.astype(np.float32), 0.6 * strength), block.text, boxes, block.shown)
        return TextImage(augment(rng, tint(rng, mask, strength), strength), block.text, boxes)

    def _face(self, rng: np.random.Generator, variety: float) -> FontFace:
        faces = self.families[rng.integers(max(1, round(variety * len(self.families))))]
        weights = np.array([face.weight for face in faces])
        return faces[rng.choice(len(faces), p=weights / weights.sum())]


def _draw(
    rng: np.random.Generator, block: Block, height: int, width: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a block's ink at its size, larger or smaller, and bring it to its size.

    That gives hinted screen text, a reduced scan, or an enlarged small picture.
    """
    kind = rng.random()
    scale = (
        1.0 if kind < 0.3 else float(rng.uniform(1.5, 3.2) if kind > 0.14 * strength + 0.3 else rng.uniform(0.55, 1.0))
    )
    canvas = Image.new("L", (round(width * scale), round(height * scale)), 0)
    draw_words(canvas, block.words, scale)
    draw = ImageDraw.Draw(canvas)
    for x1, y1, x2, y2 in block.rules:
        left, top = round(x1 * scale), round(y1 * scale)
        thickness = max(1, round((y2 - y1) * scale))
        draw.rectangle((left, top, max(left, round(x2 * scale) - 1), top + thickness - 1), fill=FULL_INK)
    boxes = block.boxes
    if rng.random() < 0.2 * strength:
        angle = float(np.clip(rng.normal(0.0, 0.5), -1.1, 1.1))
        canvas = canvas.rotate(angle, Image.Resampling.BILINEAR)
        boxes = _rotate_boxes(boxes, angle, height, width)
    if scale >= 1.8 and rng.random() < 0.35 * strength:
        canvas = scan(rng, canvas, scale)
    if scale != 1.0:
        methods = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
        first = 0 if scale > 1.0 else 1
        canvas = canvas.resize((width, height), methods[rng.integers(first, len(methods))])
    return np.asarray(canvas), boxes


def _rotate_boxes(boxes: np.ndarray, angle: float, height: int, width: int) -> np.ndarray:
    """Move boxes with a small anticlockwise rotation about the picture's centre; they keep their size.

    Args:
        boxes: (N, 4) float32.
        angle: degrees.
        height: picture height.
        width: picture width.

    Returns:
        (N, 4) float32.
    """
    x, y = ((boxes[:, 0] + boxes[:, 2]) / 2 - width / 2, (boxes[:, 1] + boxes[:, 3]) / 2 - height / 2)
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    shift_x, shift_y = x * (cosine - 1) + y * sine, y * (cosine - 1) - x * sine
    moved: np.ndarray = (boxes + np.stack([shift_x, shift_y, shift_x, shift_y], 1)).astype(np.float32)
    return moved
