"""A page in Chromium while it changes: tests look into it, resize it and press keys.

Chromium's DevTools protocol through its pipe: one JSON message after the other, each with a NUL at its end.
https://chromedevtools.github.io/devtools-protocol/
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.pictures.browser import OPTIONS
from tests.grader.browser import CHROMIUM

TIMEOUT = 60.0
_READS, _WRITES = 3, 4  # the descriptors that Chromium reads its commands from, and writes its answers to


class LivePage:
    """One page. `problems`: what it wrote on its console as an error, and errors that nothing caught."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._rest = b""
        self._sent = 0
        self._session: str | None = None
        self.problems: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """The result of a command."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                return answer["result"]
            if answer.get("method") == "Runtime.exceptionThrown":
                self.problems.append(str(answer["params"]["exceptionDetails"]))
            if answer.get("method") == "Runtime.consoleAPICalled" and answer["params"]["type"] == "error":
                self.problems.append(str(answer["params"]["args"]))

    def _receive(self) -> Any:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], TIMEOUT)
            assert ready, "Chromium is silent"
            data = os.read(self._answers, 1 << 20)
            assert data, "Chromium has ended"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, address: str) -> None:
        self.call("Page.navigate", url=address)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true; that of a promise, too."""
        deadline = time.monotonic() + TIMEOUT
        while not self.evaluate(f"(async () => Boolean(await ({expression})))()"):
            assert time.monotonic() < deadline, f"{expression} is not true; the page: {self.text('body')}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        """The text of an element as it is seen."""
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def resize(self, width: int, height: int = 900) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: str) -> None:
        """ "dark" or "light"."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def press(self, key: str, code: int, text: str = "") -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=text)


@contextlib.contextmanager
def live_page(folder: Path) -> Iterator[LivePage]:
    """A page of a Chromium of its own, which reaches only 127.0.0.1."""
    assert CHROMIUM, "REQUIRE_CHROMIUM=1 and there is no chromium: .ci/run has to install it"
    reads, commands = os.pipe()
    answers, writes = os.pipe()

    def place_pipes() -> None:
        # First away from where they have to be: one may be in the other's place.
        high = os.dup2(reads, 200), os.dup2(writes, 201)
        os.dup2(high[0], _READS)
        os.dup2(high[1], _WRITES)

    command = [
        CHROMIUM,
        *OPTIONS,
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--remote-debugging-pipe",
        f"--user-data-dir={folder / 'profile'}",
    ]
    with (
        (folder / "chromium.log").open("wb") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=place_pipes,
            pass_fds=(_READS, _WRITES),
            start_new_session=True,
        ) as process,
    ):
        os.close(reads)
        os.close(writes)
        try:
            page = LivePage(commands, answers)
            yield page
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait()
            os.close(commands)
            os.close(answers)
