"""What a program on a Spark cluster logs while it has no executor. The session is not Spark's."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest
from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.sql import SparkSession

from configs import spark_session
from configs.program import ProgramError, StopSignal
from configs.settings import Spark
from configs.spark_session import REPORT_AFTER, REPORT_INTERVAL, Executors, require_session, wait_for_executor

LOG = logging.getLogger("test_spark_session")
MASTER = "spark://127.0.0.1:1"


class Session:
    """As much of a session as is asked for: its master, its executors, and whether it has ended."""

    def __init__(self, master: str = MASTER) -> None:
        self.executors = 0
        self.is_stopped = False
        context = SimpleNamespace(getExecutorMemoryStatus=self._memory, isStopped=lambda: self.is_stopped)
        self.sparkContext = SimpleNamespace(
            master=master, applicationId="app-1", _jsc=SimpleNamespace(sc=lambda: context)
        )

    def _memory(self) -> object:
        if self.is_stopped:
            raise Py4JError("Cannot call methods on a stopped SparkContext")
        return SimpleNamespace(size=lambda: 1 + self.executors)  # the driver counts too

    @property
    def as_session(self) -> SparkSession:
        return cast(SparkSession, self)


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(spark_session, "time", found)
    return found


def test_no_executor_is_reported_after_a_while_and_then_seldom(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    session = Session()
    executors = Executors(session.as_session, LOG)
    for _ in range(4):
        assert not executors.look()
    assert caplog.messages == []
    clock.now += REPORT_AFTER
    for _ in range(4):
        executors.look()
    assert len(caplog.messages) == 1
    assert f"waiting for cores of {MASTER}" in caplog.messages[0]
    assert "`make up`" in caplog.messages[0], "its pages do not answer"
    clock.now += REPORT_INTERVAL
    executors.look()
    assert len(caplog.messages) == 2
    session.executors = 1
    assert executors.look()
    assert executors.look()
    assert caplog.messages[2:] == ["the cluster has given this program 1 executor, continuing"]
    session.executors = 0
    executors.look()
    clock.now += REPORT_AFTER
    executors.look()
    assert "waiting for cores" in caplog.messages[-1], "an executor that was lost and not given again"


def test_what_has_an_executor_at_once_logs_nothing(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    session = Session()
    session.executors = 2
    assert Executors(session.as_session, LOG).look()
    clock.now += REPORT_INTERVAL
    assert caplog.messages == []


def test_the_stop_signal_ends_the_wait() -> None:
    stop = StopSignal()
    stop._event.set()
    wait_for_executor(Session().as_session, stop, LOG)


@pytest.mark.parametrize("master", ["local[2]", "yarn"])
def test_elsewhere_than_on_a_spark_cluster_nothing_is_asked(master: str) -> None:
    nothing: Any = SimpleNamespace(sparkContext=SimpleNamespace(master=master))
    wait_for_executor(nothing, StopSignal(), LOG)


def test_an_application_that_spark_has_ended_is_not_waited_for() -> None:
    session = Session()
    require_session(session.as_session)
    session.is_stopped = True
    said = r"Spark has ended this application at spark://.*`make logs`"
    with pytest.raises(ProgramError, match=said):
        require_session(session.as_session)
    with pytest.raises(ProgramError, match=said):
        wait_for_executor(session.as_session, StopSignal(), LOG)


def test_no_master_is_waited_for_without_one() -> None:
    assert spark_session.wait_for_master(Spark(), StopSignal(), LOG)


@pytest.mark.parametrize(("submitted", "waits"), [(MASTER, True), ("local[2]", False)])
def test_a_master_that_does_not_answer_is_reported_once_and_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, submitted: str, waits: bool
) -> None:
    monkeypatch.setattr(SparkContext, "_ensure_initialized", lambda: None)
    monkeypatch.setattr(spark_session, "SparkConf", lambda: {"spark.master": submitted})
    looks = iter([False, False, True])
    stop = SimpleNamespace(wait=lambda _: next(looks))
    found = spark_session.wait_for_master(Spark(master=MASTER), cast(StopSignal, stop), LOG)
    assert found is not waits
    assert len(caplog.messages) == waits
