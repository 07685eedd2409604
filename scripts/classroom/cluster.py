"""The same tasks on more than one machine: SCHEDULER=tcp://... names the scheduler of a Dask cluster.

A submission is sent as bytes and its results come back as bytes, so the machines share no folder. Each worker of the
cluster runs in a clone of this kit: docs/live_class.md says how it is started.

`distributed` is an optional requirement (requirements-cluster.txt): one machine needs no Dask.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from configs.errors import KitError
from grader import KIT_VERSION
from grader.archive import UnpackError, is_archive, unpack
from grader.class_run.command import Mode, evidence_mode
from grader.class_run.discovery import Found
from grader.class_run.task import Graded, GradeOne
from scripts.classroom.live_mode import LiveOptions, live_mode

# What a worker offers, and a task takes one of: `--resources stack=3`. A worker would take as many tasks as it has
# threads, however much memory each needs.
RESOURCE = "stack"
_WAIT = "30s"  # for the scheduler, and for its first worker


@dataclass(frozen=True)
class SentTask:
    """A submission as bytes, and how to grade it. `name` is that of its folder or archive."""

    name: str
    content: bytes
    is_archive: bool
    rubric: bytes
    options: LiveOptions
    is_live: bool
    kit_version: str = KIT_VERSION


@dataclass(frozen=True)
class SentResult:
    """How the grading ended, and the reports as a tar. Paths in the reports are those of the worker's machine."""

    graded: Graded
    reports: bytes


def cluster_mode(scheduler: str, options: LiveOptions, *, is_live: bool) -> tuple[Mode, int]:
    """Grades on a cluster; and how many submissions it takes at once.

    Raises:
        KitError: `distributed` is not installed, or the scheduler or a worker with the resource does not answer.
    """
    client = _client(scheduler)
    places = _places(client, scheduler)
    name = (live_mode(options) if is_live else evidence_mode(options.evidence)).name

    @contextmanager
    def open_cluster(workers: int, scratch: Path) -> Iterator[GradeOne]:
        def grade_one(found: Found, out: Path) -> Graded:
            return _grade_there(client, _sent(found, options, is_live=is_live), out)

        try:
            yield grade_one
        finally:
            client.close()

    return Mode(name, open_cluster, 0), places


def _client(scheduler: str) -> Any:
    try:
        import distributed
    except ImportError:
        raise KitError(
            "SCHEDULER needs the package distributed, which this kit's Python does not have. Install it on each "
            "machine: scripts/kit pip install -r requirements-cluster.txt"
        ) from None
    try:
        return distributed.Client(scheduler, timeout=_WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise KitError(
            f"SCHEDULER={scheduler}: no Dask scheduler answers there ({str(error) or type(error).__name__}). Is it "
            "started, and is its port open? docs/live_class.md says how to start one."
        ) from None


def _places(client: Any, scheduler: str) -> int:
    try:
        client.wait_for_workers(1, timeout=_WAIT)
    except TimeoutError:
        raise KitError(f"The cluster of {scheduler} has no worker. docs/live_class.md says how to start one.") from None
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    places = sum(int(worker["resources"].get(RESOURCE, 0)) for worker in workers)
    if not places:
        raise KitError(
            f"No worker of {scheduler} offers `{RESOURCE}`. Start each with --resources {RESOURCE}=N, N being how many "
            "submissions it may grade at once."
        )
    return places


def _sent(found: Found, options: LiveOptions, *, is_live: bool) -> SentTask:
    packed = is_archive(found.path)
    return SentTask(
        name=found.path.name,
        content=found.path.read_bytes() if packed else _packed(found.path),
        is_archive=packed,
        rubric=options.evidence.rubric.read_bytes(),
        options=options,
        is_live=is_live,
    )


def _packed(folder: Path) -> bytes:
    """The files of a folder. Links stay behind: they would lead to another place there."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for where, _, names in os.walk(folder):
            for path in (Path(where, name) for name in sorted(names)):
                if path.is_file() and not path.is_symlink():
                    archive.add(path, path.relative_to(folder), recursive=False)
    return stream.getvalue()


def _grade_there(client: Any, task: SentTask, out: Path) -> Graded:
    """Send the task and unpack its reports. If a worker dies, Dask tries others, and then it is the machine's fault."""
    future = client.submit(grade_sent, task, pure=False, resources={RESOURCE: 1})
    try:
        result: SentResult = future.result()
    except Exception as error:  # noqa: BLE001 - of the cluster, whose errors have many types
        why = f"the cluster did not grade it: {type(error).__name__}: {str(error)[:200]}"
        return Graded(0.0, problem=why, is_machine_fault=True)
    finally:
        future.release()
    if result.reports:
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "reports.tar")
            archive.write_bytes(result.reports)
            try:
                unpack(archive, out)
            except UnpackError as error:
                return Graded(0.0, problem=str(error), is_machine_fault=True)
    return result.graded


def grade_sent(task: SentTask) -> SentResult:
    """On a worker: grade a submission that was sent. Everything is done in folders that are removed."""
    if task.kit_version != KIT_VERSION:
        why = f"a worker of the cluster has version {KIT_VERSION} of the kit, not {task.kit_version}"
        return SentResult(Graded(0.0, problem=why), b"")
    with tempfile.TemporaryDirectory(prefix="class-task-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        rubric, out, scratch, place = (folder / name for name in ("rubric.yml", "out", "scratch", "handed_in"))
        rubric.write_bytes(task.rubric)
        for path in (out, scratch, place):
            path.mkdir()
        root = place / task.name
        if task.is_archive:
            root.write_bytes(task.content)
        else:
            root.mkdir()
            packed = folder / "packed.tar"
            packed.write_bytes(task.content)
            unpack(packed, root)
            packed.unlink()
        options = replace(task.options, evidence=replace(task.options.evidence, rubric=rubric))
        mode = live_mode(options) if task.is_live else evidence_mode(options.evidence)
        with mode.open(1, scratch) as grade_one:
            graded = grade_one(Found(root, task.name, "sent", ""), out)
        return SentResult(graded, _packed(out))
