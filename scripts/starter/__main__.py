"""`make starter OUT=dir [LEVEL=guided|plain] [ROLLNUMBER=...] [VERIFY=0]`: write the student's kit to a folder."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from configs.errors import KitError, run_command
from configs.wording import counted
from scripts.starter.cuts import LEVELS, Level
from scripts.starter.generate import SAMPLE_ROLLNUMBER, generate, write
from scripts.starter.verify import verify


def make_starter(environment: Mapping[str, str]) -> int:
    """Generate, verify and write the student's kit. Exit code 0.

    Raises:
        KitError: a variable is wrong, OUT is not empty, or the kit does not work.
    """
    out = _empty_folder(environment.get("OUT", ""))
    level = _level(environment.get("LEVEL") or LEVELS[0])
    rollnumber = environment.get("ROLLNUMBER") or SAMPLE_ROLLNUMBER
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]{0,47}", rollnumber):
        raise KitError(f"ROLLNUMBER is {rollnumber!r}; allowed are letters, digits and _, at most 48.")
    files = generate(level, rollnumber)
    if environment.get("VERIFY") == "0":
        checked = "NOT verified (VERIFY=0)"
    else:
        verify(files, lambda line: print(f"  {line}", flush=True))
        checked = "verified"
    write(files, out)
    print(f"The student's kit is in {out}: {counted(len(files), 'file')}, level {level}, {checked}.")
    return 0


def _empty_folder(text: str) -> Path:
    if not text:
        raise KitError("OUT names no folder. Say where the student's kit goes: make starter OUT=path/to/a/new/folder")
    out = Path(text).expanduser().absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise KitError(f"OUT is {str(out)!r}, which exists and is not an empty folder. Name a new one.")
    return out


def _level(text: str) -> Level:
    for level in LEVELS:
        if text == level:
            return level
    raise KitError(f"LEVEL is {text!r}; allowed: {', '.join(LEVELS)}.")


if __name__ == "__main__":
    sys.exit(run_command(lambda: make_starter(os.environ)))
