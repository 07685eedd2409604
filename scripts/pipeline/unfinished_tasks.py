"""Which tasks of a student's kit are not done yet: functions, of the two programs or of what they import, that still
raise TaskNotDoneError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.errors import KitError
from configs.wording import counted
from scripts.pipeline.imported_files import imported_files
from scripts.services.stack import PROGRAM_NAMES, Programs

_TASK = re.compile(r'^\s*raise TaskNotDoneError\((\d+), "([^"]+)", "([^"]+)"\)', re.MULTILINE)


@dataclass(frozen=True)
class UnfinishedTask:
    """A task's number, its file below the project's folder, the function, and in one sentence what to write."""

    number: int
    file: str
    function: str
    what: str


def unfinished_tasks(programs: Programs) -> tuple[UnfinishedTask, ...]:
    """The tasks that are not done, in their order. A file that neither program imports is not looked at."""
    tasks = (task for file in used_files(programs) for task in _tasks_of(file))
    return tuple(sorted(tasks, key=lambda task: task.number))


def used_files(programs: Programs) -> frozenset[Path]:
    """The two programs, and every file that they import, also indirectly. None for a pair of shell scripts."""
    both = (programs.path(name) for name in PROGRAM_NAMES)
    return frozenset(
        file for path in both if path.suffix == ".py" for file in imported_files((path,), path.parent.parent)
    )


def require_done(programs: Programs) -> None:
    """Make sure that no task is left.

    Raises:
        KitError: one is; the message lists all, with the next step.
    """
    tasks = unfinished_tasks(programs)
    if tasks:
        lines = [f"  Task {task.number}: {task.file}, {task.function}\n    {task.what}" for task in tasks]
        verb = "is" if len(tasks) == 1 else "are"
        raise KitError(
            f"{counted(len(tasks), 'task')} {verb} not done yet, so nothing was started:\n\n"
            + "\n".join(lines)
            + f"\n\nNext: open {tasks[0].file} and write {tasks[0].function}.\n"
            "Then run `make test`, and the same command again."
        )


def _tasks_of(file: Path) -> Iterator[UnfinishedTask]:
    text = file.read_text(encoding="utf-8", errors="replace")
    for found in _TASK.finditer(text):
        what = re.search(rf"# TASK {found[1]}: (.+)", text)
        yield UnfinishedTask(int(found[1]), found[2], found[3], what[1] if what else "")
