"""Pictures of HTML by one headless Chromium a process."""

import atexit
import contextlib
import io
import json
import os
import re
from typing import Any

import numpy as np
from PIL import Image

from got_ocr.rendering.browser import Browser

# Pictures after which the browser is started anew, so that a run of many thousands doesn't swell it.
PICTURES_A_BROWSER = 2000
# Glyphs without hinting, at fractions of a pixel: else Chromium draws a face's first text unlike its later text.
_LEAD = '<!DOCTYPE html><meta charset="utf-8"><style>*{text-rendering:geometricPrecision}</style>'
_DOCTYPE = re.compile(r"\A\s*<!doctype[^>]*>", re.IGNORECASE)
_INK_DIFFERENCE = 12  # grey levels from the paper; below it lies the faint edge of an antialiased glyph
_BOXES = """Array.from(document.querySelectorAll(SELECTOR)).map(element => {
  const box = element.getBoundingClientRect();
  return [box.left + scrollX, box.top + scrollY, box.right + scrollX, box.bottom + scrollY]; })"""


_SIZE = """document.fonts.ready.then(() =>
  [document.documentElement.scrollWidth, document.documentElement.scrollHeight])"""


class _OwnBrowser:
    """The process's browser, and whose page it shows."""

    browser: Browser | None = None
    process: int = 0
    pictures: int = 0
    shown: "BrowserPage | None" = None
    inherited: list[
        Browser
    ] = []  # A fork's copies of its parent's browser: kept, since dropping one deletes its files.


class BrowserPage:
    """A page that HTML is shown on.

    All objects of a process share one browser: it is started on first use and closed at the process's exit; a forked
    process starts its own. The page reaches no network, and its own scripts are of no use to the data engine.

    Raises:
        OSError: There is no Chromium or Chrome on this machine (by the first `picture`).
    """

    def __init__(self) -> None:
        self._offset_px = (0.0, 0.0)
        self._scale = 1.0

    def picture(
        self,
        html: str,
        *,
        width_px: int = 900,
        scale: float = 1.0,
        margin_px: int | None = 10,
        max_height_px: int = 8000,
    ) -> Image.Image:
        """Show a page and take its picture.

        Args:
            html: The whole file, or a body (it is drawn in standards mode either way).
            width_px: The window's width in CSS px. What is wider makes the picture wider: nothing is cut on the right.
            scale: Device px for one CSS px; text is set anew at that size, not enlarged.
            margin_px: Crop to what is drawn, leaving this much paper on each side, in px of the picture; paper is
                added where the page has less. None leaves the page as it is.
            max_height_px: Where a long page is cut, in CSS px.

        Returns:
            RGB. Equal arguments give equal pixels, whatever was shown before.

        Raises:
            OSError: There is no browser, or it died twice in a row over this page.
            ValueError: Nothing is drawn on the page, and so there is nothing to crop to.
        """
        html = _LEAD + _DOCTYPE.sub("", html, count=1)
        try:
            data = _shoot(html, width_px, scale, max_height_px)
        except OSError:
            if _OwnBrowser.browser is None:  # It could not even be started.
                raise
            _close()
            data = _shoot(html, width_px, scale, max_height_px)
        image = Image.open(io.BytesIO(data)).convert("RGB")
        self._scale, self._offset_px = scale, (0.0, 0.0)
        _OwnBrowser.shown = self
        if margin_px is None:
            return image
        image, self._offset_px = crop_to_ink(image, margin_px)
        return image

    def boxes(self, selector: str) -> list[list[float]]:
        """Find elements on the last picture.

        Args:
            selector: A CSS selector.

        Returns:
            [x1, y1, x2, y2] of each element in document order, in px of the picture. Ink may reach over it a little.

        Raises:
            ValueError: The selector is none, or another object has taken a picture since.
        """
        if _OwnBrowser.shown is not self or _OwnBrowser.browser is None:
            raise ValueError("boxes belong to the last picture: ask for them before another page is shown")
        found: list[list[float]] = self.ask(_BOXES.replace("SELECTOR", json.dumps(selector)))
        left, top = self._offset_px
        return [
            [x1 * self._scale - left, y1 * self._scale - top, x2 * self._scale - left, y2 * self._scale - top]
            for x1, y1, x2, y2 in found
        ]

    def ask(self, expression: str) -> Any:
        """Ask the page of the last picture something.

        Args:
            expression: JavaScript; its value must be JSON-ready.

        Returns:
            The value.

        Raises:
            ValueError: The expression fails, or another object has taken a picture since.
        """
        if _OwnBrowser.shown is not self or _OwnBrowser.browser is None:
            raise ValueError("the page shows another picture by now: ask before the next one is taken")
        return _OwnBrowser.browser.evaluate(expression)


def _shoot(html: str, width_px: int, scale: float, max_height_px: int) -> bytes:
    browser = _browser()
    browser.set_window(width_px, scale)  # Before the page is opened: glyphs that are hinted for another scale stay so.
    browser.open_html(html)
    width, height = browser.evaluate(_SIZE)
    _OwnBrowser.pictures += 1
    area = {"x": 0, "y": 0, "width": max(width, width_px), "height": min(height, max_height_px)}
    return browser.screenshot(width_px, clip=area, scale=scale)


def _browser() -> Browser:
    own = _OwnBrowser
    if own.browser is not None and own.process != os.getpid():
        own.inherited.append(own.browser)
        own.browser = None
    if own.browser is not None and own.pictures >= PICTURES_A_BROWSER:
        _close()
    if own.browser is None:
        own.browser, own.process, own.pictures = Browser(), os.getpid(), 0
        atexit.unregister(_close)
        atexit.register(_close)  # Anew: it must run before the one that removes the browser's folder.
    return own.browser


def _close() -> None:
    own = _OwnBrowser
    browser, own.browser, own.shown = own.browser, None, None
    if browser is None or own.process != os.getpid():
        return
    with contextlib.suppress(OSError):  # It may be gone already.
        browser.close()


def crop_to_ink(image: Image.Image, margin_px: int) -> tuple[Image.Image, tuple[float, float]]:
    """Cut a picture to what differs from its paper, the colour of its first pixel.

    Args:
        image: RGB.
        margin_px: Paper left on each side, added where the picture has less.

    Returns:
        The cut picture, and where it begins (x, y) in the old one, in px.

    Raises:
        ValueError: Nothing differs from the paper.
    """
    pixels = np.asarray(image)
    ink = np.abs(pixels.astype(np.int16) - pixels[0, 0]).max(2) > _INK_DIFFERENCE
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        raise ValueError("the page is empty: nothing on it differs from its paper")
    left, top = int(columns[0]) - margin_px, int(rows[0]) - margin_px
    right, bottom = int(columns[-1]) + 1 + margin_px, int(rows[-1]) + 1 + margin_px
    paper = Image.new("RGB", (right - left, bottom - top), tuple(int(value) for value in pixels[0, 0]))
    inside = (max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height))
    paper.paste(image.crop(inside), (inside[0] - left, inside[1] - top))
    return paper, (float(left), float(top))
