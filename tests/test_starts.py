"""`make check` is quick because its tests start no service, JVM, venv or browser; one that does needs its marker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from configs.settings import PROJECT
from tests.starts.sitecustomize import kind_of

PLANTED = """
import contextlib, os, subprocess, sys
import pytest

def run(*command):
    return subprocess.run(command, capture_output=True, check=False)

def test_java(): run("java", "-version")
def test_venv(): run(sys.executable, "-m", "venv", "/no/where")
def test_browser(): run("/usr/bin/chromium", "--version")
def test_postgres(): run("postgres", "--version")
def test_script(): run("sh", "scripts/consumer_spark_submit.sh")
def test_shell(): os.system("java -version")

def test_below_a_python_that_says_nothing():
    run(sys.executable, "-c", "import subprocess; subprocess.run(['java', '-version'])")

def test_below_a_shell_that_says_nothing():
    run("sh", "-c", f"{sys.executable} -m venv /no/where; true")

@pytest.fixture(scope="module")
def jvm(): run("keytool", "-help")

def test_in_a_fixture(jvm): pass

@pytest.mark.jvm
def test_with_another_marker(): run(sys.executable, "-m", "venv", "--help")

@pytest.mark.venv
def test_with_its_marker(): run(sys.executable, "-m", "venv", "--help")

@pytest.mark.services
def test_with_services(): run(sys.executable, "-m", "venv", "--help")
"""


@pytest.mark.slow
def test_a_start_without_its_marker_fails_the_test(tmp_path: Path) -> None:
    planted = tmp_path / "test_planted.py"
    planted.write_text(PLANTED, encoding="utf-8")
    options = ["-c", str(PROJECT / "pyproject.toml"), "-p", "tests.conftest", "-p", "no:cacheprovider", "-v", "-rN"]
    command = [sys.executable, "-m", "pytest", *options, "--tb=no", f"--rootdir={tmp_path}", str(planted)]
    said = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False).stdout
    results = {line.split("::")[1].split()[0]: line for line in said.splitlines() if "::test_" in line and "%" in line}
    good = {name for name in results if "PASSED" in results[name] and f"{name} ERROR" not in said}
    assert len(results) == 12, said
    assert good == {"test_with_its_marker", "test_with_services"}, said


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (["/usr/lib/jvm/17/bin/java", "-version"], "jvm"),
        (["bash", "scripts/producer_spark_submit.sh"], "jvm"),
        (["python", "-I", "-m", "venv", "x"], "venv"),
        (["chromium", "--headless"], "browser"),
        (["/x/bin/initdb", "-D", "x"], "services"),
        (["grep", "-r", "java"], None),
        (["python", "-m", "json.tool"], None),
        ([], None),
    ],
)
def test_what_a_command_needs(command: list[str], kind: str | None) -> None:
    assert kind_of(command) == kind


def test_a_script_in_the_place_of_java_is_no_jvm(tmp_path: Path) -> None:
    (tmp_path / "java").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "java").chmod(0o755)
    assert kind_of([str(tmp_path / "java")]) is None
