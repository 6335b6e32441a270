"""Chromium without a window, driven by its DevTools protocol over two pipes: that needs no package."""

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars")
OFFLINE = ("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND")
PIPES = 'exec 3<&{} 4>&{}; exec chromium --remote-debugging-pipe "$@"'
DESKTOP, PHONE = (1400, 900), (390, 844)

SETTLED = """new Promise(done => {
  const isWaiting = (one) => {
    const box = one.getBoundingClientRect();
    return box.height && box.top < innerHeight && box.bottom > 0 && !one.classList.contains("has-live");
  };
  const wait = (left) => {
    if (left && [...document.querySelectorAll("figure[data-chart]")].some(isWaiting))
      setTimeout(() => wait(left - 1), 50);
    else requestAnimationFrame(() => requestAnimationFrame(done));
  };
  setTimeout(() => wait(200), 100);
})"""


class BrowserError(Exception):
    """What the browser answered in place of a result."""


class Browser:
    """One page of a browser, opened at a file.

    Args:
        folder: For the browser's own files.
    """

    def __init__(self, folder: Path) -> None:
        (there, self._to), (self._from, back) = os.pipe(), os.pipe()
        command = ["bash", "-c", PIPES.format(there, back), "chromium", *OPTIONS, *OFFLINE, f"--user-data-dir={folder}"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(there, back), **quiet)
        os.close(there)
        os.close(back)
        self._rest, self._number = b"", 0
        self.console: list[str] = []
        self.requests: list[str] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = None
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")
        self._send(
            "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"], session=False
        )

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self._send("Browser.close", session=False)
        self._process.wait(30)
        os.close(self._to)
        os.close(self._from)

    def open(self, page: Path, size: tuple[int, int] = DESKTOP, dark: bool = False, javascript: bool = True) -> None:
        """Opens a file, and waits until its script has run."""
        width, height = size
        self._send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._send("Emulation.setEmulatedMedia", media="", features=[feature])
        self._send("Emulation.setScriptExecutionDisabled", value=not javascript)
        self.console.clear()
        self.requests.clear()
        self._send("Page.navigate", url="about:blank")
        self._loaded()
        self._send("Page.navigate", url=page.as_uri())
        self._loaded()
        if javascript:
            self.settle()

    def settle(self) -> None:
        """Waits until all plots in sight are drawn."""
        self.run(SETTLED)

    def run(self, code: str) -> Any:
        """The value of an expression of JavaScript, awaited if it is a promise."""
        answer = self._send(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"])[:2000])
        return answer["result"].get("value")

    def move(self, x: float, y: float) -> None:
        """Moves the pointer."""
        self._send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Moves the pointer with its button pressed."""
        self.move(*start)
        button: dict[str, Any] = {"button": "left", "buttons": 1, "clickCount": 1}
        self._send("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1], **button)
        for share in (0.25, 0.5, 0.75, 1.0):
            x, y = (one + share * (other - one) for one, other in zip(start, end, strict=True))
            self._send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, button="left", buttons=1)
        self._send("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], **button)

    def wheel(self, x: float, y: float, by: float, control: bool = False) -> None:
        """Turns the wheel."""
        self._send(
            "Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=by, modifiers=2 if control else 0
        )

    def press(self, key: str, code: int, text: str = "") -> None:
        """Presses a key."""
        values = {"key": key, "code": key, "windowsVirtualKeyCode": code, **({"text": text} if text else {})}
        self._send("Input.dispatchKeyEvent", type="keyDown", **values)
        self._send("Input.dispatchKeyEvent", type="keyUp", **values)

    def picture(self, path: Path, whole: bool = False) -> None:
        """Writes what stands in the window, or the whole page, as PNG."""
        data = self._send("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **self._clip(whole))
        path.write_bytes(base64.b64decode(data["data"]))

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self._send("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def printed(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self._send("Page.printToPDF", printBackground=False)["data"])

    def media(self, name: str) -> None:
        """Shows the page as on another medium, `print` or none."""
        self._send("Emulation.setEmulatedMedia", media=name)

    def _loaded(self) -> None:
        while self._next().get("method") != "Page.loadEventFired":
            pass

    def _send(self, method: str, session: bool = True, **parameters: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session and getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                return answer["result"]

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self._from, 1 << 20)
            if not data:
                raise BrowserError("the browser has ended")
            self._rest += data
        text, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        self._note(message)
        return message

    def _note(self, message: dict[str, Any]) -> None:
        method, values = message.get("method"), message.get("params", {})
        if method == "Runtime.consoleAPICalled":
            self.console.append(" ".join(str(one.get("value", one.get("description"))) for one in values["args"]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(json.dumps(values["exceptionDetails"].get("exception", {}).get("description", values)))
        elif method == "Log.entryAdded":
            self.console.append(values["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            address = values["request"]["url"]
            if not address.startswith(("data:", "about:")):
                self.requests.append(address)
