"""Firefox as a visitor, driven over WebDriver BiDi: Playwright drives only a Firefox of its own, not a distribution's.

The protocol: https://w3c.github.io/webdriver-bidi/
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.waiting import until

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
"""The program; None where there is none."""

_LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
# No host is asked for anything but what a test opens, and nothing of the browser's own lies over the page.
_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 0,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.enabled": False,
    "ui.prefersReducedMotion": 1,
}


class Firefox:
    """One tab. Its errors and what a policy refused are in `errors`, once `command` has been called after them."""

    def __init__(self, socket: ClientConnection) -> None:
        self.errors: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self.command("session.new", capabilities={})
        self._tab = self.command("browsingContext.getTree")["contexts"][0]["context"]
        self.command("session.subscribe", events=["log.entryAdded"])
        self.command("browsingContext.activate", context=self._tab)

    def command(self, method: str, seconds: float = 120, /, **parameters: object) -> Any:
        """Sends a command and gives its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        end = time.monotonic() + seconds
        while True:
            said = json.loads(self._socket.recv(timeout=max(0, end - time.monotonic())))
            if said.get("method") == "log.entryAdded" and said["params"]["level"] == "error":
                self.errors.append(said["params"]["text"])
            if said.get("id") == number:
                assert said["type"] == "success", said
                return said["result"]

    def open(self, address: str) -> None:
        """Opens an address, and waits until it is loaded."""
        self.command("browsingContext.navigate", context=self._tab, url=address, wait="complete")

    def resize(self, width: int, height: int) -> None:
        """Gives the window's inside so many CSS pixels."""
        self.command("browsingContext.setViewport", context=self._tab, viewport={"width": width, "height": height})

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, which may be a promise, as JSON has it."""
        code = f"Promise.resolve({expression}).then((value) => JSON.stringify(value ?? null))"
        target = {"context": self._tab}
        answer = self.command("script.evaluate", expression=code, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"]["value"])

    def until(self, condition: str, seconds: float = 30) -> None:
        """Waits for a JavaScript expression to be true."""
        until(lambda: self.evaluate(f"Boolean({condition})") is True, seconds)

    def click(self, element: str) -> None:
        """Clicks, with a pointer, in the middle of the element that a JavaScript expression gives."""
        node = self._node(element)
        self.evaluate(f"{element}.scrollIntoView({{ block: 'center', behavior: 'instant' }})")
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": {"type": "element", "element": node}}
        press = [{"type": one, "button": 0} for one in ("pointerDown", "pointerUp")]
        self._act({"type": "pointer", "id": "mouse", "actions": [move, *press]})

    def press(self, *keys: str) -> None:
        """Presses keys, one after the other: a character each, Enter and the like as WebDriver writes them."""
        pressed = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._act({"type": "key", "id": "keyboard", "actions": pressed})

    def choose(self, element: str, *files: Path) -> None:
        """Chooses files in the field for files that a JavaScript expression gives."""
        names = [str(file) for file in files]
        self.command("input.setFiles", context=self._tab, element=self._node(element), files=names)

    def _node(self, element: str) -> dict[str, str]:
        answer = self.command("script.evaluate", expression=element, target={"context": self._tab}, awaitPromise=False)
        assert answer["result"]["type"] == "node", f"there is no {element}"
        return {"sharedId": answer["result"]["sharedId"]}

    def _act(self, source: dict[str, object]) -> None:
        self.command("input.performActions", context=self._tab, actions=[source])
        self.command("input.releaseActions", context=self._tab)


@contextmanager
def firefox(folder: Path, languages: str = "en-US, en") -> Iterator[Firefox]:
    """Starts Firefox, without windows, with a new profile in this folder; ends it afterwards."""
    profile, log = folder / "profile", folder / "firefox.txt"
    profile.mkdir()
    preferences = {**_PREFERENCES, "intl.accept_languages": languages}
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items()]
    (profile / "user.js").write_text("\n".join(lines), "utf-8")
    options = ["--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    with log.open("wb") as stream:
        process = subprocess.Popen([str(FIREFOX), *options, "about:blank"], stdout=stream, stderr=stream)
    try:
        until(lambda: _LISTENS.search(log.read_text("utf-8", "replace")) is not None, 120)
        (address,) = _LISTENS.findall(log.read_text("utf-8", "replace"))
        with connect(f"{address}/session", proxy=None, max_size=None) as socket:
            yield Firefox(socket)
    finally:
        process.terminate()
        process.wait(30)
