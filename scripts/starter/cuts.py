"""Cutting marked regions out of a text.

    # BEGIN SOLUTION: task 2     what a student writes. In a function the task's text (tasks.yml) and an error that
    # END SOLUTION               names task, file and function come in its place; elsewhere nothing does
    # BEGIN NOT IN STARTER       what a student's kit does not need
    # END NOT IN STARTER

A line `# STARTER <code>` in a region is the student's instead, without its mark. In Markdown the marks are comments:
`<!-- BEGIN NOT IN STARTER -->`, and between `<!-- STARTER` and `-->` stands the student's text.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from configs.errors import KitError
from configs.settings import PROJECT

Level = Literal["guided", "plain"]
LEVELS: tuple[Level, ...] = ("guided", "plain")
TASKS = Path(__file__).with_name("tasks.yml")
_WIDTH = 120
_MARK = re.compile(
    r"^(?P<indent> *)(?:#|<!--) (?P<edge>BEGIN|END) (?P<what>SOLUTION|NOT IN STARTER)"
    r"(?:: task (?P<task>\d+))?(?: -->)?$"
)
_STUDENTS_LINE = re.compile(r"^( *)# STARTER (.*)$")
_IMPORT = "from configs.errors import TaskNotDoneError"


@dataclass(frozen=True)
class Task:
    """A task of the assignment: what to write, in one sentence; the part of the contract that counts; the steps."""

    number: int
    what: str
    contract: str
    steps: tuple[str, ...]
    is_extra: bool = False

    @property
    def title(self) -> str:
        return f"Task {self.number}{' (extra)' if self.is_extra else ''}"


@dataclass(frozen=True)
class Region:
    """A marked region of a text: its task (None: NOT IN STARTER), its lines, and where its first mark is (from 0)."""

    task: int | None
    indent: str
    lines: tuple[str, ...]
    begin: int


@dataclass(frozen=True)
class Place:
    """Where a task's function is."""

    task: int
    file: str
    function: str


def load_tasks(path: Path = TASKS) -> dict[int, Task]:
    """Number -> task, from tasks.yml."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {
        number: Task(
            number,
            entry["what"].strip(),
            " ".join(entry["contract"].split()),
            tuple(" ".join(step.split()) for step in entry["steps"]),
            entry.get("extra", False),
        )
        for number, entry in values.items()
    }


def is_for_students(line: str) -> bool:
    """Whether a line of a program is a mark, or what a student gets instead of a region."""
    return bool(_MARK.match(line) or _STUDENTS_LINE.match(line))


def regions(text: str, name: str) -> tuple[Region, ...]:
    """The marked regions of a text. `name` is the file's, for messages.

    Raises:
        KitError: a mark has no counterpart, or two regions overlap.
    """
    return tuple(part for part in _parts(text, name) if isinstance(part, Region))


def _parts(text: str, name: str) -> Iterator[str | Region]:
    """The text as a sequence of lines outside of regions, and of regions."""
    begin: re.Match[str] | None = None
    inside: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines()):
        mark = _MARK.match(line)
        if mark is None:
            if begin is None:
                yield line
            else:
                inside.append(line)
        elif mark["edge"] == "BEGIN":
            if begin is not None or (mark["what"] == "SOLUTION") != (mark["task"] is not None):
                raise KitError(f"{name}, line {number + 1}: this mark cannot stand here: {line.strip()}")
            begin, inside, start = mark, [], number
        else:
            if begin is None or begin["what"] != mark["what"]:
                raise KitError(f"{name}, line {number + 1}: {line.strip()} has no BEGIN")
            task = int(begin["task"]) if begin["task"] else None
            yield Region(task, begin["indent"], tuple(inside), start)
            begin = None
    if begin is not None:
        raise KitError(f"{name}, line {start + 1}: {begin[0].strip()} has no END")


def places(text: str, name: str) -> tuple[Place, ...]:
    """The functions of a Python text whose body is a task."""
    functions = _functions(text)
    found = ((region, _function_at(functions, region.begin)) for region in regions(text, name) if region.task)
    return tuple(Place(region.task or 0, name, function) for region, function in found if function)


def cut(text: str, name: str, tasks: Mapping[int, Task], level: Level) -> str:
    """The student's text: every region replaced.

    Raises:
        KitError: marks that do not fit each other, or a task that tasks.yml does not have.
    """
    if not regions(text, name):
        return text
    functions = _functions(text) if name.endswith(".py") else {}
    lines: list[str] = []
    is_gap = False  # a region left nothing: of the blank lines around it those before it are enough
    for part in _parts(text, name):
        if isinstance(part, str):
            lines += [] if is_gap and not part else [part]
            is_gap = False
        else:
            instead = _student_lines(part, name, functions, tasks, level)
            lines += instead
            is_gap = not instead and bool(lines) and not lines[-1]
    result = "\n".join(lines).rstrip("\n") + "\n"
    if "raise TaskNotDoneError(" in result:
        result = _with_import(result)
    return result


def _student_lines(
    region: Region, name: str, functions: Mapping[range, str], tasks: Mapping[int, Task], level: Level
) -> list[str]:
    instead = list(_instead(region.lines))
    function = _function_at(functions, region.begin)
    if region.task is None or function is None:
        return instead
    if region.task not in tasks:
        raise KitError(f"{name}, line {region.begin + 1}: {TASKS.name} has no task {region.task}")
    comment = task_comment(tasks[region.task], level, region.indent)
    return [*comment, *(instead or [f'{region.indent}raise TaskNotDoneError({region.task}, "{name}", "{function}")'])]


def _instead(lines: Sequence[str]) -> Iterator[str]:
    is_block = False  # between <!-- STARTER and -->
    for line in lines:
        if line.strip() == "<!-- STARTER":
            is_block = True
        elif line.strip() == "-->":
            is_block = False
        elif is_block:
            yield line
        elif mark := _STUDENTS_LINE.match(line):
            yield mark[1] + mark[2]


def task_comment(task: Task, level: Level, indent: str) -> list[str]:
    """The comment in the place of the solution. Its first line is the task's sentence."""
    extra = " (extra)" if task.is_extra else ""
    lines = [f"{indent}# TASK {task.number}{extra}: {task.what}"]
    if level == "plain":
        return lines
    lines += _wrapped(task.contract, f"{indent}# ", f"{indent}# ")
    for number, step in enumerate(task.steps, 1):
        lines += _wrapped(step, f"{indent}# STEP {number}: ", f"{indent}#         ")
    return lines


def _wrapped(text: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False)


def _functions(text: str) -> dict[range, str]:
    """Lines (from 0) of each function -> its name."""
    return {
        range(node.lineno - 1, node.end_lineno or node.lineno): node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
    }


def _function_at(functions: Mapping[range, str], line: int) -> str | None:
    around = [lines for lines in functions if line in lines]
    return functions[min(around, key=len)] if around else None


def _with_import(text: str) -> str:
    """The text with the import of TaskNotDoneError, at its place among the imports from configs."""
    lines = text.splitlines()
    ours = [number for number, line in enumerate(lines) if line.startswith("from configs.")]
    later = [number for number in ours if lines[number] > _IMPORT]
    if any(lines[number].startswith("from configs.errors ") for number in ours):
        raise KitError("A file with a task imports from configs.errors already, and cuts.py adds no second import.")
    if ours:
        lines.insert(later[0] if later else ours[-1] + 1, _IMPORT)
    else:
        last = max(number for number, line in enumerate(lines) if line.startswith(("import ", "from ")))
        lines[last + 1 : last + 1] = ["", _IMPORT]
    return "\n".join(lines) + "\n"


def source(name: str) -> str:
    """A text file of the project."""
    return (PROJECT / name).read_text(encoding="utf-8")
