"""`make grade-class`: the variables of the Makefile, as options of `python -m grader class` and of a live run."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace

from configs.errors import KitError, run_command
from grader.__main__ import class_options
from grader.__main__ import main as grader
from grader.class_run.command import run_class
from scripts.classroom.cluster import cluster_mode
from scripts.classroom.live_mode import LiveOptions, live_mode
from scripts.classroom.sandbox import chosen_sandbox

# Variables that are options. SUBMISSIONS is none: it is the folder itself.
_OPTIONS = ("OUT", "WORKERS", "ROSTER", "ONLY", "ASSIGNMENT")
_STOPPED = "Stopped. What was graded is kept. The same command goes on where it was."


def class_arguments(variables: Mapping[str, str]) -> list[str]:
    """The arguments of `python -m grader` for the variables of `make grade-class`.

    Raises:
        KitError: SUBMISSIONS is missing.
    """
    given = _given(variables)
    if "SUBMISSIONS" not in given:
        raise KitError("make grade-class needs the folder with the submissions: make grade-class SUBMISSIONS=folder")
    options = [f"--{name.lower()}={given[name]}" for name in _OPTIONS if name in given]
    return ["class", *options, "--", given["SUBMISSIONS"]]


def _given(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value.strip() for name, value in variables.items() if value.strip()}


def grade_class(environment: Mapping[str, str]) -> int:
    """Grade a class as the variables LIVE, LOAD, SANDBOX and SCHEDULER say; return the exit code.

    Raises:
        KitError: a variable cannot be used, or what it asks for is not there.
    """
    variables = _given(environment)
    words = class_arguments(variables)
    is_live, load = (variables.get(name, "0") != "0" for name in ("LIVE", "LOAD"))
    scheduler = variables.get("SCHEDULER")
    if load and not is_live:
        raise KitError("LOAD=1 needs LIVE=1: only programs that run can lose orders under load")
    if not is_live and scheduler is None:
        return grader(words)
    chosen, evidence = class_options(words)
    sandbox = chosen_sandbox(variables.get("SANDBOX")) if is_live else "none"
    options = LiveOptions(evidence, sandbox, load)
    if scheduler is None:
        return run_class(chosen, live_mode(options))
    mode, places = cluster_mode(scheduler, options, is_live=is_live)
    return run_class(replace(chosen, workers=chosen.workers or places), mode)


if __name__ == "__main__":
    sys.exit(run_command(lambda: grade_class(os.environ), interrupted=_STOPPED))
