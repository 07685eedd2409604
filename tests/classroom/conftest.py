"""One outer sandbox for all tests that only try a program in an inner one: each takes a fraction of a second."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from configs.settings import PROJECT
from scripts.classroom import layout
from scripts.classroom.groups import RunGroups, group_kind, run_groups
from scripts.classroom.layout import Mount, read_only
from scripts.classroom.limits import LiveLimits
from scripts.classroom.sandbox import UNPRIVILEGED, outer_command
from scripts.services.jars import cache_folder
from scripts.services.processes import is_root

DRIVER = Path(__file__).with_name("driver.py")
DISK = 64 << 20  # bytes, of all that a program may write


@dataclass(frozen=True)
class Tried:
    """What became of a program: its exit code, what the watch said, its output, and what was left of its processes.

    `secrets`: what of the services' folder was changed, or has gone.
    """

    exit_code: int | None
    cause: str | None
    figure: str | None
    output: str
    log_bytes: int
    left: list[str]
    changed: list[str]


class OuterSandbox:
    """A running outer sandbox, which starts one program after the other in inner ones."""

    def __init__(self, process: subprocess.Popen[str], groups: RunGroups | None = None) -> None:
        self._process = process
        self._groups = groups
        self._count = 0

    def run(
        self,
        program: str,
        *,
        seconds: float = 20.0,
        is_watched: bool = True,
        limits: Mapping[str, int] = MappingProxyType({}),
    ) -> Tried:
        """Run a Python program's text until it ends, at most for `seconds`; then stop it as the kit does.

        `is_watched` False: the watch only looks once, at the end.
        """
        group = None
        if self._groups is not None:
            self._count += 1
            group = f"{self._count}"
            held = LiveLimits(disk_bytes=DISK, **limits).of_groups
            self._groups.add(group, held.program_bytes, held.program_tasks, UNPRIVILEGED if is_root() else None)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"program": program, "seconds": seconds, "limits": {**limits}, "group": group, "is_watched": is_watched}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return Tried(**answer)


@pytest.fixture(scope="session")
def needs_bubblewrap() -> None:
    if shutil.which("bwrap") is None and not os.environ.get("REQUIRE_BUBBLEWRAP"):
        pytest.skip("bubblewrap is not installed")


@pytest.fixture(scope="session")
def needs_groups(needs_bubblewrap: None) -> None:
    if group_kind() != "v1" and not os.environ.get("REQUIRE_GROUPS"):
        pytest.skip("this user cannot make control groups of version 1")


@pytest.fixture(scope="session")
def outer(needs_bubblewrap: None) -> Iterator[OuterSandbox]:
    with _outer() as outer:
        yield outer


@pytest.fixture(scope="session")
def outer_with_groups(needs_groups: None) -> Iterator[OuterSandbox]:
    with run_groups([], LiveLimits().of_groups) as groups, _outer(groups) as outer:
        yield outer


@contextlib.contextmanager
def _outer(groups: RunGroups | None = None) -> Iterator[OuterSandbox]:
    mounts = [
        *layout.system(),
        *layout.kit(),
        Mount("memory", Path("/stack"), size=256 << 20),
        Mount("memory", Path("/student"), size=DISK),
        read_only(DRIVER, Path("/driver.py")),
        *(groups.mounts if groups is not None else ()),
    ]
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": str(PROJECT),
        "HOME": "/stack",
        "XDG_CACHE_HOME": str(cache_folder().parent.parent),
    }
    with subprocess.Popen(
        outer_command([sys.executable, "/driver.py"], mounts),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield OuterSandbox(process, groups)
        finally:
            process.kill()
            process.wait()
