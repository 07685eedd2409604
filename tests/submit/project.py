"""A project as it is after three rounds, with nothing started: the evidence is built, the programs are the kit's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from configs.settings import PROJECT, load_settings
from grader.builder import CONFIG, ROLLNUMBER, Submission
from scripts.pipeline.student_programs import find_programs
from scripts.services.stack import OURS, Programs, Stack
from scripts.submit.secrets import PRACTICE_PASSWORD

STUDENTS = PROJECT / "tests" / "students"


def project(
    folder: Path,
    change: Callable[[Submission], None] = lambda _: None,
    replace: dict[str, str] | None = None,
    programs: Programs = OURS,
) -> Stack:
    """`replace`: text in the config -> other text."""
    submission = Submission(folder)
    submission.add_round_3()
    change(submission)
    submission.build()
    config = folder / CONFIG
    text = config.read_text(encoding="utf-8").replace("password: secret", f"password: {PRACTICE_PASSWORD}")
    for old, new in (replace or {}).items():
        assert old in text
        text = text.replace(old, new)
    config.write_text(text, encoding="utf-8")
    return Stack(load_settings(config, environment={}), programs=programs, reads_environment=False)


def own_programs(folder: Path, pair: str = "psycopg2_kafka_python") -> Programs:
    """A copy of programs that a student wrote, with their own config."""
    shutil.copytree(STUDENTS / pair, folder)
    return find_programs(folder)


__all__ = ["CONFIG", "ROLLNUMBER", "own_programs", "project"]
