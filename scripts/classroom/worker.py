"""Runs one submission, from inside its outer sandbox: python -m scripts.classroom.worker TASK.

TASK is a JSON file, see Task. Steps go to standard output, one a line; the result is a file that is there only when
everything else is.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException

from configs.contract import LOAD_RECORD, RoundRecord
from configs.errors import KitError
from configs.program import first_line
from configs.topic import topic_id
from configs.wording import counted
from grader.api import grade
from grader.evidence.config import CONFIG_NAME, find_config
from grader.evidence.database import Database
from grader.evidence.load import lost_orders
from grader.limits import Limits
from grader.renderers.files import write_reports
from scripts.classroom import layout
from scripts.classroom.data_copy import TooLargeError, copy_data
from scripts.classroom.groups import Group, GroupKind, group_in_sandbox, own_group
from scripts.classroom.limits import LiveLimits, Watch
from scripts.classroom.result import FILE_NAME, LiveResult
from scripts.classroom.sandbox import SandboxLauncher, StudentFiles
from scripts.classroom.students_sql import make_students_table
from scripts.classroom.submission_stack import (
    TRIGGER_SEC,
    Template,
    make_settings,
    make_template,
    start_services,
    with_round_seconds,
)
from scripts.classroom.usual_ports import READY
from scripts.pipeline import position, programs
from scripts.pipeline.rendered_config import render_config
from scripts.pipeline.student_programs import FILE_NAMES, find_programs
from scripts.pipeline.table import require_table
from scripts.pipeline.temporary_stack import write_config
from scripts.pipeline.topic import end_offsets, make_topic
from scripts.rounds.insert_test_orders import read_rows
from scripts.rounds.load import load
from scripts.rounds.run import read_record, run_round, write_record
from scripts.services import kafka, postgres
from scripts.services.postgres import require_connection
from scripts.services.processes import LOCAL, last_lines, wait_until
from scripts.services.stack import CONSUMER, PRODUCER, PROGRAM_NAMES, Stack

ROUNDS = (1, 2, 3)
IN_GROUPS = (*PROGRAM_NAMES, "sql")  # what runs a submission's code
STEP_SECONDS = 60.0  # of the grading, for one check
START_SECONDS = 30.0  # of the process with the usual ports
LAST_BATCH_SECONDS = 3.0  # that the consumer has to finish its batch before it is stopped
KEPT_OF_A_LOG = 4 << 20  # bytes; its end
_KEPT_FILES = 200_000
_KILLED = 128 + 9
_ENDED_SESSION = b"terminating connection due to administrator command"  # in the log of Postgres


@dataclass(frozen=True)
class Task:
    """What to run, and where. All folders are as this process sees them.

    `handed_in`: the submission, not to be changed. `stack` and `student`: empty folders for the services and for all
    that the submission writes. `out`: where the results go. `template` None: the services make their own data.
    `groups`: the control groups that were made for this run.
    """

    name: str
    handed_in: Path
    stack: Path
    student: Path
    out: Path
    template: Path | None = None
    makes_template: bool = False
    isolated: bool = True
    groups: GroupKind = "none"
    load: bool = False
    limits: LiveLimits = field(default_factory=LiveLimits)

    def to_json(self) -> str:
        values = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        return json.dumps(values)

    @staticmethod
    def from_json(text: str) -> Task:
        values: dict[str, Any] = json.loads(text)
        for key in ("handed_in", "stack", "student", "out", "template"):
            values[key] = None if values[key] is None else Path(values[key])
        return Task(**{**values, "limits": LiveLimits(**values["limits"])})


class MachineError(Exception):
    """Not the submission's fault: what the run needs is not to be had here, or has broken."""


def show_step(step: str) -> None:
    print(step.splitlines()[0] if step else "", flush=True)


@dataclass
class _Run:
    """A run as far as it has come: a word for each program, and what there is to say."""

    task: Task
    started: float = field(default_factory=time.monotonic)
    words: dict[str, str] = field(default_factory=lambda: dict.fromkeys(PROGRAM_NAMES, "not started"))
    notes: list[str] = field(default_factory=list)
    machine_fault: str | None = None
    gave_up: bool = False  # a round ended before its rows were there, and both programs still ran
    completed: list[int] = field(default_factory=list)  # rounds in which every row arrived
    had_sink_log: bool = False  # the lake had one after a round
    stopped: set[str] = field(default_factory=set)  # programs that ran until the kit stopped them
    database: Database | None = None  # the table as it was after the rounds

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def note(self, text: str) -> None:
        """Only what has not been said."""
        text = " ".join(text.split()).rstrip(".")
        if text and text not in self.notes:
            self.notes.append(text)

    def note_first(self, text: str) -> None:
        """What explains the rest: the gradebook shows the beginning of the notes."""
        self.notes.insert(0, text)

    def result(self) -> LiveResult:
        fault = self.machine_fault
        note = ". ".join([fault] if fault is not None else self.notes)
        return LiveResult(
            self.words[PRODUCER],
            self.words[CONSUMER],
            round(self.seconds, 1),
            note,
            fault is not None,
            self.gave_up or not {"killed: memory", "killed: system"}.isdisjoint(self.words.values()),
        )


def run(task: Task) -> LiveResult:
    """Run, grade and keep everything. Never raises for what a submission does."""
    state = _Run(task)
    files = StudentFiles(task.student)
    files.make()
    try:
        copy_data(task.handed_in, files.submission, max_bytes=task.limits.disk_bytes // 2, max_files=task.limits.files)
        settings = make_settings(task.stack, files, task.limits, task.name, *(() if task.isolated else (None,)))
        etc = tuple(layout.etc(task.stack / "etc", host_names(files.submission))) if task.isolated else ()
        watch = Watch(
            task.limits,
            writable=files.root if task.isolated else None,
            services=task.stack if task.isolated else None,
        )
        launcher = SandboxLauncher(files, etc, watch, task.limits, isolated=task.isolated, groups=_groups(task.groups))
        stack = Stack(settings, launcher=launcher, reads_environment=False, short_lived=True)
        try:
            try:
                _run_in(state, stack, launcher, files)
            finally:
                for name in PROGRAM_NAMES:
                    programs.kill(stack, name)
                watch.stop()
            _report(state, stack, files)
        finally:
            if not task.isolated:  # a sandbox takes everything with it
                kafka.down(stack)
                postgres.down(stack)
                postgres.remove(stack)
    except (MachineError, MemoryError) as error:
        state.machine_fault = first_line(error)
    except TooLargeError as error:
        state.note(f"The submission is too large: {error}")
    except OSError as error:
        state.machine_fault = f"this machine could not run it ({error.strerror or error})"
    except Exception as error:  # noqa: BLE001 - one submission must not end a class's run
        print(traceback.format_exc(), file=sys.stderr)
        state.machine_fault = f"the kit broke ({type(error).__name__}: {first_line(error)})"
    return state.result()


def _groups(kind: GroupKind) -> dict[str, Group]:
    """The control group of each program that is run for a submission."""
    if kind == "v1":
        return {name: group_in_sandbox(name) for name in IN_GROUPS}
    if kind == "systemd":
        return dict.fromkeys(IN_GROUPS, own_group(Path("/proc/self/cgroup").read_text(encoding="utf-8")))
    return {}


def host_names(submission: Path) -> list[str]:
    """The names under which a submission may look for its services: the usual ones, and those of its config."""
    from grader.evidence.listing import read_bytes

    names = list(layout.HOST_NAMES)
    config = find_config(submission)
    if config is not None:
        with contextlib.suppress(OSError):
            text = read_bytes(config.parent, config.name, 256 << 10).decode("utf-8", errors="replace")
            found = re.findall(
                r"(?:host:\s*|//|[\s,\"'])([A-Za-z][A-Za-z0-9.-]{0,62})(?=:\d{2,5}\b|\s*$|/)", text, re.M
            )
            names += [
                name for name in found[:50] if "." not in name.strip(".") or name.endswith((".internal", ".local"))
            ]
    return names


def _run_in(state: _Run, stack: Stack, launcher: SandboxLauncher, files: StudentFiles) -> None:
    task = state.task
    try:
        found = find_programs(files.submission)
    except KitError as error:
        there = {path.name for path in files.submission.rglob("*.py")}
        for name in PROGRAM_NAMES:
            state.words[name] = "not started" if FILE_NAMES[name] in there else "not found"
        state.note(str(error).replace(f"{files.submission}", "The submission").split(" PROGRAMS names")[0])
        return
    stack = replace(stack, programs=replace(found, longest_interval_sec=TRIGGER_SEC))
    folder = programs.working_folder(stack, PRODUCER) or files.submission
    shown = (render_config(stack).parent,)
    launcher = replace(launcher, app=folder, read_only=shown)
    stack = replace(stack, launcher=launcher)
    show_step("services")
    try:
        if task.isolated:
            _start_usual_ports(stack)
        start_services(stack, None if task.template is None else Template(task.template))
        make_topic(stack.settings.kafka)
    except KitError as error:
        raise MachineError(f"the services did not start: {first_line(error)}") from None
    show_step("table")
    try:
        own = make_students_table(stack, files.submission, show_step)
    except KitError as error:  # its SQL owns the database, and can close it
        _require_services(state, stack, launcher)
        state.note(f"The table could not be made: {_sentence(str(error))}")
        return
    if not own.is_own:
        state.note(f"The table is the kit's, because {own.why}")
    made = _topic_id(stack)
    for number in ROUNDS:
        if not _run_round(state, stack, launcher, number):
            break
    _compare_topic(state, stack, made)
    _count_ended_sessions(state, stack)
    if task.load and len(state.completed) == len(ROUNDS):
        _keep_evidence(state, stack, files)
        _run_load(state, stack)
    _stop(state, stack)
    _judge_programs(state, stack, launcher)
    _compare_rounds(state, stack)


def _has_sink_log(stack: Stack) -> bool:
    return (Path(stack.settings.datalake.path) / "_spark_metadata").is_dir()


def _start_usual_ports(stack: Stack) -> None:
    """Raises KitError: they cannot be used. The process ends with the outer sandbox."""
    pid_file = stack.pid_file("usual_ports")
    log = pid_file.path.with_suffix(".log")  # not beside the programs' logs, which the student gets
    LOCAL.launch([sys.executable, "-m", "scripts.classroom.usual_ports"], pid_file=pid_file, log=log)
    if not wait_until(lambda: READY in log.read_text(encoding="utf-8"), timeout=START_SECONDS):
        raise KitError(f"ports for programs with an address in their code: {last_lines(log, 1).strip()}")


def _run_round(state: _Run, stack: Stack, launcher: SandboxLauncher, number: int) -> bool:
    """Whether the next one may follow: both programs run, and this one is in the record."""
    left = state.task.limits.total_seconds - state.seconds
    if left <= 1:
        state.note(f"There was no time left for round {number}")
        return False
    show_step(f"round {number}")
    stack = with_round_seconds(stack, min(state.task.limits.round_seconds, left))
    record = stack.settings.rounds_folder / f"round{number}.json"
    error: str | None = None
    begun = time.monotonic()
    try:
        run_round(stack, number, show_step)
        state.completed.append(number)
    except KitError as caught:
        error = str(caught)
    if error is not None:
        _require_services(state, stack, launcher)
        is_late = time.monotonic() - begun > stack.settings.rounds.timeout_sec * 0.9
        state.gave_up = state.gave_up or (is_late and programs.are_alive(stack))
        state.note(f"Round {number}: {_sentence(error)}")
    state.had_sink_log = state.had_sink_log or _has_sink_log(stack)
    return record.is_file() and programs.are_alive(stack)


def _topic_id(stack: Stack) -> str | None:
    settings = stack.settings.kafka
    return topic_id(kafka.admin_client(settings), settings.topic)


def _compare_topic(state: _Run, stack: Stack, made: str | None) -> None:
    """Programs may delete their topic: Kafka knows no users. What was on it is gone then."""
    with contextlib.suppress(KafkaException):
        now = _topic_id(stack)
        if now != made:
            again = "" if now is None else " and recreated"
            state.note_first(f"The topic {stack.settings.kafka.topic} was deleted{again} during the run")


def _count_ended_sessions(state: _Run, stack: Stack) -> None:
    """A submission may end the sessions of its own database user, of which the rounds use some."""
    with stack.log(postgres.NAME).open("rb") as lines:
        count = sum(_ENDED_SESSION in line for line in lines)
    if count:
        state.note_first(f"The submission ended {counted(count, 'database session')} (pg_terminate_backend)")


def _run_load(state: _Run, stack: Stack) -> None:
    """The load, after the evidence of the rounds was kept: what it loses costs no mark of theirs."""
    show_step("load")
    left = max(1.0, state.task.limits.total_seconds - state.seconds)
    try:
        record = load(with_round_seconds(stack, min(state.task.limits.round_seconds, left)), show_step)
    except KitError as error:
        state.note(f"Load: {_sentence(str(error))}")
        return
    write_record(_records_folder(state.task, stack) / LOAD_RECORD, record)
    lost = len(lost_orders(record))
    if lost:
        state.note(f"Under load {lost} of {counted(len(record.rows), 'order')} were lost")


def _require_services(state: _Run, stack: Stack, launcher: SandboxLauncher) -> None:
    """A service that has ended while no program was over a limit is not the submission's fault."""
    launcher.watch.look()
    ended = [name for name in (postgres.NAME, kafka.NAME) if stack.pid_file(name).process() is None]
    if ended and not launcher.watch.endings:
        raise MachineError(f"{' and '.join(ended)} ended during the run")


def _sentence(error: str) -> str:
    """The first lines of a round's error, without what the programs' own errors repeat."""
    text = error.split("\nThe producer's last error:")[0].split("\nThe consumer's last error:")[0]
    text = re.split(r"Its last error:|The end of /|Read /| Run `make", text)[0]
    return " ".join(text.split())[:400].rstrip(" .")


def _stop(state: _Run, stack: Stack) -> None:
    """The producer first; then the consumer may finish its batch. Both are killed: no signal can be ignored."""
    for name in PROGRAM_NAMES:
        if name == CONSUMER:
            wait_until(lambda: _is_between_batches(stack), timeout=LAST_BATCH_SECONDS)
        if programs.is_alive(stack, name):
            state.stopped.add(name)
            programs.kill(stack, name)


def _is_between_batches(stack: Stack) -> bool:
    stream = position.lake_stream(stack.settings)
    return stream.planned == stream.finished


def _judge_programs(state: _Run, stack: Stack, launcher: SandboxLauncher) -> None:
    """A word for each program, and a sentence for one that did not run to the end."""
    launcher.watch.look()
    silent = _silent(stack) if state.gave_up else {}
    for name in PROGRAM_NAMES:
        ending = launcher.watch.endings.get(name)
        error = programs.error_of(stack, name)
        said = "" if error is None else f". Its last error: {error}"
        if ending is not None:
            state.words[name] = f"killed: {ending.cause}"
            state.note(f"The {name} was {ending}{said}")
        elif name in state.stopped:
            state.words[name] = "hung" if name in silent else "ran"
            if name in silent:
                state.note(f"The {name} {silent[name]}{said}")
        elif stack.log(name).exists():
            code = launcher.exit_code(name)
            by_system = code in (_KILLED, -9)
            state.words[name] = "killed: system" if by_system else "ended"
            how = "was killed by the system, as it is when memory is short" if by_system else "ended by itself"
            how += "" if by_system or code is None else f" (exit code {code})"
            state.note(f"The {name} {how} {launcher.watch.seconds_of(name):.0f} s after its start{said}")


def _silent(stack: Stack) -> dict[str, str]:
    """The programs that ran and did nothing, with what they did not do."""
    with contextlib.suppress(Exception):
        if sum(end_offsets(stack.settings.kafka).values()) == 0:
            return {PRODUCER: "ran and published nothing"}
        if position.lake_stream(stack.settings).planned is None and not position.lake_rows(stack.settings):
            return {CONSUMER: "ran and wrote nothing"}
    return {}


def _records(stack: Stack) -> Iterator[RoundRecord]:
    for number in ROUNDS:
        with contextlib.suppress(KitError):
            record = read_record(stack.settings.rounds_folder / f"round{number}.json")
            if record is not None:
                yield record


def _compare_rounds(state: _Run, stack: Stack) -> None:
    """The rows of the rounds must still be as they were inserted: a submission owns its table and can change it."""
    rows = {row.order_id: row for record in _records(stack) for done in record.runs for row in done.inserted}
    if not rows:
        return
    try:
        with contextlib.closing(require_connection(stack.settings.postgres)) as connection:
            now = read_rows(connection, require_table(connection, stack.settings).name, [*rows])
    except Exception as error:  # noqa: BLE001 - whatever was done to the table
        state.note(f"The rows of the rounds could not be read again: {first_line(error)}")
        return
    changed = sorted(key for key, row in rows.items() if now.get(key) != row)
    if changed:
        shown = ", ".join(map(str, changed[:5]))
        state.note(f"The table was altered: {len(changed)} of the rounds' rows are changed or gone (order_id {shown})")


def _keep_evidence(state: _Run, stack: Stack, files: StudentFiles) -> Path:
    """Copy lake, checkpoint, state and records, and read the table; once: the load must not change them."""
    task, settings = state.task, stack.settings
    evidence = task.out / "evidence"
    if state.database is not None:
        return evidence
    copy_data(files.root / "pipeline", evidence, max_bytes=task.limits.disk_bytes, max_files=_KEPT_FILES)
    records = _records_folder(task, stack)
    records.mkdir(parents=True, exist_ok=True)
    for record in settings.rounds_folder.glob("round*.json"):
        (records / record.name).write_bytes(record.read_bytes())
    config = find_config(files.submission)
    (evidence / "configs").mkdir(exist_ok=True)
    if config is not None:
        with contextlib.suppress(OSError):
            (evidence / "configs" / CONFIG_NAME).write_bytes(config.read_bytes())
    state.database = Database(settings)
    _ = state.database.orders  # read now, and kept
    return evidence


def _records_folder(task: Task, stack: Stack) -> Path:
    return task.out / "evidence" / stack.settings.rounds_folder.relative_to(stack.settings.root)


def _report(state: _Run, stack: Stack, files: StudentFiles) -> None:
    """Keep evidence and logs, and write the reports on them. The grading reads the copy, which nothing can change."""
    show_step("grading")
    task = state.task
    evidence = _keep_evidence(state, stack, files)
    logs = task.out / "logs"
    logs.mkdir(exist_ok=True)
    for log in sorted(stack.logs.glob("*.log")):
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - KEPT_OF_A_LOG))
            (logs / log.name).write_bytes(stream.read())
    with grade(evidence, database=state.database or "off", limits=Limits(step_seconds=STEP_SECONDS)) as graded:
        notes = tuple(f"live run: {note}" for note in state.notes)
        report = replace(
            graded.report,
            submission=task.name,
            unjudged=graded.report.unjudged if _is_complete(state, stack) else "zero",
            assumptions=(*notes, *graded.report.assumptions),
        )
        graded_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        write_reports(report, graded.evidence, task.out, graded_at)


def _is_complete(state: _Run, stack: Stack) -> bool:
    """Whether what could not be judged is no fault of the submission: foreachBatch leaves no sink log, for example.

    What a live run did not bring about, or what was there and was deleted, counts as nothing.
    """
    return len(state.completed) == len(ROUNDS) and (_has_sink_log(stack) or not state.had_sink_log)


def template(task: Task) -> LiveResult:
    """Make the template of the services' data."""
    started = time.monotonic()
    from configs.settings import load_settings

    settings = load_settings(write_config(task.stack, {}, "template", (5432, 9092)), environment={})
    make_template(task.out / "template", Stack(settings, reads_environment=False))
    return LiveResult("ran", "ran", time.monotonic() - started, "", False)


def main(task_file: Path) -> int:
    task = Task.from_json(task_file.read_text(encoding="utf-8"))
    result = template(task) if task.makes_template else run(task)
    making = task.out / f".{FILE_NAME}"
    making.write_text(json.dumps(asdict(result)), encoding="utf-8")
    making.replace(task.out / FILE_NAME)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
