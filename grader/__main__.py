"""`python -m grader`: grade a project or a submission, list the checks, explain one.

Exit codes of `grade`: 0 all passed (advice and skips aside), 1 something failed, 2 the grader could not decide or was
called wrongly.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from configs.errors import KitError, run_command
from grader.rubric import DEFAULT_RUBRIC

if TYPE_CHECKING:
    from grader.evidence import Evidence
    from grader.evidence.config import Config
    from grader.evidence.database import Database
    from grader.model import Report

UNDECIDED = 2
MEMORY_LIMIT = 1000  # MiB; what is taken between two looks at it stays below 1 GiB too


class UsageError(KitError):
    """The grader was called in a way it cannot serve; the message says what to do."""

    exit_code = UNDECIDED


def main(arguments: Sequence[str] | None = None, *, guarded: bool = False) -> int:
    """Run the command line; returns the exit code. Whatever a submission does to the grader, it does not raise.

    `guarded`: grade in a process of its own, which a submission can bring down without harm; see guard.py.
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
        interrupted="stopped before it was done; nothing was written",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m grader", description="Grade what a pipeline left behind.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    grade = commands.add_parser("grade", help="grade a project or a submission", description=_grade.__doc__)
    grade.add_argument(
        "root",
        nargs="?",
        type=Path,
        metavar="ROOT",
        help="a submission: a folder, zip or tar.gz; without it, the project",
    )
    grade.add_argument("--config", type=Path, metavar="FILE", help="its config, if not the one found in ROOT")
    grade.add_argument("--rubric", type=Path, metavar="FILE", default=DEFAULT_RUBRIC, help="marks of the checks")
    grade.add_argument(
        "--database",
        choices=("auto", "on", "off"),
        default="auto",
        help="look into Postgres if it answers; auto: for a ROOT only on this machine, wherever its config points",
    )
    grade.add_argument("--out", type=Path, metavar="DIR", help="where the reports go (ROOT/reports)")
    grade.add_argument("--time-limit", type=float, metavar="SECONDS", default=300, help="for each check; 0: none (300)")
    grade.add_argument(
        "--memory-limit",
        type=int,
        metavar="MIB",
        default=MEMORY_LIMIT,
        help=f"for the whole grading; 0: none ({MEMORY_LIMIT})",
    )
    grade.add_argument("--strict", action="store_true", help="fail a check that lacks evidence")
    grade.add_argument("--debug", action="store_true", help="print the grader's own tracebacks")
    grade.set_defaults(run=_grade, on_progress=lambda _: None)

    checks = commands.add_parser("checks", help="list the checks and their marks")
    checks.add_argument("--rubric", type=Path, metavar="FILE", default=DEFAULT_RUBRIC, help="marks of the checks")
    checks.set_defaults(run=_checks)

    explain = commands.add_parser("explain", help="say what a check looks at, and what to do when it fails")
    explain.add_argument("check", metavar="CHECK", help="its id, as `checks` lists them")
    explain.add_argument("--rubric", type=Path, metavar="FILE", default=DEFAULT_RUBRIC, help="marks of the checks")
    explain.set_defaults(run=_explain)
    return parser


def _grade(options: argparse.Namespace) -> int:
    """Exit code 0: all passed, 1: something failed, 2: the grader could not decide or was called wrongly."""
    from grader.evidence.archive import ArchiveError, opened

    if options.config is not None and not options.config.is_file():
        raise UsageError(f"{options.config}: no such config file. Name one with --config path")
    archives = _archives(options.root)
    if not archives:
        return _grade_folder(options, options.root)
    try:
        with opened(archives) as submission:
            return _grade_folder(options, submission.folder, submission.notes)
    except ArchiveError as error:
        raise UsageError(f"{options.root}: {error}") from None


def _grade_guarded(options: argparse.Namespace) -> int:
    from grader.guard import Budget, Ended, OnProgress, run_guarded

    def work(on_progress: OnProgress) -> int:
        options.on_progress = on_progress
        return _run(options, _grade)

    result = run_guarded(work, Budget(options.memory_limit << 20, options.time_limit))
    if not isinstance(result, Ended):
        return result
    why = f"at {result.step}, {result.why}"
    return _run(options, lambda options: _report_ended(options, why))


def _report_ended(options: argparse.Namespace, why: str) -> int:
    """Every report, in place of those of an earlier grading; of the submission nothing is read again."""
    from grader.checks import all_checks
    from grader.evidence.config import own_config
    from grader.grading import ungraded
    from grader.model import DID_NOT_END
    from grader.rubric import load_rubric

    checks = all_checks()
    own = own_config(options.config) if options.root is None else None
    report = ungraded(_submission(options.root, own), checks, load_rubric(options.rubric, checks), why)
    _write(report, None, options.out or _reports_folder(options.root, own), lambda _: None)
    print(f"grader: {report.submission}: {DID_NOT_END}{why}", file=sys.stderr)
    return UNDECIDED


def _archives(root: Path | None) -> list[Path]:
    """What must be unpacked to see the submission: ROOT itself, or what lies in a folder that has nothing else."""
    from grader.evidence.archive import SUFFIXES, archives_in, is_archive

    if root is None:
        return []
    if is_archive(root):
        return [root]
    if root.is_file():
        raise UsageError(f"{root}: not a folder, nor one of {', '.join(SUFFIXES)}")
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder. Name the folder or archive of a project or submission")
    inside = archives_in(root)
    return inside if inside and _is_bare(root) else []


def _is_bare(root: Path) -> bool:
    from grader.evidence.config import submitted_config
    from grader.evidence.locations import locate

    config = submitted_config(root, None)
    places = locate(config)
    return config.path is None and places.lake is places.checkpoint is places.state is None


def _grade_folder(options: argparse.Namespace, folder: Path | None, notes: tuple[str, ...] = ()) -> int:
    from grader.checks import all_checks
    from grader.grading import grade
    from grader.limits import time_limits
    from grader.renderers import terminal
    from grader.rubric import load_rubric

    checks = all_checks()
    rubric = load_rubric(options.rubric, checks)
    evidence = _evidence(options, folder, notes)
    if folder is None and evidence.is_empty:
        raise UsageError(
            f"nothing to grade yet: no lake, checkpoint or state in {evidence.config.root}. Run `make round1` first"
        )
    on_error = (lambda trace: print(trace, file=sys.stderr)) if options.debug else (lambda _: None)
    with time_limits(checks, options.time_limit) as limited:
        report = grade(
            evidence,
            _submission(options.root, evidence.config),
            limited,
            rubric,
            strict=options.strict,
            on_error=on_error,
            on_progress=options.on_progress,
        )
        if folder is not None and folder != options.root:
            report = _renamed(report, str(folder), options.root.name)
        sys.stdout.write(terminal.render(report, colour=_wants_colour(sys.stdout), width=_width(sys.stdout)))
        sys.stdout.flush()
        options.on_progress("the reports")
        _write(report, evidence, options.out or _reports_folder(options.root, evidence.config), on_error)
    return report.exit_code


def _evidence(options: argparse.Namespace, folder: Path | None, notes: tuple[str, ...]) -> Evidence:
    from grader.evidence import Evidence
    from grader.evidence.config import own_config, submitted_config

    config = own_config(options.config) if folder is None else submitted_config(folder, options.config)
    config = replace(config, assumptions=(*notes, *config.assumptions))
    return Evidence(config, _database(options, config))


def _database(options: argparse.Namespace, config: Config) -> Database:
    """The database to look into. A submission's config could name any host, and the grader would knock there."""
    from grader.evidence.database import Database

    if options.database == "off":
        return Database(None, "the database was switched off with --database off")
    is_others = config.boundary is not None and options.config is None
    if options.database == "auto" and is_others and config.settings is not None:
        host = config.settings.postgres.host
        if not _is_loopback(host):
            return Database(None, f"the submission's database is at {host}; --database on looks there")
    return Database(config.settings)


def _is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _renamed(report: Report, folder: str, name: str) -> Report:
    """The report with `name` for the temporary folder: the same archive gives the same bytes."""

    def shown(value: object) -> Any:
        return value.replace(folder, name) if isinstance(value, str) else value

    findings = [
        replace(
            finding,
            expected=shown(finding.expected),
            actual=shown(finding.actual),
            samples=tuple({key: shown(value) for key, value in row.items()} for row in finding.samples),
        )
        for finding in report.findings
    ]
    return replace(report, findings=tuple(findings), assumptions=tuple(shown(line) for line in report.assumptions))


def _reports_folder(root: Path | None, config: Config | None) -> Path:
    from grader.evidence.archive import is_archive, stem

    if root is None:
        assert config is not None
        return config.root / "reports"
    return root.with_name(f"{stem(root)}-reports") if is_archive(root) else root / "reports"


def _submission(root: Path | None, config: Config | None) -> str:
    from grader.evidence.archive import is_archive, stem

    if root is not None:
        return stem(root) if is_archive(root) else root.resolve().name
    assert config is not None
    return config.settings.rollnumber if config.settings else config.root.name


def _write(report: Report, evidence: Evidence | None, folder: Path, on_error: Callable[[str], None]) -> None:
    from grader.renderers.files import write_reports

    graded_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        page = write_reports(report, evidence, folder, graded_at, on_error)
    except OSError as error:
        raise UsageError(
            f"{folder}: the reports cannot be written ({error.strerror}). Name a folder with --out"
        ) from None
    print(f"{page}, and the same as json, xml, md and for Gradescope beside it")


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

    from grader.checks import all_checks
    from grader.documentation import check_text
    from grader.rubric import load_rubric

    checks = all_checks()
    if options.check not in checks:
        close = difflib.get_close_matches(options.check, checks, n=1)
        guess = f"did you mean {close[0]}?" if close else "`python -m grader checks` lists them"
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
