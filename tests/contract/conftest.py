"""A test of a function that is not written yet fails with one sentence. The end of a run lists what is not done."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from configs.errors import KitError, TaskNotDoneError
from configs.settings import PROJECT
from scripts.pipeline.student_programs import find_programs
from scripts.pipeline.unfinished_tasks import unfinished_tasks


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    try:
        return (yield)
    except TaskNotDoneError as error:
        sentence = str(error)
    pytest.fail(sentence, pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    try:
        left = unfinished_tasks(find_programs(PROJECT))
    except KitError:
        return  # a program is missing, which a test reports
    if left:
        terminalreporter.section("not done yet")
        for task in left:
            terminalreporter.write_line(f"Task {task.number}: {task.file}, {task.function}: {task.what}")
