"""Three addresses in kafka.brokers: three brokers, and the pipeline misses none that is killed or restarted."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psutil
import pytest

from scripts.pipeline import position, programs
from scripts.pipeline.orders import insert_orders
from scripts.pipeline.services import services_of
from scripts.pipeline.table import require_table
from scripts.pipeline.temporary_stack import bring_up, held_ports, temporary_stack
from scripts.services import kafka
from scripts.services.postgres import connect
from scripts.services.processes import begin_stop, wait_until
from scripts.services.stack import Stack

BASE_ROWS = 10


@pytest.fixture
def stack() -> Iterator[Stack]:
    with held_ports(6) as first:
        addresses = ",".join(f"127.0.0.1:{first + number}" for number in range(3))
        with temporary_stack({"kafka": {"brokers": addresses}}) as made:
            yield made


def in_sync(stack: Stack) -> list[int]:
    """Of each partition of the topic: how many replicas have all of it."""
    return kafka.in_sync_replicas(stack.settings.kafka)


@pytest.mark.services
def test_a_broker_that_is_killed_or_restarted_is_not_missed(stack: Stack) -> None:
    bring_up(stack)
    names = [node.name for node in kafka.brokers(stack)]
    assert names == ["kafka", "kafka_2", "kafka_3"]
    assert wait_until(lambda: in_sync(stack) == [3, 3, 3], timeout=60)
    programs.start(stack)
    assert wait_until(lambda: position.lake_rows(stack.settings) == BASE_ROWS, timeout=120)
    killed = stack.pid_file("kafka_2").process()
    assert killed is not None
    killed.kill()
    psutil.wait_procs([killed], timeout=30)
    with contextlib.closing(connect(stack.settings.postgres)) as connection:
        table = require_table(connection, stack.settings).name
        for _ in range(5):
            insert_orders(connection, table, 20)
        arrived = wait_until(lambda: position.lake_rows(stack.settings) == BASE_ROWS + 100, timeout=120)
    assert arrived, stack.log("producer").read_text(encoding="utf-8")[-2000:]
    assert set(position.lake_id_counts(stack.settings).values()) == {1}
    others = [stack.pid_file(name).process() for name in ("kafka", "kafka_3")]
    services_of(stack).up()
    assert [stack.pid_file(name).process() for name in ("kafka", "kafka_3")] == others
    assert wait_until(lambda: in_sync(stack) == [3, 3, 3], timeout=60)
    with contextlib.closing(connect(stack.settings.postgres)) as connection:
        for name in ("kafka_3", "kafka"):  # restarted one after the other, as for an upgrade
            begin_stop(stack.pid_file(name), timeout=kafka.STOP_TIMEOUT)()
            insert_orders(connection, table, 20)
            services_of(stack).up()
            assert wait_until(lambda: in_sync(stack) == [3, 3, 3], timeout=60)
    assert wait_until(lambda: position.lake_rows(stack.settings) == BASE_ROWS + 140, timeout=120)
    assert set(position.lake_id_counts(stack.settings).values()) == {1}
    assert "kafka_3" in {one.name for one in services_of(stack).status() if one.state == "up"}
    programs.stop(stack)
    begun = time.monotonic()
    services_of(stack).down()
    assert time.monotonic() - begun < kafka.STOP_TIMEOUT  # an orderly shutdown, and no kill at the end
    services_of(stack).up()  # from the data that is there
    assert wait_until(lambda: in_sync(stack) == [3, 3, 3], timeout=60)


def test_controllers_use_the_ports_after_the_highest(stack: Stack) -> None:
    ports = [port for _, port in stack.settings.kafka.addresses]
    nodes = kafka.brokers(stack)
    assert [node.controller for node in nodes] == [max(ports) + 1, max(ports) + 2, max(ports) + 3]
    assert len({port.number for port in services_of(stack).ports()}) == 7
