"""Chromium that opens a server of this machine and is driven as a person drives it: files, mouse, keys."""

import json
import time
from pathlib import Path
from typing import Any

from got_ocr.rendering import browser as rendering_browser
from got_ocr.rendering.browser import Browser

POLL_S = 0.1
# The renderer's browser finds no host at all; this one finds this machine, and still nothing else.
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND"
LOOPBACK_ONLY = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"


class DrivenBrowser(Browser):
    """See above; `wait_s` bounds each wait, on a busy machine too."""

    wait_s = 240.0

    def _start(self, program: str) -> None:
        popen = rendering_browser.subprocess.Popen

        def start(command: list[str], **options: Any) -> Any:
            return popen([LOOPBACK_ONLY if word == OFFLINE else word for word in command], **options)

        rendering_browser.subprocess.Popen = start  # type: ignore[assignment,misc]
        try:
            super()._start(program)
        finally:
            rendering_browser.subprocess.Popen = popen  # type: ignore[misc]

    def open_url(self, url: str, width_px: int = 1280, height_px: int = 1000, dark: bool = False) -> None:
        self.messages.clear()
        self._events.clear()
        size = {"width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._call("Page.navigate", {"url": url})

    def wait_for(self, expression: str, what: str = "") -> Any:
        """Wait until JavaScript gives something true. Returns: it."""
        deadline = time.monotonic() + self.wait_s
        while True:
            try:
                found = self.evaluate(f"(() => {{ const f = ({expression}); return f instanceof Node || f; }})()")
            except (ValueError, OSError):  # between two documents
                found = None
            if found:
                return found
            assert time.monotonic() < deadline, f"waited in vain for {what or expression}; {self.messages[-5:]}"
            time.sleep(POLL_S)

    def upload(self, selector: str, file: Path) -> None:
        self.wait_for(f"document.querySelector({json.dumps(selector)})")
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
        self._call("DOM.setFileInputFiles", {"files": [str(file)], "nodeId": node})

    def box_of(self, selector: str) -> tuple[float, float, float, float]:
        """Where an element stands in the window: x, y, width, height."""
        found = self.wait_for(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return b.width ? [b.x, b.y, b.width, b.height] : null; })()"
        )
        return tuple(found)  # type: ignore[return-value]

    def mouse(self, kind: str, x: float, y: float) -> None:
        held = {"button": "left", "buttons": 1, "clickCount": 1} if kind != "mouseMoved" else {"buttons": 1}
        self._call("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **held})

    def click(self, selector: str) -> None:
        x, y, width, height = self.box_of(selector)
        self.mouse("mousePressed", x + width / 2, y + height / 2)
        self.mouse("mouseReleased", x + width / 2, y + height / 2)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.mouse("mousePressed", *start)
        for step in range(1, 6):
            self.mouse("mouseMoved", *(a + (b - a) * step / 5 for a, b in zip(start, end, strict=True)))
        self.mouse("mouseReleased", *end)

    def picture(self) -> bytes:
        import base64

        return base64.b64decode(self._call("Page.captureScreenshot", {"format": "png"})["data"])

    def frame_text(self) -> str:
        """What the first frame with a document of its own shows; its sandbox keeps the page itself out."""
        tree = self._call("Page.getFrameTree")["frameTree"]
        frames = [child["frame"]["id"] for child in tree.get("childFrames", [])]
        for frame in frames:
            world = self._call("Page.createIsolatedWorld", {"frameId": frame})["executionContextId"]
            options = {"expression": "document.body.innerText", "contextId": world, "returnByValue": True}
            text = self._call("Runtime.evaluate", options)["result"].get("value")
            if text:
                return str(text)
        return ""

    @property
    def foreign_requests(self) -> list[str]:
        """What the page asked of any other machine."""
        return [
            text for level, text in self.messages if level == "network" and not text.startswith("http://127.0.0.1:")
        ]
