"""Chromium, headless, as a camera."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from configs.errors import KitError

_NAMES = ("chromium", "chromium-browser", "google-chrome")

# Of every start: without a window, and without a way to any host.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


def photograph(page: Path, width: int, height: int, image: Path) -> None:
    """Write what a window of this size, in pixels, shows of a page. The image is a PNG. No page reaches any host.

    Raises:
        KitError: there is no Chromium, or it took no picture.
    """
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        raise KitError("Pictures need Chromium, and there is none. On Debian: apt-get install chromium")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            program,
            *OPTIONS,
            "--blink-settings=preferredColorScheme=1",
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            f"--screenshot={image}",
            page.as_uri(),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode or not image.is_file():
        raise KitError(f"{program} took no picture of {page}. It said:\n{done.stderr.strip()[-2000:]}")
