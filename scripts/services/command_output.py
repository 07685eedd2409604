"""What setup shows of a long command: on a terminal one line that changes, elsewhere nothing. The log has all of it.

Standard library only: setup runs this before any package is installed.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from configs.errors import KitError

_BAR = re.compile(r"([\d.]+)\s*/\s*([\d.]+)\s*([kMG]?B)\b")  # of pip, such as 10.2/317.0 MB
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NAME = re.compile(r"(?:Downloading|Using cached) (?:\S*/)?([A-Za-z0-9_.]+?)-(\d[\w.]*?)(?:-\S+?\.whl|\.tar\.gz|\.zip)")
_STEPS = ("Building wheel", "Installing collected packages")
_WIDTH = 24  # columns of a bar
_QUOTED = 60  # lines at most


class CommandOutput:
    """A log, and a line on a terminal that changes."""

    def __init__(self, log: Path, terminal: TextIO | None = None, *, remedy: str = "Run `make setup` again.") -> None:
        """`terminal`: where the line is; None: stdout if it is a terminal, else there is none.

        `remedy` ends the message of a command that failed.
        """
        self._log = log
        self._remedy = remedy
        self._terminal = terminal or (sys.stdout if sys.stdout.isatty() else None)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("", encoding="utf-8")

    def note(self, text: str) -> None:
        """Show a step in the line, and keep it in the log."""
        self._append(text)
        self._show(text)

    def done(self) -> None:
        """Take the line away."""
        if self._terminal is not None:
            self._terminal.write("\r\x1b[K")
            self._terminal.flush()

    def run(self, command: Sequence[str], failure: str) -> None:
        """Run a command; show the download or the step that it is at.

        Raises:
            KitError: it failed. The message begins with `failure` and quotes what the command said.
        """
        lines: list[str] = []
        name = ""
        self._append("$ " + " ".join(command))
        # Without a terminal pip shows no bar.
        reader, writer = os.pipe() if self._terminal is None else pty.openpty()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)
        os.close(writer)
        try:
            with process, contextlib.closing(os.fdopen(reader, "rb", buffering=0)):
                for piece in _pieces(reader):
                    bar = _BAR.search(piece)
                    if bar and not piece.lstrip().startswith(("Downloading", "Using cached", "Collecting")):
                        self._show(f"{name}  {_drawn(float(bar[1]), float(bar[2]), bar[3])}")
                        continue
                    lines.append(piece)
                    self._append(piece)
                    found = _NAME.search(piece)
                    name = f"{found[1]} {found[2]}" if found else name
                    if piece.lstrip().startswith(_STEPS):
                        self._show(piece.strip().partition(": ")[0].partition(" (")[0])
        finally:
            self.done()
        if process.returncode:
            first = next((i for i, line in enumerate(lines) if line.lstrip().lower().startswith("error")), -15)
            quoted = "\n  ".join(lines[first:][-_QUOTED:])
            raise KitError(f"{failure}. It said:\n  {quoted}\nAll of it is in {self._log}. {self._remedy}")

    def _append(self, text: str) -> None:
        with self._log.open("a", encoding="utf-8") as stream:
            stream.write(f"{text}\n")

    def _show(self, text: str) -> None:
        if self._terminal is not None:
            width = shutil.get_terminal_size().columns - 7
            self._terminal.write(f"\r\x1b[K      {text[:width]}")
            self._terminal.flush()


def _drawn(done: float, total: float, unit: str) -> str:
    filled = round(_WIDTH * min(1.0, done / total)) if total else 0
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {done:.1f} of {total:.1f} {unit}"


def _pieces(reader: int) -> Iterator[str]:
    """Lines, and what was written over a line, without colours."""
    rest = b""
    while chunk := _read(reader):
        *pieces, rest = re.split(rb"[\r\n]+", rest + chunk)
        yield from filter(str.strip, map(_plain, pieces))
    if rest.strip():
        yield _plain(rest)


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, 65_536)
    except OSError:  # how Linux reports the end of what was on a terminal
        return b""


def _plain(piece: bytes) -> str:
    return _ESCAPES.sub("", piece.decode("utf-8", errors="replace")).rstrip()
