"""Imports go one way: configs <- (producers, consumers, grader) <- scripts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.settings import PROJECT

PACKAGES = ("configs", "producers", "consumers", "grader", "scripts")
MAY_IMPORT = {
    "configs": {"configs"},
    "producers": {"configs", "producers"},
    "consumers": {"configs", "consumers"},
    "grader": {"configs", "grader"},
    "scripts": {"configs", "grader", "scripts"},
}


def imported(source: str) -> Iterator[str]:
    """Full names of the modules that a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            yield node.module or ""


def trespasses(package: str, source: str) -> list[str]:
    tops = {name.partition(".")[0] for name in imported(source)}
    return sorted((tops & {*PACKAGES, "tests"}) - MAY_IMPORT[package]) + (
        ["pyspark"] if package == "grader" and "pyspark" in tops else []
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    files = sorted((PROJECT / package).rglob("*.py"))
    assert files
    found = {str(path.relative_to(PROJECT)): trespasses(package, path.read_text(encoding="utf-8")) for path in files}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("producers", "from consumers.order_events import with_reasons"),
        ("consumers", "import producers.horizon"),
        ("grader", "from pyspark.sql import SparkSession"),
        ("grader", "def f():\n    from scripts.rounds.run import run_round"),
        ("configs", "import grader"),
        ("scripts", "from tests.conftest import x"),
    ],
)
def test_a_trespass_is_seen(package: str, source: str) -> None:
    assert trespasses(package, source)


def test_the_project_names_no_registry_and_no_path_of_this_machine() -> None:
    words = ("repo1." + "maven", "pypi." + "org", "files.python" + "hosted", "/work" + "/main", "registry.npm" + "js")
    suffixes = {".py", ".sh", ".yml", ".xml", ".toml", ".txt", ".md", ".properties", ".j2", ""}
    files = [
        p
        for p in PROJECT.rglob("*")
        if p.is_file()
        and p.suffix in suffixes
        and not set(p.relative_to(PROJECT).parts)
        & {".venv", ".venv-docs", ".git", ".kit", "datalake", "checkpoints", "state", "reports"}
        and not any(part.endswith("_cache") for part in p.parts)
    ]
    assert len(files) > 50
    guilty = [
        str(path) for path in files for word in words if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert guilty == []


def test_every_verb_is_listed_and_has_one_line(tmp_path: Path) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    phony = next(line for line in makefile.splitlines() if line.startswith(".PHONY:")).split()[1:]
    described = [line.partition(":")[0] for line in makefile.splitlines() if ":" in line and " ## " in line]
    assert sorted(phony) == sorted(described)
    recipes = makefile.split("\n\n")[2:]
    assert all(len([line for line in recipe.splitlines() if line.startswith("\t")]) == 1 for recipe in recipes)
