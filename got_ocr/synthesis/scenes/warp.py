"""Bends and tilts of a mask of ink: arcs, perspective, and the way back for boxes."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

Corners = np.ndarray  # (4, 2) float64: upper left, upper right, lower right, lower left, as x and y in px


def rectangle(width_px: float, height_px: float) -> Corners:
    """Take a picture's corners.

    Args:
        width_px: its width.
        height_px: its height.

    Returns:
        The corners.
    """
    return np.array([(0, 0), (width_px, 0), (width_px, height_px), (0, height_px)], dtype=np.float64)


def homography(source: Corners, target: Corners) -> np.ndarray:
    """Find the perspective map that takes four corners to four others.

    Args:
        source: where they are.
        target: where they go; no three in a line.

    Returns:
        (3, 3) float64 matrix for (x, y, 1).
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)


def move_points(matrix: np.ndarray, points: Sequence[tuple[float, float]] | np.ndarray) -> np.ndarray:
    """Map points.

    Args:
        matrix: (3, 3), of `homography`.
        points: (N, 2).

    Returns:
        (N, 2) float64.
    """
    moved = np.column_stack([np.asarray(points, dtype=np.float64), np.ones(len(points))]) @ matrix.T
    plane: np.ndarray = moved[:, :2] / moved[:, 2:]
    return plane


def project(mask: Image.Image, target: Corners, size: tuple[int, int]) -> Image.Image:
    """Draw a mask in perspective.

    Args:
        mask: mode L.
        target: where its corners go, in px of the result.
        size: (width, height) of the result.

    Returns:
        Mode L; 0 where the mask is not.
    """
    matrix = homography(target, rectangle(*mask.size))
    return mask.transform(size, Image.Transform.PERSPECTIVE, matrix.ravel()[:8].tolist(), Image.Resampling.BICUBIC)


def shift_columns(mask: Image.Image, down_px: np.ndarray) -> Image.Image:
    """Move each column up or down; ink must have room for it.

    Args:
        mask: mode L.
        down_px: (W,) how far each column goes down.

    Returns:
        Mode L, of the same size.
    """
    pixels = np.asarray(mask, dtype=np.float32)
    whole = np.floor(down_px).astype(np.int64)
    share = (down_px - whole).astype(np.float32)
    rows = np.arange(mask.height)[:, None] - whole[None, :]
    padded = np.vstack([pixels, np.zeros((1, mask.width), dtype=np.float32)])

    def rows_of(index: np.ndarray) -> np.ndarray:
        inside = np.where((index >= 0) & (index < mask.height), index, mask.height)
        return np.take_along_axis(padded, inside, axis=0)

    moved = rows_of(rows) * (1.0 - share) + rows_of(rows - 1) * share
    return Image.fromarray(np.rint(moved).astype(np.uint8), "L")
