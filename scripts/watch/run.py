"""`make watch`: the live view on a terminal, one snapshot as text elsewhere, or a local page with WEB=1."""

from __future__ import annotations

import contextlib
import os
import sys
import time

from rich.console import Console
from rich.live import Live

from scripts.services.stack import Stack
from scripts.watch import terminal, web
from scripts.watch.reader import Reader
from scripts.watch.view import view

INTERVAL = 0.5  # seconds between two snapshots
PATIENCE = 0.3  # seconds that a snapshot waits for a part
LONG_PATIENCE = 6.0  # the same where only one snapshot is taken


def run_watch(stack: Stack) -> int:
    """Show the pipeline until Ctrl-C. Exit code 0.

    Raises:
        KitError: PORT is no port, or in use.
    """
    if os.environ.get("WEB", "0") not in ("", "0"):
        return web.serve(stack, web.port_from_environment())
    if not sys.stdout.isatty():
        print(snapshot_text(stack))
        return 0
    console = Console()
    with (
        contextlib.closing(Reader(stack)) as reader,
        contextlib.suppress(KeyboardInterrupt),  # the way to end it
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        shown: object = None
        while True:
            began = time.monotonic()
            new = (view(reader.read(LONG_PATIENCE if shown is None else PATIENCE)), console.size)
            if new != shown:  # to draw takes longer than to read
                live.update(terminal.Frame(new[0], console.height, hint="Ctrl-C ends it"), refresh=True)
                shown = new
            time.sleep(max(0.0, began + INTERVAL - time.monotonic()))
    return 0


def snapshot_text(stack: Stack) -> str:
    """One snapshot as text, as wide as the terminal."""
    with contextlib.closing(Reader(stack)) as reader:
        return terminal.text(reader.read(LONG_PATIENCE), Console().width)
