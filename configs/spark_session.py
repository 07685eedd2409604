"""The Spark session of both programs: UTC in the JVM, in SQL and in Parquet, whatever the machine's time zone is."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from py4j.protocol import Py4JError
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from configs.program import ProgramError, StopSignal
from configs.settings import Spark
from configs.spark_master import SCHEME, answers, find_cluster, why_waiting
from configs.wording import counted

SHARED = {
    "spark.sql.session.timeZone": "UTC",
    "spark.executor.extraJavaOptions": "-Duser.timezone=UTC",
    # Spark's default, INT96, has no zone and no statistics.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.ui.showConsoleProgress": "false",
}


REPORT_AFTER, REPORT_INTERVAL = 15.0, 300.0  # seconds without an executor until it is reported, and reported again
_LOOK_INTERVAL = 0.1  # seconds, until the first executor is there
_LATER_INTERVAL = 1.0


def start_session(name: str, options: Mapping[str, str]) -> SparkSession:
    """Start (or take over) the session of this process.

    JDBC makes a java.sql.Timestamp in the JVM's own zone, so that must be UTC too. The submit scripts set it. A program
    that was started in another way gets it here.
    """
    builder = SparkSession.builder.appName(name)
    for key, value in {**SHARED, **options}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    jvm = session.sparkContext._jvm
    assert jvm is not None
    java = jvm.java.util
    java.TimeZone.setDefault(java.TimeZone.getTimeZone("UTC"))
    return session


def wait_for_master(spark: Spark, stop: StopSignal, log: logging.Logger) -> bool:
    """Where a program is submitted to a Spark master, wait until that answers; False if the stop signal came first.

    By itself Spark would try for a minute, with nothing but traces, and then end the application.
    """
    if not spark.master.startswith(SCHEME):
        return True
    SparkContext._ensure_initialized()
    master = SparkConf().get("spark.master") or ""  # that of the submit command, whatever the config says
    report_at = time.monotonic()
    while master.startswith(SCHEME) and not answers(master):
        if time.monotonic() >= report_at:
            log.warning("waiting for Spark: no master answers at %s. `make up` starts one of this machine", master)
            report_at += REPORT_INTERVAL
        if stop.wait(_LATER_INTERVAL):
            return False
    return True


def require_session(session: SparkSession) -> None:
    """Make sure that Spark has not ended the application: then no job would ever succeed.

    Raises:
        ProgramError: it has.
    """
    if _context(session).isStopped():
        raise ProgramError(
            f"Spark has ended this application at {_master(session)}. The lines of Spark above say why, and "
            "so do the logs of its executors (`make logs`). Remove the cause, then start this program again: it "
            "continues where it was."
        )


def wait_for_executor(session: SparkSession, stop: StopSignal, log: logging.Logger) -> None:
    """On a Spark cluster, wait until this application has an executor, or until the stop signal.

    It goes on looking in a thread of its own, because the last executor may be lost too. What it waits for is logged.

    Raises:
        ProgramError: Spark has ended the application.
    """
    if not _master(session).startswith(SCHEME):
        return
    executors = Executors(session, log)
    try:
        while not executors.look() and not stop.wait(_LOOK_INTERVAL):
            pass
    except Py4JError:
        require_session(session)
        raise

    def keep_looking() -> None:
        with contextlib.suppress(Py4JError, OSError):  # the session has ended
            while not stop.wait(_LATER_INTERVAL):
                executors.look()

    threading.Thread(target=keep_looking, daemon=True).start()


class Executors:
    """Whether an application has an executor. Reports that it has had none for a while, and that it has one again."""

    def __init__(self, session: SparkSession, log: logging.Logger) -> None:
        self._session = session
        self._log = log
        self._report_at = time.monotonic() + REPORT_AFTER
        self._is_reported = False

    def look(self) -> bool:
        """Look once, and report what is due."""
        now, count = time.monotonic(), executor_count(self._session)
        if count:
            if self._is_reported:
                self._log.info("the cluster has given this program %s, continuing", counted(count, "executor"))
            self._report_at, self._is_reported = now + REPORT_AFTER, False
        elif now >= self._report_at:
            self._log.warning("%s", _waiting_for_cores(self._session))
            self._report_at, self._is_reported = now + REPORT_INTERVAL, True
        return count > 0


def executor_count(session: SparkSession) -> int:
    """How many executors the application has, beside the driver."""
    return int(_context(session).getExecutorMemoryStatus().size()) - 1


def _waiting_for_cores(session: SparkSession) -> str:
    """That a program waits for an executor, who has the cores, and what to do."""
    master = _master(session)
    found = find_cluster(master)
    why = "its pages do not answer. Is it up? `make status` shows it, `make up` starts one of this machine"
    if found is not None:
        why = why_waiting(found, session.sparkContext.applicationId)
    return f"waiting for cores of {master}; nothing is lost, rows wait too: {why}"


def _master(session: SparkSession) -> str:
    return session.sparkContext.master or ""


def _context(session: SparkSession) -> Any:
    """The SparkContext of the JVM."""
    context: Any = session.sparkContext
    return context._jsc.sc()
