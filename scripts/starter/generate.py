"""The student's kit as a value: path -> content of every file. The same project gives the same bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from configs.errors import KitError
from configs.settings import PROJECT
from scripts.starter.cuts import Level, Place, Task, cut, load_tasks, places, source
from scripts.starter.files import INSTRUCTORS_VARIABLES, STUDENTS_PACKAGES, is_included, project_files

SAMPLE_ROLLNUMBER = "2025em1100471"
# Only there the sample stands for the student's own: elsewhere it is an example.
_NAMES_THE_STUDENT = ("db/orders.sql", "scripts/insert_test_orders.sql")
_TEXTS = Path(__file__).parent  # README.md and orders_stream.yml of the student's kit

_RECIPE = re.compile(r"^([a-z0-9-]+): ## (.*)\n\t@(.*)\n", re.MULTILINE)
_MAKEFILE = """\
# Every command of the kit, one line each; `make` alone lists them. The code is in scripts/ and grader/.
#
# Variables: CONFIG (a file like configs/orders_stream.yml), PYTHON (3.10 to 3.12), SPARK_MASTER,
#            SERVICES=embedded|docker|external, PROGRAMS (a folder: whose producer and consumer run),
#            WEB, PORT (of watch), OUT (of submit), ARGS (of grade, psql, kafka-topics, kafka-console and pyspark)
PROGRAMS ?= .
export {variables}
.DEFAULT_GOAL := help
.PHONY: {verbs}

"""
_OWN_RECIPES = {
    "test": "test: ## test your functions against the contract; says which tasks are not done\n\t@scripts/kit pytest\n"
}


@dataclass(frozen=True)
class File:
    """A file's bytes, and whether it can be executed."""

    content: bytes
    is_executable: bool = False


def generate(level: Level, rollnumber: str = SAMPLE_ROLLNUMBER, root: Path = PROJECT) -> dict[str, File]:
    """Path in the student's kit -> file, in the order of the paths.

    Raises:
        KitError: marks in a source, or the tasks, are wrong.
    """
    tasks = load_tasks()
    names = [name for name in project_files(root) if is_included(name)]
    files = {name: _cut_file(root / name, name, tasks, level, rollnumber) for name in names}
    used = _places(root, names)
    if {place.task for place in used} != set(tasks):
        raise KitError("tasks.yml and the marks in producers/ and consumers/ do not have the same tasks.")
    texts = {
        "Makefile": student_makefile(source("Makefile"), names),
        "README.md": _text("README.md", rollnumber).replace("{tasks}", _task_table(used, tasks)),
        "configs/orders_stream.yml": _text("orders_stream.yml", rollnumber),
        "docs/assignment.md": student_page(source("docs/assignment.md")),
        "docs/checks.md": student_page(source("docs/checks.md")),
        "docs/report.schema.json": _without_line(source("docs/report.schema.json"), "$comment"),
        "pyproject.toml": _pytest_section(source("pyproject.toml")),
        "requirements.txt": student_requirements(source("requirements.txt")),
    }
    files |= {name: File(text.encode("utf-8")) for name, text in texts.items()}
    return dict(sorted(files.items()))


def _cut_file(path: Path, name: str, tasks: Mapping[int, Task], level: Level, rollnumber: str) -> File:
    content = path.read_bytes()
    is_executable = bool(path.stat().st_mode & 0o100)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return File(content, is_executable)
    text = cut(text, name, tasks, level)
    if name in _NAMES_THE_STUDENT:
        text = text.replace(SAMPLE_ROLLNUMBER, rollnumber)
    return File(text.encode("utf-8"), is_executable)


def _places(root: Path, names: Sequence[str]) -> list[Place]:
    programs = [name for name in names if name.startswith(("producers/", "consumers/")) and name.endswith(".py")]
    found = [place for name in programs for place in places((root / name).read_text(encoding="utf-8"), name)]
    return sorted(found, key=lambda place: place.task)


def _text(name: str, rollnumber: str) -> str:
    return (_TEXTS / name).read_text(encoding="utf-8").replace("{rollnumber}", rollnumber)


def _task_table(used: Sequence[Place], tasks: Mapping[int, Task]) -> str:
    rows = [
        f"| {tasks[place.task].title} | `{place.file}` | `{place.function}` | {tasks[place.task].what} |"
        for place in used
    ]
    return "\n".join(["| task | file | function | what to write |", "|---|---|---|---|", *rows])


def student_makefile(text: str, names: Sequence[str]) -> str:
    """The verbs whose module the student's kit has, and `test` for the student's own functions."""
    kept = {}
    for verb, _, command in _RECIPE.findall(text):
        if verb in _OWN_RECIPES or _works(command, names):
            kept[verb] = _OWN_RECIPES.get(verb) or next(
                found[0] for found in _RECIPE.finditer(text) if found[1] == verb
            )
    exported = re.search(r"^export ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    variables = (exported[1] if exported else "").replace("\\\n", " ").split()
    head = _MAKEFILE.format(
        variables=" ".join(name for name in variables if name not in INSTRUCTORS_VARIABLES), verbs=" ".join(kept)
    )
    return head + "\n".join(kept.values())


def _works(command: str, names: Sequence[str]) -> bool:
    """Whether a recipe runs nothing but shell commands and modules that are there."""
    modules = re.findall(r"scripts/kit (\S+)", command)
    return all(module == "setup" or _has_module(module, names) for module in modules)


def _has_module(module: str, names: Sequence[str]) -> bool:
    path = module.replace(".", "/")
    return f"{path}.py" in names or f"{path}/__main__.py" in names


def student_page(text: str) -> str:
    """A generated page without what it says of its making."""
    kept = re.sub(r"\n\nGenerated by (?:.+\n)+", "\n", text, count=1)
    return re.sub(r" docs/fidelity\.md lists all\s+submissions that test\s+the check\.", "", kept, count=1)


def student_requirements(text: str) -> str:
    """requirements.txt without the developers' packages."""
    kept, _, developers = text.partition("\n# For developers")
    also = [line for line in developers.splitlines() if line.partition("==")[0] in STUDENTS_PACKAGES]
    return "\n".join([kept.rstrip("\n"), "", "# For a producer in plain Python.", *also, ""])


def _pytest_section(text: str) -> str:
    found = re.search(r"^\[tool\.pytest\.ini_options\]\n(?:.+\n)+", text, re.MULTILINE)
    if found is None:
        raise KitError("pyproject.toml has no [tool.pytest.ini_options].")
    return found[0]


def _without_line(text: str, word: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if word not in line)


def write(files: Mapping[str, File], folder: Path) -> None:
    """Write the files into a folder."""
    for name, file in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(0o755 if file.is_executable else 0o644)
