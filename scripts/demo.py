"""`make demo`: services, table, topic, two rounds and the grade; at the end everything is stopped."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

from scripts.pipeline import programs
from scripts.pipeline.services import services_of
from scripts.pipeline.table import make_table
from scripts.pipeline.topic import make_topic
from scripts.pipeline.unfinished_tasks import require_done
from scripts.rounds.run import run_round
from scripts.services.optional_jars import download_missing_jars
from scripts.services.stack import Stack


def run_demo(stack: Stack) -> int:
    """Take orders from insert to grade; return the grader's exit code.

    Raises:
        KitError: a step failed; what was started is stopped in that case too. Or a task of a student's kit is not done.
    """
    require_done(stack.programs)
    download_missing_jars(stack.settings)  # the clone may have been set up for another config
    clock = time.monotonic()
    stack = replace(stack, short_lived=True)
    stopped: list[str] = []
    try:
        _step("up: the services; beside them the two programs")
        with stack.locked(), programs.started_beside_services(stack) as started:
            print(*(outcome.line for outcome in (*services_of(stack).up(), *started)), sep="\n")
            _step("db: the orders table with its base rows")
            print(make_table(stack.settings).line)
            _step("topic: where the producer publishes")
            print(make_topic(stack.settings.kafka))
        for number in (1, 2):
            _step(f"round{number}: five {'later ' if number > 1 else ''}rows, from Postgres to the lake")
            run_round(stack, number)
        _step("grade: does the lake hold what it should?")
        command = [sys.executable, "-m", "grader", "grade", "--config", str(stack.settings.source)]
        with subprocess.Popen(command) as grader, stack.locked():
            stopped = programs.stop(stack)  # beside the grader: all that it reads has arrived
        code = grader.returncode
    finally:
        _step("down: the programs, then the services; all data is kept")
        with stack.locked():
            print(*(stopped or programs.stop(stack)), *services_of(stack).down(), sep="\n")
    print(f"\nDone in {time.monotonic() - clock:.0f} s.", end=" ")
    print("Next: open reports/report.html, look into datalake/, read README.md.")
    return code


def _step(text: str) -> None:
    print(f"\n== {text}", flush=True)
