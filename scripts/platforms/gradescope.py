"""autograder.zip for Gradescope: the grader, the rubric, and what runs them there.

The contract is https://gradescope-autograders.readthedocs.io/en/latest/specs/: setup.sh and run_autograder are at the
top of the archive, which is unpacked to /autograder/source. setup.sh runs once, as root, when the image is built.
autograder/run_autograder.py says what is known of the run.
"""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from configs.settings import PROJECT
from grader.rubric import DEFAULT_RUBRIC
from scripts.pipeline.imported_files import imported_files
from scripts.submit.archive import write_zip

FILES = Path(__file__).parent / "autograder"
_OWN = ("configs", "grader")
_DATA = (".j2", ".js")  # what modules read from beside them


def write_autograder(path: Path) -> int:
    """Write the archive, and return the number of files in it.

    Raises:
        OSError: it cannot be written.
    """
    files = autograder_files()
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_name(f".{path.name}.begun")
    try:
        write_zip(begun, files)
        begun.replace(path)
    finally:
        begun.unlink(missing_ok=True)
    return len(files)


def autograder_files() -> dict[str, Path | bytes]:
    """Name in the archive -> file or content."""
    modules = _modules()
    beside = {path for folder in {module.parent for module in modules} for path in folder.iterdir()}
    paths = [*modules, *(path for path in beside if path.suffix in _DATA), DEFAULT_RUBRIC]
    files: dict[str, Path | bytes] = {path.relative_to(PROJECT).as_posix(): path for path in paths}
    files["setup.sh"] = FILES / "setup.sh"
    files["run_autograder"] = FILES / "run_autograder.py"
    files["requirements.txt"] = ("\n".join(requirements(modules)) + "\n").encode()
    return files


def _modules() -> tuple[Path, ...]:
    """The grader's command line, the checks, which it finds by their names, and all of ours that these import."""
    grader = PROJECT / "grader"
    return imported_files([grader / "__main__.py", *sorted((grader / "checks").rglob("*.py"))], PROJECT)


def requirements(modules: Iterable[Path]) -> list[str]:
    """The lines of requirements.txt for what the modules import, and for what that needs in turn, in their order."""
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonicalize_name(re.split(r"[=;\s]", line)[0]): line for line in lines if line and line[0] != "#"}
    distributions = importlib.metadata.packages_distributions()
    pending = [name for module in _third_party(modules) for name in distributions[module]]
    needed: set[str] = set()
    while pending:
        name = canonicalize_name(pending.pop())
        if name not in needed:
            needed.add(name)
            pending += _needs(name)
    return [line for name, line in pinned.items() if name in needed]


def _third_party(modules: Iterable[Path]) -> set[str]:
    """Top-level names that are neither Python's nor ours."""
    names: set[str] = set()
    for path in modules:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").partition(".")[0])
    return names - set(sys.stdlib_module_names) - {*_OWN}


def _needs(distribution: str) -> Iterator[str]:
    for text in importlib.metadata.requires(distribution) or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement.name
