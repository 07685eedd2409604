"""A test may start only what its markers name: watches this process, and every Python that it starts.

tests/conftest.py puts this folder on PYTHONPATH, where Python imports a module of this name when it starts. What a
shell script starts is known by the script's name. Standard library only.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

KINDS = ("services", "jvm", "venv", "browser")  # markers, with which a test may start what they name
MAY_START = "TEST_MAY_START"  # those of the running test, with commas
STARTED = "TEST_STARTED"  # the file in which a start without its marker is noted
_PROGRAMS = {
    "services": {"postgres", "initdb", "pg_ctl"},
    "jvm": {
        "java",
        "keytool",
        "spark-submit",
        "spark_submit.sh",
        "producer_spark_submit.sh",
        "consumer_spark_submit.sh",
    },
    "browser": {"chromium", "chromium-browser", "google-chrome", "chrome"},
}


class UnmarkedStart(BaseException):
    """Not an Exception: nothing that the code under test does about errors may hide it."""


def kind_of(command: Sequence[str]) -> str | None:
    """The marker that a command needs."""
    if any(pair == ("-m", "venv") for pair in itertools.pairwise(command)):
        return "venv"
    for kind, programs in _PROGRAMS.items():
        # The second word, for `sh some_script.sh`.
        if any(Path(word).name in programs and not _is_stand_in(word) for word in command[:2]):
            return kind
    return None


def _is_stand_in(program: str) -> bool:
    """A shell script that a test wrote in the place of a Java."""
    if Path(program).name != "java" or (found := shutil.which(program)) is None:
        return False
    with Path(found).open("rb") as stream:
        return stream.read(2) == b"#!"


def refuse(command: Sequence[str]) -> None:
    """Note a start that the running test has no marker for.

    Raises:
        UnmarkedStart: there was one.
    """
    may_start = os.environ.get(MAY_START)
    kind = kind_of(command)
    if may_start is None or kind is None or kind in may_start.split(",") or "services" in may_start.split(","):
        return
    text = f"started `{' '.join(command)[:200]}` without the marker {kind}"
    with Path(os.environ[STARTED]).open("a", encoding="utf-8") as stream:
        stream.write(f"{text}\n")
    raise UnmarkedStart(text)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
        words = arguments[1]
        refuse([os.fsdecode(word) for word in ([words] if isinstance(words, (str, bytes, os.PathLike)) else words)])
    elif event == "os.system":
        refuse(os.fsdecode(arguments[0]).split())


if MAY_START in os.environ:
    refuse(sys.orig_argv)
sys.addaudithook(_audit)
