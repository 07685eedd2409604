"""A stop in the middle of a batch that does not end: the program is gone in time, and nothing is lost by it."""

from __future__ import annotations

import time

import pytest

from scripts.bench.lake_backlog import publish_orders
from scripts.pipeline import position, programs
from scripts.pipeline.services import services_of
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.pipeline.topic import make_topic
from scripts.services.processes import resume, suspend, wait_until

pytestmark = pytest.mark.services

ROWS = 100_000  # more than the consumer has read when the broker stops to answer
STOPPED_WITHIN = 11.0  # seconds: 10 after the signal, and one for this test


def test_a_batch_that_waits_for_the_broker_is_interrupted_and_read_again() -> None:
    with temporary_stack() as stack:
        settings = stack.settings
        services_of(stack).up()
        make_topic(settings.kafka)
        publish_orders(settings.kafka, ROWS)
        programs.start(stack, ["consumer"])
        assert wait_until(lambda: position.lake_stream(settings).planned is not None, timeout=120, interval=0.02)
        broker = stack.pid_file("kafka").process()
        assert broker is not None
        suspend(broker)
        try:
            begun = time.monotonic()
            programs.stop(stack, ["consumer"])
            seconds = time.monotonic() - begun
        finally:
            resume(broker)
        log = stack.log("consumer").read_text(encoding="utf-8")
        assert seconds < STOPPED_WITHIN, log
        assert "is interrupted; the next start reads it again" in log
        assert "Exception" not in log
        assert position.lake_rows(settings) == 0
        programs.start(stack, ["consumer"])
        assert wait_until(lambda: position.lake_rows(settings) >= ROWS, timeout=120), log
        assert position.lake_ids(settings) == set(range(1, ROWS + 1))
        assert position.lake_rows(settings) == ROWS
