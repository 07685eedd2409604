"""Imports inside the grader go one way: evidence <- (checks, grading, renderers) <- api <- command line, selftest."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.settings import PROJECT

GRADER = PROJECT / "grader"


def imported(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Modules of the grader that a file imports, for types as well, and the names taken from each."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names if alias.name.startswith("grader"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("grader"):
            yield node.module or "", tuple(alias.name for alias in node.names)


@pytest.mark.parametrize("path", sorted((GRADER / "evidence").glob("*.py")), ids=lambda path: path.name)
def test_evidence_imports_its_own_modules_only_and_never_the_whole(path: Path) -> None:
    modules = {path.stem for path in (GRADER / "evidence").glob("*.py")} - {"__init__"}
    allowed = {"grader.mismatch", *(f"grader.evidence.{name}" for name in modules)}
    for module, names in imported(path):
        if module == "grader.evidence":
            assert set(names) <= modules, f"{path.name} takes {names} of the whole"
        else:
            assert module in allowed


def test_nothing_below_the_command_line_knows_its_options() -> None:
    found = [
        str(path.relative_to(GRADER))
        for path in GRADER.rglob("*.py")
        if "import argparse" in path.read_text(encoding="utf-8")
    ]
    assert sorted(found) == ["__main__.py", "selftest/fuzz.py"]


@pytest.mark.parametrize("module", ["grader.__main__", "grader.limits", "grader.rubric", "grader.api"])
def test_what_is_imported_before_the_fork_does_not_load_pyarrow(module: str) -> None:
    script = f"import sys, {module}; sys.exit(bool({{'pyarrow', 'numpy', 'psycopg2'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], cwd=PROJECT, check=False).returncode == 0
