"""A headless Chromium or Chrome, driven over a pipe: pictures and prints of a page that may load nothing."""

# ruff: noqa: SIM905 - lists of words are read more easily as text

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "brave-browser",
)
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_FLAGS = (
    "--headless --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --disable-extensions --disable-default-apps --mute-audio --hide-scrollbars "
    "--disable-dev-shm-usage --remote-debugging-pipe --force-color-profile=srgb"
).split()


SANDBOX_VARIABLE = "GOT_OCR_BROWSER_SANDBOX"


def sandbox_flags() -> list[str]:
    """Switch the browser's sandbox off only where it can't be: for root, or where `GOT_OCR_BROWSER_SANDBOX` is 0."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return ["--no-sandbox"] if is_root or os.environ.get(SANDBOX_VARIABLE) == "0" else []


def find_browser() -> str | None:
    """Find a Chromium-like browser: what GOT_OCR_BROWSER names, else one on the path."""
    named = os.environ.get("GOT_OCR_BROWSER")
    if named:
        return shutil.which(named)
    found = (shutil.which(name) for name in _NAMES)
    return next(filter(None, found), None) or next((place for place in _PLACES if Path(place).exists()), None)


class Browser:
    """A browser without network: every host name fails, and only files it is given are opened.

    Args:
        timeout_s: Longest wait for an answer.

    Attributes:
        messages: What the open page wrote to the console and what failed, as (level, text).

    Raises:
        OSError: If there is no browser, or it doesn't start.
    """

    def __init__(self, timeout_s: float = 60.0) -> None:
        program = find_browser()
        if program is None:
            raise OSError("no Chromium or Chrome found: install one, or name it in GOT_OCR_BROWSER.")
        if os.name != "posix":
            raise OSError(
                "pictures of a page by the browser are made on Linux and macOS; open the .html file instead."
            )
        self.timeout_s = timeout_s
        self.messages: list[tuple[str, str]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="got-ocr-browser-")
        self._next_id = 0
        self._buffer = b""
        self._events: list[dict[str, Any]] = []
        self._requests: dict[str, str] = {}
        self._start(program)
        target = self._call("Target.createTarget", {"url": "about:blank"}, session="")["targetId"]
        attached = self._call("Target.attachToTarget", {"targetId": target, "flatten": True}, session="")
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def _start(self, program: str) -> None:
        read_commands, self._commands = os.pipe()
        self._answers, write_answers = os.pipe()

        def wire() -> None:  # The browser reads commands on 3 and answers on 4.
            spare_read, spare_write = os.dup(read_commands), os.dup(write_answers)
            os.dup2(spare_read, 3)
            os.dup2(spare_write, 4)

        command = [program, *_FLAGS, *sandbox_flags()]
        command += [f"--user-data-dir={self._folder.name}", "--host-resolver-rules=MAP * ~NOTFOUND"]
        self._process = subprocess.Popen(
            [*command, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=wire,
            close_fds=False,
            start_new_session=True,
        )
        os.close(read_commands)
        os.close(write_answers)
        self._session = ""

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and remove its files."""
        try:
            self._call("Browser.close", session="")
            self._process.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._commands)
        os.close(self._answers)
        for _ in range(20):  # Its last writes may still be on their way.
            try:
                self._folder.cleanup()
                return
            except OSError:
                time.sleep(0.1)

    def _call(
        self, method: str, parameters: dict[str, Any] | None = None, session: str | None = None
    ) -> dict[str, Any]:
        self._next_id += 1
        message: dict[str, Any] = {"id": self._next_id, "method": method, "params": parameters or {}}
        session = self._session if session is None else session
        if session:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + self.timeout_s
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise OSError(f"the browser refused {method}: {answer['error'].get('message')}")
                return dict(answer["result"])
            self._note(answer)

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            wait_s = deadline - time.monotonic()
            if wait_s <= 0 or not select.select([self._answers], [], [], wait_s)[0]:
                raise OSError(f"the browser did not answer within {self.timeout_s:g} s.")
            chunk = os.read(self._answers, 1 << 20)
            if not chunk:
                raise OSError(self._end_reason())
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\0", 1)
        return dict(json.loads(line))

    def _end_reason(self) -> str:
        reason = "the browser ended unexpectedly"
        if self._next_id <= 1 and not sandbox_flags():
            reason += (
                f"; if this machine allows no sandbox (as many containers do), {SANDBOX_VARIABLE}=0 starts it without"
            )
        return f"{reason}."

    def _note(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        parameters = event.get("params", {})
        if event.get("method") == "Log.entryAdded":
            entry = parameters["entry"]
            self.messages.append((entry["level"], f"{entry['text']} {entry.get('url', '')}".strip()))
        elif event.get("method") == "Runtime.consoleAPICalled":
            words = " ".join(str(argument.get("value", "")) for argument in parameters.get("args", []))
            self.messages.append((parameters["type"], words))
        elif event.get("method") == "Runtime.exceptionThrown":
            self.messages.append(("exception", parameters["exceptionDetails"].get("text", "")))
        elif event.get("method") == "Page.javascriptDialogOpening":
            self.messages.append(("dialog", parameters.get("message", "")))
            self._call("Page.handleJavaScriptDialog", {"accept": False})
        elif event.get("method") == "Network.requestWillBeSent":
            self._requests[parameters["requestId"]] = parameters["request"]["url"]
        elif event.get("method") in ("Network.responseReceived", "Network.loadingFailed"):
            address = self._requests.get(parameters["requestId"], "")
            blocked = parameters.get("blockedReason")  # Stopped by the page's own policy: never left the browser.
            if not blocked and not address.startswith(("file:", "data:", "about:")):
                self.messages.append(("network", address))

    def open_html(self, html: str) -> None:
        """Open a page.

        Args:
            html: The file's text.
        """
        path = Path(self._folder.name, "page.html")
        path.write_text(html, encoding="utf-8")
        self.messages.clear()
        self._events.clear()
        self._call("Page.navigate", {"url": path.as_uri()})
        deadline = time.monotonic() + self.timeout_s
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._note(self._receive(deadline))

    def evaluate(self, expression: str) -> Any:
        """Ask the page something, by JavaScript of ours (the page's policy binds its own scripts only).

        The value of a promise is waited for.
        """
        options = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        result = self._call("Runtime.evaluate", options)
        if "exceptionDetails" in result:
            raise ValueError(f"the page refused the expression: {result['exceptionDetails'].get('text')}")
        return result["result"].get("value")

    def set_window(self, width_px: int, scale: float = 1.0) -> None:
        """Set the window's width, and how many pixels of a picture one of its pixels has."""
        metrics = {"width": width_px, "height": 100, "deviceScaleFactor": scale, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", metrics)

    def screenshot(
        self,
        width_px: int = 900,
        max_height_px: int = 16000,
        clip: dict[str, float] | None = None,
        scale: float = 1.0,
    ) -> bytes:
        """Take a picture of the whole page.

        Args:
            width_px: The window's width.
            max_height_px: Where a long page is cut.
            clip: A rectangle (x, y, width, height) instead of the whole page.
            scale: Pixels of the picture for one of the page.

        Returns:
            A PNG.
        """
        self.set_window(width_px, scale)
        height = self.evaluate("document.documentElement.scrollHeight")
        area = clip or {"x": 0, "y": 0, "width": width_px, "height": min(int(height), max_height_px)}
        options = {"format": "png", "captureBeyondViewport": True, "clip": {**area, "scale": 1}}
        return base64.b64decode(self._call("Page.captureScreenshot", options)["data"])

    def print_pdf(self) -> bytes:
        """Print the page.

        Returns:
            A PDF.
        """
        options = {"printBackground": True, "preferCSSPageSize": True, "generateTaggedPDF": True}
        return base64.b64decode(self._call("Page.printToPDF", options)["data"])
