"""One submission's live run: its two programs through the rounds, in a sandbox with services of their own."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import psutil

from configs.errors import KitError
from configs.program import first_line
from configs.settings import PROJECT
from grader.archive import ArchiveError, archives_in, is_archive, opened, stem
from scripts.classroom import layout
from scripts.classroom.data_copy import NOT_HANDED_IN, TooLargeError, copy_data
from scripts.classroom.groups import NOT_HELD, GroupKind, Held, group_kind, held
from scripts.classroom.layout import Mount, read_only, writable
from scripts.classroom.limits import LiveLimits
from scripts.classroom.result import FILE_NAME, LiveResult
from scripts.classroom.sandbox import UNPRIVILEGED, SandboxChoice, outer_command
from scripts.classroom.submission_stack import POSTGRES_OPTIONS
from scripts.classroom.worker import IN_GROUPS, Task
from scripts.services.jars import PINS, cache_folder
from scripts.services.processes import family, is_root, kill_all

RUNNING = ".running"  # the folder of a run that has not ended, in the submission's result folder
GRACE_SECONDS = 180.0  # beyond the run's own limit: services, grading, copying
TEMPLATE_SECONDS = 120.0
_MAX_FILES = 500_000
OnStep = Callable[[str], None]


def run_live(
    submission: Path,
    out: Path,
    *,
    load: bool = False,
    sandbox: SandboxChoice,
    limits: LiveLimits | None = None,
    groups: GroupKind | None = None,
    on_step: OnStep = lambda _: None,
    cancelled: threading.Event | None = None,
) -> LiveResult:
    """Run a submission, a folder or an archive, and write reports, logs and evidence to `out`.

    May be called from several threads at once. `groups`: the control groups; None: those that this machine has.
    `on_step` gets a line for each step, in the calling thread. Once `cancelled` is set the run is ended, and everything
    that it started.

    A submission's mistake never raises. What is no fault of a submission comes back as `is_machine_fault`.
    """
    begun = time.monotonic()
    limits = limits or LiveLimits()
    run = out / RUNNING
    try:
        _remove(run)
        run.mkdir(parents=True)
        with _as_folder(submission, run) as folder:
            copy_data(
                folder,
                run / "handed_in",
                max_bytes=limits.disk_bytes // 2,
                max_files=limits.files,
                without=NOT_HANDED_IN,
                owner=UNPRIVILEGED if is_root() and sandbox != "none" else None,
            )
        template = ensure_template(on_step) if sandbox != "none" else None
        name = stem(submission) if is_archive(submission) else submission.resolve().name
        kind: GroupKind = "none" if sandbox == "none" else groups or group_kind()
        task = replace(_task(run, name, sandbox, limits, template, load=load), groups=kind)
        seconds = limits.total_seconds + GRACE_SECONDS
        owner = UNPRIVILEGED if is_root() else None
        with held(kind, IN_GROUPS, limits.of_groups, owner) as groups_of_run:
            result = _work(task, run, sandbox, seconds, on_step, cancelled, template, groups_of_run)
        if not result.is_machine_fault:
            _keep(run / "out", out)
        return result
    except TooLargeError as error:
        return LiveResult("not started", "not started", time.monotonic() - begun, f"The submission: {error}", False)
    except (KitError, OSError) as error:
        return LiveResult("not started", "not started", time.monotonic() - begun, first_line(error), True)
    finally:
        _remove(run)


@contextlib.contextmanager
def _as_folder(submission: Path, run: Path) -> Iterator[Path]:
    """The submission as a folder; archives are unpacked in `run`. Of a damaged one it is empty: it has no programs."""
    archives = (
        [submission] if is_archive(submission) else archives_in(submission) if _has_no_program(submission) else []
    )
    if not archives:
        yield submission
        return
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(opened(archives, within=run)).folder
        except ArchiveError:
            yield Path(tempfile.mkdtemp(dir=run, prefix="empty-"))


def _has_no_program(folder: Path) -> bool:
    return next(folder.rglob("orders_*.py"), None) is None


def _task(
    run: Path, name: str, sandbox: SandboxChoice, limits: LiveLimits, template: Path | None, *, load: bool = False
) -> Task:
    isolated = sandbox != "none"
    for folder in ("stack", "student", "out"):
        (run / folder).mkdir()
    if isolated and is_root():
        os.chown(run / "out", UNPRIVILEGED, UNPRIVILEGED)
    place = (lambda folder: Path("/", folder)) if isolated else (lambda folder: (run / folder).absolute())
    return Task(
        name=name,
        handed_in=place("handed_in"),
        stack=place("stack"),
        student=place("student"),
        out=place("out"),
        template=Path("/template") if template is not None else None,
        isolated=isolated,
        load=load,
        limits=limits,
    )


def _work(
    task: Task,
    run: Path,
    sandbox: SandboxChoice,
    seconds: float,
    on_step: OnStep,
    cancelled: threading.Event | None,
    template: Path | None = None,
    groups: Held = NOT_HELD,
) -> LiveResult:
    """Run the worker and wait for it. Whatever happens, it and all that it started has ended when this returns."""
    begun = time.monotonic()
    (run / "task.json").write_text(task.to_json(), encoding="utf-8")
    (run / "task.json").chmod(0o644)
    command: list[str | Path] = [sys.executable, "-m", "scripts.classroom.worker"]
    environment = worker_environment(task)
    if sandbox == "none":
        words = [*map(str, command), str(run / "task.json")]
    else:
        words = [
            *groups.begin,
            *outer_command([*command, "/task.json"], [*_mounts(task, run, template), *groups.mounts]),
        ]
        environment = {**environment, **groups.environment}
    with (run / "worker.log").open("wb") as errors:
        worker = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            cwd=PROJECT,
            start_new_session=True,
        )
        try:
            why = _follow(worker, begun + seconds, on_step, cancelled)
        finally:
            _end(worker)
    result = run / "out" / FILE_NAME
    if why is None and result.is_file():
        return LiveResult(**json.loads(result.read_text(encoding="utf-8")))
    last = (run / "worker.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    said = f": {last[0][:200]}" if last else ""
    why = why or f"the run's own process ended (exit code {worker.returncode}){said}"
    return LiveResult("not started", "not started", time.monotonic() - begun, why, True)


def worker_environment(task: Task) -> Mapping[str, str]:
    """What the worker gets of this process's environment: nothing that is the instructor's."""
    kept = {key: os.environ[key] for key in ("LANG", "LC_ALL") if key in os.environ}
    return {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(task.stack),
        "TZ": "UTC",
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_CACHE_HOME": str(cache_folder().parent.parent),
    }


def _mounts(task: Task, run: Path, template: Path | None) -> list[Mount]:
    limits = task.limits
    mounts = [
        *layout.system(),
        *layout.kit(),
        *layout.etc(run / "etc"),
        Mount("memory", task.stack, size=limits.services_bytes),
        Mount("memory", task.student, size=limits.disk_bytes),
        read_only(run / "task.json", Path("/task.json")),
        writable(run / "out", task.out),
    ]
    if not task.makes_template:
        mounts.append(read_only(run / "handed_in", task.handed_in))
    if template is not None:
        mounts.append(read_only(template, Path("/template")))
    return mounts


def _follow(
    worker: subprocess.Popen[bytes], deadline: float, on_step: OnStep, cancelled: threading.Event | None
) -> str | None:
    """Pass the worker's steps on until it ends; why it has to be ended, if it has."""
    assert worker.stdout is not None
    os.set_blocking(worker.stdout.fileno(), False)
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(worker.stdout, selectors.EVENT_READ)
        while True:
            if cancelled is not None and cancelled.is_set():
                return "the run was cancelled"
            if time.monotonic() > deadline:
                return "the run did not end in time"
            if not selector.select(timeout=0.2):
                continue
            received = os.read(worker.stdout.fileno(), 65_536)
            if not received:
                worker.wait(timeout=max(1.0, deadline - time.monotonic()))
                return None
            *lines, rest = (rest + received).split(b"\n")
            for line in lines:
                on_step(line.decode("utf-8", errors="replace"))


def _end(worker: subprocess.Popen[bytes]) -> None:
    """With bwrap ends what is in its sandbox. Without one, the worker's session and what it started itself."""
    members = family(psutil.Process(worker.pid)) if worker.poll() is None else []
    worker.kill()
    worker.wait()
    kill_all(members)
    if worker.stdout is not None:
        worker.stdout.close()


def _keep(made: Path, out: Path) -> None:
    """Take over what the worker has written, as data: the student's files are among it."""
    for name in ("evidence", "logs"):
        _remove(out / name)
    (made / FILE_NAME).rename(made / f".{FILE_NAME}")
    for path in made.iterdir():
        if path.is_file() and not path.is_symlink():
            (out / path.name).unlink(missing_ok=True)
    copy_data(made, out, max_bytes=8 << 30, max_files=_MAX_FILES)
    (out / f".{FILE_NAME}").replace(out / FILE_NAME)


def _remove(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def ensure_template(on_step: OnStep = lambda _: None) -> Path:
    """The template of the services' data, in the user's cache; made on the first call.

    Raises:
        KitError: the services cannot start in a sandbox.
    """
    key = hashlib.sha256(repr((POSTGRES_OPTIONS, sys.prefix, is_root())).encode() + PINS.read_bytes()).hexdigest()[:16]
    base = cache_folder().parent / "classroom"
    base.mkdir(parents=True, exist_ok=True)
    template = base / key
    with (base / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if template.is_dir():
            return template
        on_step("making the services' data, once")
        for killed in base.glob(".making-*"):
            _remove(killed)
        run = Path(tempfile.mkdtemp(dir=base, prefix=".making-"))
        try:
            made = _task(run, "template", "bubblewrap", LiveLimits(), None)
            task = replace(made, makes_template=True)
            result = _work(task, run, "bubblewrap", TEMPLATE_SECONDS, lambda _: None, None)
            if result.is_machine_fault:
                raise KitError(f"Postgres and Kafka could not be started in a sandbox: {result.note}")
            (run / "out" / "template").rename(template)
        finally:
            _remove(run)
    return template
