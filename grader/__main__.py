"""`python -m grader`: grade a project, a submission or a class; list the checks, explain one check.

Exit codes of `grade`:

- 0: no check failed (advice does not count)
- 1: a check failed
- 2: the grader could not decide, or was called wrongly
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from configs.errors import run_command
from configs.settings import PROJECT
from grader.rubric import DEFAULT_RUBRIC

if TYPE_CHECKING:
    # BEGIN NOT IN STARTER
    from grader.class_run.command import ClassOptions
    from grader.class_run.evidence_workers import EvidenceOptions

    # END NOT IN STARTER
    from grader.evidence import Evidence
    from grader.limits import OnStep
    from grader.model import Report

UNDECIDED = 2
MEMORY_LIMIT = 1000  # MiB; so the peak between two measurements stays below 1 GiB


def main(arguments: Sequence[str] | None = None, *, guarded: bool = False) -> int:
    """Run the command line, and return the exit code. No submission can make it raise an error.

    `guarded`: grade in a separate process, so that a submission that crashes it does no harm; see limits.py.
    """
    options = _parser().parse_args(arguments)
    if guarded and options.run is _grade:
        return _grade_guarded(options)
    return _run(options, options.run)


def _run(options: argparse.Namespace, command: Callable[[argparse.Namespace], int]) -> int:
    return run_command(
        lambda: command(options),
        debug=getattr(options, "debug", False),
        prefix="grader: ",
        interrupted=getattr(options, "interrupted", "stopped before the end; no report was written"),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grader", description="Grade the results of a pipeline.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    grade = commands.add_parser("grade", help="grade a project or a submission", description=_grade.__doc__)
    grade.add_argument(
        "root",
        nargs="?",
        type=Path,
        metavar="ROOT",
        help="a submission: a folder, zip or tar.gz; default: your own project",
    )
    grade.add_argument("--config", type=Path, metavar="FILE", help="the config; default: the one found in ROOT")
    _add_rubric(grade)
    grade.add_argument(
        "--database",
        choices=("auto", "on", "off"),
        default="auto",
        help="compare with Postgres if it answers; auto (default): for a ROOT only if its database is on this machine",
    )
    grade.add_argument("--out", type=Path, metavar="DIR", help="folder for the reports; default: ROOT/reports")
    grade.add_argument("--all", action="store_true", help="also list the checks that passed")
    _add_judging(grade, seconds=300, memory_of="the whole grading")
    grade.set_defaults(run=_grade)

    # BEGIN NOT IN STARTER
    class_ = commands.add_parser("class", help="grade the submissions of a class", description=_class.__doc__)
    class_.add_argument("submissions", type=Path, metavar="DIR", help="the folder with the submissions, at any depth")
    class_.add_argument(
        "--out", type=Path, metavar="DIR", default=PROJECT / "reports" / "class", help="default: reports/class"
    )
    class_.add_argument("--roster", type=Path, metavar="FILE", help="a CSV file with the students of the class")
    class_.add_argument("--only", metavar="WHAT", help="grade again: failed, error, or a roll number")
    class_.add_argument(
        "--workers", type=_positive, metavar="N", help="default: as many as cores and free memory allow"
    )
    class_.add_argument(
        "--assignment", metavar="NAME", help="the name of the assignment's column in canvas.csv and moodle.csv"
    )
    _add_rubric(class_)
    _add_judging(class_, seconds=60, memory_of="each worker")
    class_.set_defaults(
        run=_class, interrupted="stopped. What was graded is kept; the same command goes on where it was"
    )
    # END NOT IN STARTER

    checks = commands.add_parser("checks", help="list the checks and their marks")
    _add_rubric(checks)
    checks.set_defaults(run=_checks)

    explain = commands.add_parser("explain", help="show what a check looks at, and what to do if it fails")
    explain.add_argument("check", metavar="CHECK", help="the id of a check; the command `checks` lists all ids")
    _add_rubric(explain)
    explain.set_defaults(run=_explain)
    return parser


def _add_rubric(command: argparse.ArgumentParser) -> None:
    command.add_argument("--rubric", type=Path, metavar="FILE", default=DEFAULT_RUBRIC, help="marks of the checks")


def _add_judging(command: argparse.ArgumentParser, *, seconds: int, memory_of: str) -> None:
    """The options on how checks are judged. `seconds`: the default of the time limit."""
    command.add_argument(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        default=seconds,
        help=f"for each check; 0: no limit; default: {seconds}",
    )
    command.add_argument(
        "--memory-limit",
        type=int,
        metavar="MIB",
        default=MEMORY_LIMIT,
        help=f"for {memory_of}; 0: no limit; default: {MEMORY_LIMIT}",
    )
    command.add_argument("--strict", action="store_true", help="fail a check that lacks evidence")
    command.add_argument("--debug", action="store_true", help="print the grader's own tracebacks")


def _grade(options: argparse.Namespace, on_step: OnStep = lambda _: None) -> int:
    """Exit code 0: no check failed, 1: a check failed, 2: the grader could not decide, or was called wrongly."""
    from grader import api
    from grader.limits import Limits, step_limit
    from grader.renderers import terminal

    on_error = (lambda trace: print(trace, file=sys.stderr)) if options.debug else (lambda _: None)
    with api.grade(
        options.root,
        config=options.config,
        database=options.database,
        rubric=options.rubric,
        limits=Limits(step_seconds=options.time_limit),
        strict=options.strict,
        on_step=on_step,
        on_error=on_error,
    ) as graded:
        if options.root is None and graded.evidence.is_empty:
            project = graded.evidence.config.root
            raise api.UsageError(
                f"nothing to grade yet: no lake, checkpoint or state in {project}. Run `make round1` first"
            )
        colour, width = _wants_colour(sys.stdout), _width(sys.stdout)
        sys.stdout.write(terminal.render(graded.report, colour=colour, width=width, show_all=options.all))
        sys.stdout.flush()
        on_step("the reports")
        with step_limit(options.time_limit):
            _write(graded.report, graded.evidence, options, on_error)
    return graded.report.exit_code


def _grade_guarded(options: argparse.Namespace) -> int:
    from grader.limits import Ended, Limits, run_guarded

    def work(on_step: OnStep) -> int:
        return _run(options, lambda options: _grade(options, on_step))

    result = run_guarded(work, Limits(options.memory_limit << 20, options.time_limit))
    if not isinstance(result, Ended):
        return result
    why = f"at {result.step}, {result.why}"
    return _run(options, lambda options: _report_ended(options, why))


def _report_ended(options: argparse.Namespace, why: str) -> int:
    """Write every report, and replace the reports of an earlier grading."""
    from grader import api
    from grader.model import DID_NOT_END

    report = api.unfinished(options.root, why, config=options.config, rubric=options.rubric)
    _write(report, None, options, lambda _: None)
    print(f"grader: {report.submission}: {DID_NOT_END}{why}", file=sys.stderr)
    return UNDECIDED


def _write(
    report: Report, evidence: Evidence | None, options: argparse.Namespace, on_error: Callable[[str], None]
) -> None:
    from grader import api
    from grader.renderers.files import write_reports

    folder = options.out or api.reports_folder(options.root, options.config)
    graded_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        page = write_reports(report, evidence, folder, graded_at, on_error)
    except OSError as error:
        raise api.UsageError(
            f"{folder}: the reports cannot be written ({error.strerror}). Name a folder with --out"
        ) from None
    print(f"Report: {page}\nIn the same folder: report.json, report.xml, report.md, and results.json for Gradescope.")


# BEGIN NOT IN STARTER
def _class(options: argparse.Namespace) -> int:
    """Exit code 0: every submission has a mark, 2: one has none, or the grader was called wrongly."""
    from grader.class_run.command import evidence_mode, run_class

    chosen, evidence = _class_options(options)
    return run_class(chosen, evidence_mode(evidence))


def class_options(arguments: Sequence[str]) -> tuple[ClassOptions, EvidenceOptions]:
    """The options that `class` with these arguments has, as values, for a run that grades in another way."""
    return _class_options(_parser().parse_args(arguments))


def _class_options(options: argparse.Namespace) -> tuple[ClassOptions, EvidenceOptions]:
    from grader.class_run.command import DEFAULT_ASSIGNMENT, ClassOptions
    from grader.class_run.evidence_workers import EvidenceOptions

    rubric = options.rubric.absolute()
    chosen = ClassOptions(
        submissions=options.submissions,
        out=options.out.absolute(),
        rubric=rubric,
        roster=options.roster,
        only=options.only,
        workers=options.workers,
        assignment=options.assignment or DEFAULT_ASSIGNMENT,
    )
    return chosen, EvidenceOptions(rubric, options.strict, options.time_limit, options.memory_limit << 20)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


# END NOT IN STARTER
def _checks(options: argparse.Namespace) -> int:
    from tabulate import tabulate

    from grader.checks import all_checks
    from grader.renderers import number
    from grader.rubric import load_rubric

    checks = all_checks()
    rubric = load_rubric(options.rubric, checks)
    rows = [
        (id_, rubric.programs[id_], number(marks) or "-", checks[id_].title) for id_, marks in rubric.points.items()
    ]
    print(tabulate(rows, headers=("check", "marks of", "marks", "what"), disable_numparse=True))
    return 0


def _explain(options: argparse.Namespace) -> int:
    import difflib

    from grader.api import UsageError
    from grader.checks import all_checks
    from grader.documentation import check_text
    from grader.rubric import load_rubric

    checks = all_checks()
    if options.check not in checks:
        close = difflib.get_close_matches(options.check, checks, n=1)
        guess = f"did you mean {close[0]}?" if close else "`.venv/bin/python -m grader checks` lists them"
        raise UsageError(f"{options.check}: no such check; {guess}")
    print(check_text(checks[options.check], load_rubric(options.rubric, checks)))
    return 0


def _width(stream: TextIO) -> int:
    from grader.renderers.terminal import WIDTH

    return shutil.get_terminal_size((WIDTH, 24)).columns if stream.isatty() else WIDTH


def _wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


if __name__ == "__main__":
    sys.exit(main(guarded=True))
