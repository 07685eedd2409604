"""Ends a program at an exact point while it writes its state file, as `kill -9` at that moment would.

At its start, Python imports a module of this name if it is on its path. Only the drills put this folder on the path.
Nothing happens until a drill names a point in the file DRILL_FAULT_FILE. Each named point is used once.

    before_state_write   the batch is published, the state file has not been touched
    in_state_write       the state file, or the new file that will replace it, is open for writing and still empty
    before_state_rename  the new state file is written but not yet renamed
"""

from __future__ import annotations

import builtins
import io
import os
import signal
import sys
from typing import Any


def _watch(fault_file: str, state_file: str) -> None:
    folder, name = os.path.split(state_file)
    opened = io.open

    def is_state(path: object) -> bool:
        # A program that replaces its state first writes a file next to it. Its name contains the state file's name.
        if not isinstance(path, (str, os.PathLike)):
            return False
        where, what = os.path.split(os.fspath(path))
        return where == folder and name in what and not what.endswith(".lock")

    def end_at(point: str) -> None:
        try:
            with opened(fault_file) as stream:
                if stream.read() != point:
                    return
        except OSError:
            return
        os.unlink(fault_file)  # noqa: PTH108 - pathlib must not be imported before the program imports it
        os.kill(os.getppid(), signal.SIGKILL)  # Spark's JVM, which started this Python
        os.kill(os.getpid(), signal.SIGKILL)

    def open_and_end(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        stream = opened(file, mode, *rest, **options)
        if "w" in mode and is_state(file):
            end_at("in_state_write")
        return stream

    def before(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and "w" in str(arguments[1]) and is_state(arguments[0]):
            end_at("before_state_write")
        elif event == "os.rename" and is_state(arguments[1]):
            end_at("before_state_rename")

    builtins.open = io.open = open_and_end
    sys.addaudithook(before)


if "DRILL_FAULT_FILE" in os.environ and "DRILL_STATE_FILE" in os.environ:
    _watch(os.environ["DRILL_FAULT_FILE"], os.environ["DRILL_STATE_FILE"])
