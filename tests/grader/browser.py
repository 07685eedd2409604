"""A real browser for tests: Debian's Chromium, headless.

Where there is no `chromium`, as on many a student's machine, these tests are skipped with that reason. That hides no
gap: CI installs it and sets REQUIRE_CHROMIUM=1, with which its absence is a failure (see .ci/run).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts.pictures.browser import OPTIONS

CHROMIUM = shutil.which("chromium")
REQUIRED = os.environ.get("REQUIRE_CHROMIUM") == "1"
IN_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and not REQUIRED, reason="no chromium on this machine; `apt-get install chromium` brings it"
    ),
]

# Requests that the browser makes of its own accord, whatever the page.
OWN_HOSTS = ("google.com", "googleapis.com", "gstatic.com", "gvt1.com")
# Writes every element that is wider than a phone into the page's title. What scrolls on its own is not looked into.
# Chromium without a screenshot has windows of 500 pixels or more, so the page itself is made narrow.
FIND_WIDE = """<script>
document.documentElement.style.width = "390px";
const all = [...document.querySelectorAll("body *")].filter(one => one.getClientRects().length);
const drawn = all.filter(one => !one.closest(".chart, .skip-link, thead"));
const wide = drawn.filter(one => one.getBoundingClientRect().right > 390);
const named = wide.map(one => `${one.tagName} ${one.textContent.slice(0, 40)}`);
document.title = `${all.length} elements: ${named.join(", ")}`;
</script>"""


class Browser:
    """Chromium with an empty profile of its own and no way to any host."""

    def __init__(self, folder: Path) -> None:
        assert CHROMIUM, "REQUIRE_CHROMIUM=1 and there is no chromium: .ci/run has to install it"
        self.folder = folder

    def open(self, page: Path, *flags: str) -> tuple[str, str, set[str]]:
        """What it printed, what the page put on its console, and the hosts that the page asked for."""
        log = self.folder / "net.json"
        profile = self.folder / "profile"
        shutil.rmtree(profile, ignore_errors=True)
        command = [
            str(CHROMIUM),
            *OPTIONS,
            "--enable-logging=stderr",
            f"--log-net-log={log}",
            f"--user-data-dir={profile}",
            *flags,
            page.as_uri(),
        ]
        # A session of its own: a browser that hangs, at an alert for one, is ended with all its processes.
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                printed, said = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        assert process.returncode == 0, said
        console = "\n".join(line for line in said.splitlines() if "CONSOLE" in line)
        return printed, console, _hosts(log)


def _hosts(log: Path) -> set[str]:
    """Of a Chromium net log: https://www.chromium.org/for-testers/providing-network-details/"""
    events = json.loads(log.read_text())["events"]
    urls = [event["params"]["url"] for event in events if "url" in (event.get("params") or {})]
    hosts = {urlsplit(url).hostname or "" for url in urls if not url.startswith(("file:", "data:", "chrome"))}
    return {host for host in hosts if not host.endswith(OWN_HOSTS)}
