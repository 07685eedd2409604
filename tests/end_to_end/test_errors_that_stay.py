"""Errors that trying again cannot fix: each is named, with its place and what to do, and nothing is lost by it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from configs.contract import state_file
from configs.settings import local_path
from consumers.checkpoint_files import last_batch
from scripts.pipeline import position, programs
from scripts.pipeline.orders import insert_orders
from scripts.pipeline.services import services_of
from scripts.pipeline.table import require_table
from scripts.pipeline.temporary_stack import bring_up, temporary_stack
from scripts.pipeline.topic import end_offsets
from scripts.services import kafka
from scripts.services.postgres import connect
from scripts.services.processes import wait_until
from scripts.services.stack import Stack

pytestmark = pytest.mark.services

BASE_ROWS = 10
STOPPED_WITHIN = 11.0  # seconds: 10 after the signal, and one for this test


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """A stack whose base rows have arrived."""
    with temporary_stack() as stack:
        bring_up(stack)
        programs.start(stack)
        assert wait_until(lambda: position.lake_rows(stack.settings) == BASE_ROWS, timeout=120)
        yield stack


def log_of(stack: Stack, name: str) -> str:
    return stack.log(name).read_text(encoding="utf-8")


def wait_for_end(stack: Stack, name: str, *words: str) -> None:
    """Wait until a program has ended with a line that has all these words."""
    assert wait_until(lambda: not programs.is_running(stack, name), timeout=120), log_of(stack, name)[-2000:]
    lines = [line for line in log_of(stack, name).splitlines() if " ERROR " in line]
    assert all(word in lines[-1] for word in words), lines


def test_an_empty_commit_is_named_and_its_remedy_loses_nothing(running: Stack) -> None:
    checkpoint = local_path(running.settings.streaming.checkpoint_location)
    # The batch of the last row must be finished, and its commit the last one.
    assert wait_until(lambda: position.is_read(running.settings, end_offsets(running.settings.kafka)), timeout=60)
    programs.stop(running, ["consumer"])
    last = checkpoint / "commits" / str(last_batch(checkpoint / "commits"))
    last.write_bytes(b"")
    programs.start(running, ["consumer"])
    wait_for_end(running, "consumer", f"{last} is empty", "Delete the file")
    last.unlink()
    with contextlib.closing(connect(running.settings.postgres)) as connection:
        insert_orders(connection, require_table(connection, running.settings).name, 5)
    programs.start(running, ["consumer"])
    assert wait_until(lambda: position.lake_rows(running.settings) == BASE_ROWS + 5, timeout=60)
    assert set(position.lake_id_counts(running.settings).values()) == {1}


def test_a_store_of_another_run_is_named(running: Stack) -> None:
    rows = position.lake_rows(running.settings)
    with contextlib.closing(connect(running.settings.postgres)) as connection:
        insert_orders(connection, require_table(connection, running.settings).name, 2)
    assert wait_until(lambda: position.lake_rows(running.settings) == rows + 2, timeout=60)
    assert wait_until(lambda: position.is_read(running.settings, end_offsets(running.settings.kafka)), timeout=60)
    programs.stop(running, ["consumer"])
    checkpoint = local_path(running.settings.streaming.checkpoint_location)
    batch = last_batch(checkpoint / "commits") or 0
    store = checkpoint / "state" / "0" / "0"
    last, other = store / f"{batch + 1}.changelog", store / "1.changelog"  # whole, but with other orders
    content = last.read_bytes()
    last.write_bytes(other.read_bytes())
    programs.start(running, ["consumer"])
    wait_for_end(running, "consumer", "is not of this lake", f"batch {batch} wrote 2 order_ids", "Put the right state/")
    last.write_bytes(content)
    programs.start(running, ["consumer"])
    with contextlib.closing(connect(running.settings.postgres)) as connection:
        insert_orders(connection, require_table(connection, running.settings).name, 2)
    assert wait_until(lambda: position.lake_rows(running.settings) == rows + 4, timeout=60)


def test_a_window_that_changes_is_refused(running: Stack) -> None:
    programs.stop(running, ["consumer"])
    rows = position.lake_rows(running.settings)
    programs.launch(running, "consumer", environment={"ORDERS_STREAMING__DUPLICATES_WINDOW": "7 days"})
    with contextlib.closing(connect(running.settings.postgres)) as connection:
        insert_orders(connection, require_table(connection, running.settings).name, 3)
    wait_for_end(running, "consumer", "another streaming.duplicates_window", "Set the old value again")
    programs.start(running, ["consumer"])
    assert wait_until(lambda: position.lake_rows(running.settings) == rows + 3, timeout=60)


def test_messages_that_retention_removed_come_again_from_postgres(running: Stack) -> None:
    settings = running.settings
    programs.stop(running, ["consumer"])
    read = sum(end_offsets(settings.kafka).values())
    with contextlib.closing(connect(settings.postgres)) as connection:
        insert_orders(connection, require_table(connection, settings).name, 20)
    assert wait_until(lambda: sum(end_offsets(settings.kafka).values()) >= read + 20, timeout=60)
    ends = [TopicPartition(settings.kafka.topic, at, end) for at, end in end_offsets(settings.kafka).items()]
    admin = AdminClient({"bootstrap.servers": settings.kafka.brokers})
    for done in admin.delete_records(ends).values():
        done.result(timeout=30)
    programs.start(running, ["consumer"])
    state = settings.streaming.last_processed_timestamp_location
    wait_for_end(running, "consumer", "no longer has messages", "Postgres still has the orders", state)
    programs.stop(running)
    for folder in (settings.streaming.checkpoint_location, settings.datalake.path):
        local_path(folder).rename(local_path(folder).with_name("moved_away_" + local_path(folder).name))
    state_file(local_path(state)).unlink()
    with contextlib.closing(connect(settings.postgres)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT order_id FROM {require_table(connection, settings).name}")
        all_ids = {order_id for (order_id,) in cursor.fetchall()}
    programs.start(running)
    assert wait_until(lambda: position.lake_ids(settings) == all_ids, timeout=120), log_of(running, "consumer")[-2000:]


def test_a_row_that_is_too_large_is_named_with_both_sizes(running: Stack) -> None:
    settings = running.settings
    before = position.state_text(settings)
    with contextlib.closing(connect(settings.postgres)) as connection, connection.cursor() as cursor:
        table = require_table(connection, settings).name
        cursor.execute(f"ALTER TABLE {table} ALTER item TYPE text")
        (small,) = insert_orders(connection, table, 1)
        # Text that lz4 does not make smaller than the limit.
        cursor.execute(
            f"INSERT INTO {table} (customer_name, restaurant_name, item, amount, order_status)"
            " SELECT 'A', 'B', string_agg(md5(n::text), ''), 5, 'PLACED' FROM generate_series(1, 65000) AS n"
            " RETURNING order_id"
        )
        (large,) = cursor.fetchone() or (None,)
    wait_for_end(running, "producer", f"order {large} ", "2,080,", "1,048,588", "max.message.bytes=2180")
    assert position.state_text(settings) == before
    assert large not in position.lake_ids(settings)
    entry = ConfigEntry("max.message.bytes", "4000000", incremental_operation=AlterConfigOpType.SET)
    topic = ConfigResource(ResourceType.TOPIC, settings.kafka.topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": settings.kafka.brokers})
    admin.incremental_alter_configs([topic])[topic].result(timeout=10)
    programs.start(running, ["producer"])
    assert wait_until(lambda: {small, large} <= position.lake_ids(settings), timeout=60), log_of(running, "producer")


def test_an_advertised_address_that_does_not_answer_is_named_and_the_stop_is_quick(
    running: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.stop(running)
    services_of(running).down()
    write = kafka._write_properties
    elsewhere = "kafka.invalid"
    monkeypatch.setattr(
        kafka, "_write_properties", lambda folder, node, nodes: write(folder, replace(node, host=elsewhere), nodes)
    )
    services_of(running).up()
    programs.start(running)
    for name in ("producer", "consumer"):
        said = f"sends its clients to kafka.invalid:{running.settings.kafka.first_broker[1]} (advertised.listeners)"
        assert wait_until(lambda name=name, said=said: said in log_of(running, name), timeout=60), log_of(running, name)  # type: ignore[misc]
    begun = time.monotonic()
    programs.stop(running)
    assert time.monotonic() - begun < STOPPED_WITHIN
    services_of(running).down()
    monkeypatch.undo()
    services_of(running).up()
    rows = position.lake_rows(running.settings)
    with contextlib.closing(connect(running.settings.postgres)) as connection:
        insert_orders(connection, require_table(connection, running.settings).name, 5)
    programs.start(running)
    assert wait_until(lambda: position.lake_rows(running.settings) == rows + 5, timeout=60)
