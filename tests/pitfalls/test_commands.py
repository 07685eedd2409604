"""Every command of docs/pitfalls/ is run for real: the naive baseline shows the loss, and the reference is clean.

All drills that the pages name run in one command for each of the two PROGRAMS: a stack takes longer to start than most
drills take.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from configs.settings import PROJECT

pytestmark = pytest.mark.services

FOLDER = PROJECT / "docs" / "pitfalls"
COMMAND = re.compile(r"^    (make .*)$", re.MULTILINE)
DRILL = re.compile(r"make drills DRILL=(\w+) PROGRAMS=(naive|ours)")


@dataclass(frozen=True)
class Page:
    """What a page tells a student to run, and what to look for in the result of the first command."""

    name: str
    commands: tuple[str, ...]
    look_for: str


def read_page(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    (look_for,) = re.findall(r"Look for \*\*(\w+)\*\*", text)
    return Page(path.stem, tuple(COMMAND.findall(text)), look_for)


PAGES = [read_page(path) for path in sorted(FOLDER.glob("*.md")) if path.name != "README.md"]
DRILLS = {command: match for page in PAGES for command in page.commands if (match := DRILL.fullmatch(command))}


@dataclass(frozen=True)
class Run:
    """`runs`: drill -> its part of the report."""

    exit_code: int
    output: str
    runs: Mapping[str, Mapping[str, Any]]


@cache
def run_all(programs: str, folder: Path) -> Run:
    """The commands of all pages with these PROGRAMS, as one: DRILL is a list. The report goes to `folder`."""
    drills = ",".join(dict.fromkeys(match[1] for match in DRILLS.values() if match[2] == programs))
    variables = [f"DRILL={drills}", f"PROGRAMS={programs}"]
    line = subprocess.run(
        ["make", "-n", "drills", *variables], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    report = folder / "drills.json"
    with subprocess.Popen(
        [*shlex.split(line), "--out", str(report), "--one-stack"],
        cwd=PROJECT,
        env={**os.environ, **dict(variable.split("=", 1) for variable in variables)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            process.send_signal(signal.SIGINT)  # so that it removes its stack
            raise
    assert report.exists(), output
    runs = {run["drill"]: run for run in json.loads(report.read_text(encoding="utf-8"))["runs"]}
    return Run(process.returncode, output, runs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pitfalls")


def result(command: str, folder: Path) -> Mapping[str, Any]:
    match = DRILLS[command]
    here = folder / match[2]
    here.mkdir(exist_ok=True)
    done = run_all(match[2], here)
    assert match[1] in done.runs, done.output
    return done.runs[match[1]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_naive_baseline_shows_what_the_page_says(page: Page, folder: Path) -> None:
    run = result(page.commands[0], folder)
    assert run["faults"]
    assert not run["clean"]
    assert run["balance"][page.look_for] > 0, run["verdict"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_reference_is_clean(page: Page, folder: Path) -> None:
    run = result(page.commands[1], folder)
    assert run["faults"]
    assert run["clean"], run["verdict"]
    balance = run["balance"]
    if page.look_for == "repeated":
        assert balance["repeats_removed"] > 0, "the fault repeated nothing"
    if page.look_for == "unaccounted":
        assert balance["in_quarantine"] > 0, "no message was bad"


def test_make_ends_with_an_error_for_the_naive_baseline_only(folder: Path) -> None:
    codes = {}
    for programs in ("naive", "ours"):
        result(next(command for command, match in DRILLS.items() if match[2] == programs), folder)
        codes[programs] = run_all(programs, folder / programs).exit_code
    assert codes == {"naive": 1, "ours": 0}
