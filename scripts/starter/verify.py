"""Whether a student's kit works: tried in a copy of it, with ports of its own, which is removed afterwards.

The copy is set up, says which tasks are not done, and grades an empty folder as this kit does. With this kit's own
programs over it, its demo gets all marks.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from configs.errors import KitError
from configs.settings import ENVIRONMENT_PREFIX, PROJECT, load_settings
from configs.wording import counted
from grader.api import grade
from grader.model import Status
from scripts.pipeline.student_programs import find_programs
from scripts.pipeline.temporary_stack import held_ports
from scripts.pipeline.unfinished_tasks import unfinished_tasks
from scripts.starter.files import project_files
from scripts.starter.generate import File, write

# Variables of the caller that would change what the copy does.
_NOT_INHERITED = {"CONFIG", "ROLLNUMBER", "SPARK_MASTER", "SERVICES", "PROGRAMS", "PYTHONPATH", "ARGS", "OUT", "LEVEL"}
_MAKES_OWN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
_END_LINES = 25

# Import every module of the kit, and say which fail. Those that are scripts do nothing when they are imported.
_IMPORT_ALL = """
import importlib, pathlib, sys
bad = []
for top in ("configs", "grader", "scripts", "producers", "consumers"):
    for path in sorted(pathlib.Path(top).rglob("*.py")):
        if path.name in ("__main__.py", "spark_shell_startup.py", "sitecustomize.py"):
            continue
        name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        try:
            importlib.import_module(name)
        except BaseException as error:
            bad.append(f"{name}: {error!r}")
print(*bad, sep="\\n", end="")
sys.exit(bool(bad))
"""


@dataclass(frozen=True)
class Copy:
    """A copy of a student's kit that can be run: its folder, and the environment of its commands."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there. Standard output and errors are one text."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )

    def make(self, verb: str) -> subprocess.CompletedProcess[str]:
        return self.run("make", verb)


@contextlib.contextmanager
def a_copy(files: Mapping[str, File]) -> Iterator[Copy]:
    """A copy in a temporary folder, with ports that nobody else gets. At the end all that runs there is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="food-orders-starter-"))
    try:
        write(files, folder)
        with held_ports(1) as postgres, held_ports(2) as kafka:
            database = load_settings(folder / "configs" / "orders_stream.yml", environment={}).postgres.db
            ports = {
                "POSTGRES__PORT": str(postgres),
                "POSTGRES__JDBC_URL": f"jdbc:postgresql://127.0.0.1:{postgres}/{database}",
                "KAFKA__BROKERS": f"127.0.0.1:{kafka}",
            }
            copy = Copy(folder, {**_inherited(), **{ENVIRONMENT_PREFIX + key: value for key, value in ports.items()}})
            try:
                yield copy
            finally:
                if (folder / ".venv").exists():
                    copy.make("reset")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _inherited() -> dict[str, str]:
    return {
        key: value
        for key, value in os.environ.items()
        if key not in _NOT_INHERITED and key not in _MAKES_OWN and not key.startswith(ENVIRONMENT_PREFIX)
    }


def verify(files: Mapping[str, File], on_progress: Callable[[str], None]) -> None:
    """Try a student's kit in a copy.

    Raises:
        KitError: something does not work there; the message has the end of what it printed.
    """
    with a_copy(files) as copy:
        on_progress("set up in a temporary folder")
        _require("make setup", copy.run("scripts/kit", "setup"))
        on_progress("import every module")
        import_all(copy)
        on_progress(f"make demo: {say_what_is_not_done(copy)}")
        on_progress(f"grade of nothing: {grade_nothing(copy)}")
        on_progress(f"make demo with this kit's programs: {demo_with_solution(copy)}")


def import_all(copy: Copy) -> None:
    """Import every module there.

    Raises:
        KitError: one cannot be imported.
    """
    _require("importing every module", copy.run(".venv/bin/python", "-c", _IMPORT_ALL))


def say_what_is_not_done(copy: Copy) -> str:
    """Run the demo of a fresh kit: it must name every task, and start nothing.

    Raises:
        KitError: it did not.
    """
    tasks = unfinished_tasks(find_programs(copy.folder))
    ran = copy.make("demo")
    named = [task for task in tasks if f"Task {task.number}: {task.file}, {task.function}" in ran.stdout]
    if not tasks or named != [*tasks] or ran.returncode == 0 or (copy.folder / ".kit" / "run").exists():
        raise KitError(f"`make demo` of the student's kit does not name the tasks, or starts something:\n{_end(ran)}")
    return f"{counted(len(tasks), 'task')} to do, nothing started"


def grade_nothing(copy: Copy) -> str:
    """Grade the kit before anything ran: the same checks must fail as with this kit's grader.

    Raises:
        KitError: others do.
    """
    out = copy.folder / ".kit" / "reports_of_nothing"
    command = (".venv/bin/python", "-m", "grader", "grade", ".", "--database", "off", "--out", str(out))
    ran = copy.run(*command)
    try:
        checks = json.loads((out / "report.json").read_text(encoding="utf-8"))["checks"]
    except (OSError, ValueError):
        raise KitError(f"The grader of the student's kit wrote no report:\n{_end(ran)}") from None
    found = {check["id"] for check in checks if check["status"] == "FAIL"}
    with grade(copy.folder, database="off") as graded:
        expected = {finding.id for finding in graded.report.findings if finding.status is Status.FAIL}
    if found != expected or not found:
        raise KitError(f"Where nothing ran, other checks fail than should: {', '.join(sorted(found ^ expected))}")
    return f"{counted(len(found), 'check')} failed, as it should"


def demo_with_solution(copy: Copy) -> str:
    """Lay this kit's programs over it and run its demo: it must get all marks.

    Raises:
        KitError: it did not.
    """
    for name in project_files():
        if name.startswith(("producers/", "consumers/")):
            shutil.copyfile(PROJECT / name, copy.folder / name)
    ran = copy.make("demo")
    try:
        report = json.loads((copy.folder / "reports" / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = {}
    if ran.returncode or report.get("verdict") != "pass" or report["score"] != report["max_score"]:
        raise KitError(f"`make demo` of the student's kit with this kit's programs does not pass:\n{_end(ran)}")
    return f"{report['score']:g} of {report['max_score']:g} marks"


def _require(what: str, ran: subprocess.CompletedProcess[str]) -> None:
    if ran.returncode:
        raise KitError(f"{what} does not work in the student's kit:\n{_end(ran)}")


def _end(ran: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(f"  {line}" for line in ran.stdout.splitlines()[-_END_LINES:])
