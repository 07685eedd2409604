"""What is asked of a grading of one submission, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from grader.class_run.discovery import Found
from grader.class_run.fingerprints import Fingerprints


@dataclass(frozen=True)
class Graded:
    """How the grading of a submission ended. Its verdict is in the reports that it wrote.

    - `producer`, `consumer`: what is known of the two programs, for the gradebook; None: their marks.
    - `problem`: why there is no report, as the end of a sentence; None if there is one.
    - `is_machine_fault`: the machine may have been too busy, so another try alone is fair.
    """

    seconds: float
    producer: str | None = None
    consumer: str | None = None
    note: str = ""
    problem: str | None = None
    is_machine_fault: bool = False
    fingerprints: Fingerprints = field(default_factory=Fingerprints)


STEP_FILE = "step"  # in a worker's scratch folder: the number and the name of its step


# Grades one submission, and writes its reports into the empty folder. It may be called from several threads at once.
GradeOne = Callable[[Found, Path], Graded]


@dataclass(frozen=True)
class Task:
    """A submission's path, the folder for its reports, and how to grade it. `time_limit`: seconds for a check.

    No pydantic model, because a path may have bytes that are no text.
    """

    root: str
    out: str
    rubric: str
    strict: bool
    time_limit: float


class Answer(BaseModel):
    """The end of a task; see `Graded`."""

    model_config = ConfigDict(frozen=True)

    problem: str | None = None
    is_machine_fault: bool = False
    fingerprints: Fingerprints = Fingerprints()
