"""Whether the executors of a cluster share the driver's folders.

With local paths and an executor that has another disk, Spark loses rows silently: the batch is committed, and the
lake's log names a file that is not here. So each executor must read files that the driver has just written, and the
driver must find what the executor has written. Both are ordinary jobs of Spark, without Python.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from configs.program import ProgramError, first_line
from configs.settings import Settings, local_path

PREFIX = "_probe-"  # Spark and the grader take no file below such a name for data
TIMEOUT = 30.0  # seconds until each executor must have had a task
_NOT_HERE = "what it writes there does not appear here"
_LOST = "ExecutorLostFailure"  # in the message of a task whose executor has ended


@dataclass(frozen=True)
class Task:
    """A task of a probe: its partition, where it ran, and the error that it failed with; empty without one."""

    partition: int
    executor: str
    host: str
    error: str

    @property
    def is_lost(self) -> bool:
        """Whether its executor has ended. Then it says nothing about the folder."""
        return _LOST in self.error


class SharedFolders:
    """Lake, quarantine and checkpoint, where they are local paths, and the executors that are known to share them."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        lake, streaming = settings.datalake, settings.streaming
        locations = (lake.path, lake.quarantine_path, streaming.checkpoint_location)
        is_cluster = not (spark.sparkContext.master or "").startswith("local")
        local = [local_path(one) for one in locations if urlsplit(one).scheme in ("", "file")]
        self._folders = tuple(local) if is_cluster else ()
        self._spark = spark
        self._known: set[str] = set()

    def check(self) -> None:
        """Probe the executors that are new since the last call; nothing where tasks run in this JVM.

        Raises:
            ProgramError: one does not share a folder.
            ConnectionError: one takes no task, or has ended meanwhile.
        """
        if not self._folders or executors(self._spark) <= self._known:
            return
        is_late = bool(self._known)
        asked = [probe(self._spark, folder, is_late=is_late) for folder in self._folders]
        self._known |= set.intersection(*asked)


def executors(spark: SparkSession) -> set[str]:
    """The ids of the executors that the application has now, without the driver."""
    found = _context(spark).statusStore().executorList(True)
    return {found.apply(at).id() for at in range(found.size())} - {"driver"}


def probe(spark: SparkSession, folder: Path, *, is_late: bool = False) -> set[str]:
    """Make sure that every executor shares a folder; return their ids. Nothing of the probe is left in the folder.

    `is_late`: batches may have run already on an executor that is asked only now.

    Raises:
        ProgramError: one does not share it.
        ConnectionError: one takes no task, or has ended meanwhile.
    """
    deadline = time.monotonic() + TIMEOUT
    asked: set[str] = set()
    while not asked or not executors(spark) <= asked:
        if time.monotonic() > deadline:
            raise ConnectionError(f"not every executor of the cluster has taken a task within {TIMEOUT:.0f} s")
        with _new_folder(folder) as place:
            tasks = _read_and_write(spark, place)
        refused = [task for task in tasks if task.error and not task.is_lost]
        if refused:
            raise ProgramError(_refusal(refused[0], folder, is_late=is_late))
        asked |= {task.executor for task in tasks} - {task.executor for task in tasks if task.is_lost}
    return asked


@contextlib.contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A new folder in `folder`. At its end all that was not there before is removed."""
    for left in folder.glob(f"{PREFIX}*"):  # by a program that was killed
        shutil.rmtree(left, ignore_errors=True)
    place = folder / f"{PREFIX}{secrets.token_hex(8)}"
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        for path in new:
            with contextlib.suppress(OSError):
                path.rmdir()


def _read_and_write(spark: SparkSession, place: Path) -> list[Task]:
    """The tasks of a job that reads what the driver has written; if none fails, those of one that writes it beside."""
    source, target = place / "read", place / "written"
    source.mkdir()
    files = 2 * spark.sparkContext.defaultParallelism
    for number in range(files):
        (source / f"{number}.txt").write_text(place.name, encoding="utf-8")
    with _a_task_for_each_file(spark):
        lines = spark.read.text(f"file:{_without_patterns(source)}", wholetext=True)
        readers = _run(spark, lines.collect)
        if any(task.error for task in readers):
            return readers
        writers = _run(spark, lambda: lines.write.text(f"file:{target}"))
    written = {int(part.name.split("-")[1]) for part in target.glob("part-*")}
    return [task if task.partition in written or task.error else replace(task, error=_NOT_HERE) for task in writers]


@contextlib.contextmanager
def _a_task_for_each_file(spark: SparkSession) -> Iterator[None]:
    key = "spark.sql.files.maxPartitionBytes"
    before = spark.conf.get(key) or ""
    spark.conf.set(key, "1b")
    try:
        yield
    finally:
        spark.conf.set(key, before)


def _without_patterns(path: Path) -> str:
    """A path that Hadoop does not take for a pattern."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", str(path))


def _run(spark: SparkSession, job: Callable[[], object]) -> list[Task]:
    """The tasks of a job, whether it succeeds or not.

    Raises:
        PySparkException, Py4JError: it failed without a task that did.
    """
    context, group = spark.sparkContext, secrets.token_hex(8)
    context.setJobGroup(group, "probe of shared folders")
    try:
        job()
        failure: Exception | None = None
    except (PySparkException, Py4JError) as error:
        failure = error
    finally:
        context.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
    _context(spark).listenerBus().waitUntilEmpty()
    tracker = context.statusTracker()
    jobs = (info for job_id in tracker.getJobIdsForGroup(group) if (info := tracker.getJobInfo(job_id)))
    tasks = [task for info in jobs for stage in info.stageIds for task in _tasks(spark, stage)]
    if failure is not None and not any(task.error for task in tasks):
        raise failure
    return tasks


def _tasks(spark: SparkSession, stage: int) -> Iterator[Task]:
    """The attempts of a stage's tasks that have ended."""
    found = _context(spark).statusStore().taskList(stage, 0, 1 << 20)
    for at in range(found.size()):
        task = found.apply(at)
        if task.status() in ("SUCCESS", "FAILED"):
            message = task.errorMessage()
            error = first_line(RuntimeError(message.get())) if message.isDefined() else ""
            yield Task(task.index(), task.executorId(), task.host(), error)


def _refusal(task: Task, folder: Path, *, is_late: bool) -> str:
    late = (
        f" Batches may have run there before this was found: look for their files in {folder} on that host, and copy "
        "those that are missing here."
    )
    return (
        f"Executor {task.executor} on {task.host} does not share the folder {folder} with this program: {task.error}. "
        "Rows that it writes would be lost silently. Put lake, quarantine and checkpoint on a file system that every "
        "worker has at the same path (NFS, for example), or run Spark on this machine: spark.master: local[2]."
        f"{late if is_late else ''}"
    )


def _context(spark: SparkSession) -> Any:
    """The SparkContext of the JVM."""
    context: Any = spark.sparkContext
    return context._jsc.sc()
