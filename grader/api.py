"""The grader as a library: `with grade(root) as graded:`. It prints nothing and sets no exit code."""

from __future__ import annotations

import contextlib
import ipaddress
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from configs.errors import KitError
from configs.storage import require_answer
from grader.archive import SUFFIXES, ArchiveError, Opened, archives_in, is_archive, opened, stem
from grader.checks import all_checks
from grader.evidence import Evidence
from grader.evidence.config import Config, own_config, submitted_config
from grader.evidence.database import Database
from grader.evidence.locations import lake_on_s3, locate
from grader.evidence.several_submissions import several_submissions
from grader.grading import OnError, judge_checks, ungraded
from grader.limits import NO_LIMITS, Limits, OnStep, limited, step_limit
from grader.model import Report
from grader.rubric import DEFAULT_RUBRIC, Rubric, load_rubric

DatabaseChoice: TypeAlias = Literal["auto", "on", "off"]


_PACK_AGAIN = "Nothing could be unpacked: pack the folder again, and unpack it once yourself before you hand it in"
_OWNERS_SHOWN = 5
_OWNER_LETTERS = 60  # of a roll number, which a stranger wrote


class UsageError(KitError):
    """The grader was called wrongly; the message says what to do."""

    exit_code = 2


@dataclass(frozen=True)
class Graded:
    """A graded submission and its evidence. The charts are drawn from the evidence."""

    report: Report
    evidence: Evidence


@contextlib.contextmanager
def grade(
    root: Path | None,
    *,
    config: Path | None = None,
    database: DatabaseChoice | Database = "auto",
    rubric: Path | Rubric = DEFAULT_RUBRIC,
    limits: Limits = NO_LIMITS,
    strict: bool = False,
    on_step: OnStep = lambda _: None,
    on_error: OnError = lambda _: None,
) -> Iterator[Graded]:
    """Grade a submission: a folder or an archive. Unpacked files are deleted at the end of the context.

    Args:
        root: the folder or archive. None is the user's own project, whose folder `config` names.
        config: the submission's config, if it is not the one found in `root`. If `root` is None: the project's config.
        database: the orders to compare with. `auto` reads the Postgres that the config names. For a submission it does
            so only on this machine; `on` does so on any machine. `off` never does. A `Database` is used directly.
        rubric: the marks of the checks, as a file or as it was read from one.
        limits: `step_seconds` for each check. `max_bytes` is only for `run_guarded`.
        strict: fail a check with marks that lacks evidence.
        on_step: gets the id of each check before it is judged, and the names of other steps.
        on_error: gets the traceback if the grader itself broke.

    Raises:
        KitError: `root`, `config` or `rubric` is not there or cannot be used, or the lake's S3 does not answer. A
            mistake in a submission never raises: it is a finding.
    """
    if config is not None and not config.is_file():
        raise UsageError(f"{config}: no such config file. Name one with --config path")
    with contextlib.ExitStack() as stack:
        submission = _opened(root, stack)
        if root is not None and submission is not None and config is None:
            _require_one(root, submission.folder)
        checks = all_checks()
        marks = rubric if isinstance(rubric, Rubric) else load_rubric(rubric, checks)
        found = _config(submission, config)
        lake = lake_on_s3(found)
        if lake is not None:
            require_answer(lake)
        evidence = Evidence(found, _database(database, found, is_config_given=config is not None))
        with step_limit(limits.step_seconds) as begin:
            report = judge_checks(
                evidence,
                _name(root, found),
                limited(checks, begin),
                marks,
                strict=strict,
                on_error=on_error,
                on_step=on_step,
            )
        if root is not None and submission is not None and submission.folder != root:
            report = renamed(report, str(submission.folder), root.name)
        yield Graded(report, evidence)


def unfinished(root: Path | None, why: str, *, config: Path | None = None, rubric: Path = DEFAULT_RUBRIC) -> Report:
    """The report on a submission whose grading did not finish, with the reason `why`. It reads no submission files.

    Raises:
        KitError: the rubric cannot be used; or `root` is None and the config cannot be used.
    """
    checks = all_checks()
    own = own_config(config) if root is None else None
    rollnumber = own.settings.rollnumber if own is not None and own.settings else None
    return ungraded(_name(root, own), checks, load_rubric(rubric, checks), why, rollnumber)


def reports_folder(root: Path | None, config: Path | None = None) -> Path:
    """The folder for the reports on `root`: `reports` in the folder or project, `<name>-reports` next to an archive.

    Raises:
        KitError: `root` is None, and the project's config cannot be used.
    """
    if root is None:
        return own_config(config).root / "reports"
    return root.with_name(f"{stem(root)}-reports") if is_archive(root) else root / "reports"


def _name(root: Path | None, config: Config | None) -> str:
    if root is not None:
        return stem(root) if is_archive(root) else root.resolve().name
    assert config is not None
    return config.settings.rollnumber if config.settings else config.root.name


def _opened(root: Path | None, stack: contextlib.ExitStack) -> Opened | None:
    """The submission as a folder, which exists until the stack is closed; None for the user's own project."""
    if root is None:
        return None
    archives = _archives(root)
    if not archives:
        return Opened(root)
    try:
        return stack.enter_context(opened(archives))
    except ArchiveError as error:  # a student's damaged file is a finding
        empty = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="grader-"))).resolve()
        return Opened(empty, (f"archive: {error}",), damage=str(error))


def _require_one(root: Path, folder: Path) -> None:
    """Raises UsageError if `folder`, the submission as a folder, contains the work of several students."""
    found = several_submissions(folder)
    if not found:
        return
    shown = ", ".join(one.owner[:_OWNER_LETTERS] for one in found[:_OWNERS_SHOWN])
    more = f" and {len(found) - _OWNERS_SHOWN} more" if len(found) > _OWNERS_SHOWN else ""
    if folder == root:
        first = f"`.venv/bin/python -m grader grade {shlex.quote(str(found[0].folder))}`"
    elif is_archive(root):
        first = "unpack the archive, and name the folder of one submission"
    else:
        first = "name the archive of one submission"
    raise UsageError(f"{root}: contains {len(found)} submissions, of {shown}{more}. Grade one at a time: {first}")


def _archives(root: Path) -> list[Path]:
    """The archives to unpack: `root` itself, or the archives in a folder that contains nothing else to grade."""
    if is_archive(root):
        return [root]
    if root.is_file():
        raise UsageError(f"{root}: neither a folder nor an archive ({', '.join(SUFFIXES)})")
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder. Name the folder or archive of a project or submission")
    inside = archives_in(root)
    return inside if inside and _is_bare(root) else []


def _is_bare(root: Path) -> bool:
    config = submitted_config(root, None)
    places = locate(config)
    return config.path is None and places.lake is places.checkpoint is places.state is None


def _config(submission: Opened | None, path: Path | None) -> Config:
    if submission is None:
        return own_config(path)
    config = submitted_config(submission.folder, path)
    if submission.damage is not None and path is None:
        config = replace(config, problems=(f"{submission.damage}. {_PACK_AGAIN}",))
    return replace(config, assumptions=(*submission.notes, *config.assumptions))


def _database(choice: DatabaseChoice | Database, config: Config, *, is_config_given: bool) -> Database:
    """The database to read. A submission's config could name any host, and the grader must not connect there."""
    if isinstance(choice, Database):
        return choice
    if choice == "off":
        return Database(None, "the database was switched off with --database off")
    is_others = config.boundary is not None and not is_config_given
    if choice == "auto" and is_others and config.settings is not None:
        host = config.settings.postgres.host
        if not _is_loopback(host):
            return Database(None, f"the submission's database is at {host}; to read it, use --database on")
    return Database(config.settings)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def renamed(report: Report, folder: str, name: str) -> Report:
    """The report with `name` instead of a path of this machine, so that the same submission gives the same bytes."""

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
