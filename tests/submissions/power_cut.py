"""Grades a class in a process of its own, kills all of it in the middle as a power cut would, and starts it again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from configs.errors import KitError
from configs.settings import PROJECT
from grader.class_run.record import STORE
from scripts.classroom.groups import groups_here, owner_of
from scripts.classroom.live import RUNNING
from scripts.pipeline.student_programs import FILE_NAMES
from scripts.services.processes import family, kill_all, suspend, wait_until
from scripts.services.stack import PRODUCER

CUT_SECONDS = 300.0  # until there is something to cut


@dataclass(frozen=True)
class Run:
    """A class run with the variables of `make grade-class`, among them OUT. Its temporary files go to `temporary`."""

    variables: Mapping[str, str]
    temporary: Path

    @property
    def out(self) -> Path:
        return Path(self.variables["OUT"])

    def start(self) -> subprocess.Popen[bytes]:
        self.temporary.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-m", "scripts.classroom"],
            env={**os.environ, "TMPDIR": str(self.temporary), **self.variables},
            cwd=PROJECT,
        )

    def records(self) -> dict[str, int]:
        """Submission with a result -> when its record was written, in ns."""
        return {path.stem: path.stat().st_mtime_ns for path in (self.out / STORE / "results").glob("*.json")}

    def in_mid_run(self) -> tuple[str, ...]:
        """The submissions whose live run has begun and not ended."""
        return tuple(sorted(path.parent.name for path in (self.out / STORE / "begun").glob(f"*/work/*/{RUNNING}")))


@dataclass(frozen=True)
class Cut:
    """A run as it was when it was killed: its results that were kept, and the submissions that were in mid-run."""

    run: Run
    pid: int
    kept: Mapping[str, int]
    in_mid_run: tuple[str, ...]

    def left_behind(self) -> list[str]:
        """What there is still of this run, a phrase each. To be asked after the run was started again, and ended."""
        now, out = self.run.records(), str(self.run.out)
        commands = (words for words in map(_words, psutil.process_iter()) if out in words)
        return [
            *(f"{name} was graded twice" for name, at in self.kept.items() if now.get(name) != at),
            *(f"{name} is still in mid-run" for name in self.run.in_mid_run()),
            *(f"the folder {path} is there" for path in self.run.temporary.iterdir()),
            *(f"the process {words} is there" for words in commands),
            *(f"the control group {path} is there" for path in groups_here() if owner_of(path) == self.pid),
        ]


def cut_in_the_middle(run: Run, results: int) -> Cut:
    """Start a run, and kill it and all that it started once `results` are kept and a student's program runs.

    Raises:
        KitError: the run ended before, or did not come so far in time.
    """
    process = run.start()
    try:
        if not wait_until(
            lambda: process.poll() is not None or _is_in_the_middle(run, process, results), timeout=CUT_SECONDS
        ):
            raise KitError(f"After {CUT_SECONDS:.0f} s there were not {results} results and a program that runs.")
        if process.poll() is not None:
            raise KitError("The class run ended before it could be killed in the middle: see its lines above.")
        members = suspend(psutil.Process(process.pid))
        cut = Cut(run, process.pid, run.records(), run.in_mid_run())
        kill_all(members)
    finally:
        process.kill()
        process.wait()
    return cut


def _is_in_the_middle(run: Run, process: subprocess.Popen[bytes], results: int) -> bool:
    if len(run.records()) < results or not run.in_mid_run():
        return False
    return any(FILE_NAMES[PRODUCER] in _words(member) for member in family(psutil.Process(process.pid)))


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
