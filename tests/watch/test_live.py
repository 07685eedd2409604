"""The reader on a real pipeline: rows, rates, lag and lake while rows move; services that go and come back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from configs.errors import KitError
from scripts.pipeline import programs
from scripts.pipeline.orders import insert_orders
from scripts.pipeline.table import require_table
from scripts.pipeline.temporary_stack import bring_up, temporary_stack
from scripts.pipeline.topic import publish
from scripts.services import kafka, postgres
from scripts.services.processes import wait_until
from scripts.services.stack import CONSUMER, Stack
from scripts.watch import database
from scripts.watch.database import TableWatch
from scripts.watch.reader import Reader
from scripts.watch.snapshot import Batches, LakeFigures, NoAnswer, Orders, Processes, Running, Snapshot, StateFile

pytestmark = pytest.mark.services

BASE_ROWS = 10
TIMEOUT = 120.0


class Watched:
    """A running stack and its reader. `now` is the time of the next snapshot."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.now = 1000.0
        self.reader = Reader(stack, clock=lambda: self.now)
        self.last = self.reader.read(10.0)

    def until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        """The first snapshot of which this holds."""

        def is_so() -> bool:
            self.last = self.reader.read(patience=0.3)
            return holds(self.last)

        assert wait_until(is_so, timeout=TIMEOUT, interval=0.2), self.last
        return self.last

    def running(self, name: str) -> Running:
        assert isinstance(self.last.processes, Processes)
        return next(one for one in self.last.processes.running if one.name == name)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_stack() as stack:
        bring_up(stack)
        yield stack


@pytest.fixture
def watched(stack: Stack) -> Iterator[Watched]:
    watched = Watched(stack)
    with contextlib.closing(watched.reader):
        yield watched


def rows(snapshot: Snapshot) -> int | None:
    return snapshot.orders.rows if isinstance(snapshot.orders, Orders) else None


def in_lake(snapshot: Snapshot) -> int | None:
    return snapshot.lake.rows if isinstance(snapshot.lake, LakeFigures) else None


def test_rows_on_their_way_through_the_pipeline(watched: Watched) -> None:
    stack = watched.stack
    first = watched.until(lambda snapshot: rows(snapshot) == BASE_ROWS)
    assert first.topic == {0: 0, 1: 0, 2: 0}
    assert first.batches == Batches(None, None, {})
    assert in_lake(first) == 0
    assert first.flow.lag == 0
    assert watched.running(CONSUMER).state == "down"

    with contextlib.closing(postgres.connect(stack.settings.postgres)) as connection:
        insert_orders(connection, require_table(connection, stack.settings).name, 20)
    watched.now += 4.0
    inserted = watched.until(lambda snapshot: rows(snapshot) == BASE_ROWS + 20)
    assert inserted.flow.inserted == pytest.approx(5.0)
    assert inserted.flow.written == 0.0

    programs.start(stack)
    watched.now += 6.0
    arrived = watched.until(lambda snapshot: in_lake(snapshot) == BASE_ROWS + 20 and snapshot.flow.lag == 0)
    assert arrived.flow.written == pytest.approx(3.0)
    assert isinstance(arrived.batches, Batches)
    assert sum(arrived.batches.ends.values()) == BASE_ROWS + 20
    assert arrived.batches.finished is not None
    assert arrived.batches.seconds is not None
    assert 0 < arrived.batches.seconds < TIMEOUT
    settled = watched.until(
        lambda one: (
            isinstance(one.state, StateFile)
            and isinstance(one.orders, Orders)
            and one.state.timestamp == one.orders.newest
        )
    )
    assert isinstance(settled.lake, LakeFigures)
    assert settled.lake.files > 0
    watched.until(lambda _: watched.running(CONSUMER).state == "up")
    watched.until(lambda _: (watched.running(CONSUMER).memory or 0) > 50 << 20)

    programs.stop(stack, [CONSUMER])
    publish(stack.settings.kafka, [b"[]"] * 3)
    behind = watched.until(lambda snapshot: snapshot.flow.lag == 3 and watched.running(CONSUMER).state == "down")
    assert in_lake(behind) == BASE_ROWS + 20
    programs.start(stack)
    watched.until(lambda snapshot: snapshot.quarantine == {"not a JSON object": 3} and snapshot.flow.lag == 0)
    programs.stop(stack)


@pytest.mark.parametrize("name", ["Kafka", "Postgres"])
def test_a_service_that_stops_is_named_and_comes_back(watched: Watched, name: str) -> None:
    settings = watched.stack.settings
    service = kafka if name == "Kafka" else postgres
    place = settings.kafka.brokers if name == "Kafka" else f"{settings.postgres.host}:{settings.postgres.port}"

    def part(snapshot: Snapshot) -> object:
        return snapshot.topic if name == "Kafka" else snapshot.orders

    def other(snapshot: Snapshot) -> object:
        return snapshot.orders if name == "Kafka" else snapshot.topic

    before = watched.until(lambda snapshot: not isinstance(part(snapshot), NoAnswer))
    service.down(watched.stack)
    gone = watched.until(lambda snapshot: isinstance(part(snapshot), NoAnswer))
    assert part(gone) == NoAnswer(f"{name} does not answer at {place}")
    assert other(gone) == other(before), "the rest is read as before"
    service.up(watched.stack)
    again = watched.until(lambda snapshot: not isinstance(part(snapshot), NoAnswer))
    assert part(again) == part(before)


def test_between_two_counts_of_all_rows_only_new_ones_are_counted(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=1000.0)

    def monotonic() -> float:
        clock.now += 0.001
        return float(clock.now)

    monkeypatch.setattr(database, "time", SimpleNamespace(monotonic=monotonic))
    watch = TableWatch(stack.settings)
    with (
        contextlib.closing(watch),
        contextlib.closing(postgres.connect(stack.settings.postgres)) as connection,
        connection.cursor() as cursor,
    ):
        table = require_table(connection, stack.settings)
        assert watch.read().rows == table.rows
        ids = insert_orders(connection, table.name, 5)
        assert watch.read().rows == table.rows + 5
        cursor.execute(f"DELETE FROM {table.name} WHERE order_id = ANY(%s)", [ids[:1]])
        before = (
            f"INSERT INTO {table.name} SELECT -order_id, customer_name, restaurant_name, item, amount, order_status"
        )
        cursor.execute(f"{before}, created_at FROM {table.name} WHERE order_id = %s", [ids[1]])
        insert_orders(connection, table.name, 2)
        assert watch.read().rows == table.rows + 4 + 2, "no new id: not seen yet"
        clock.now += 3600
        assert watch.read().rows == table.rows + 4 + 1 + 2
        cursor.execute(f"DELETE FROM {table.name} WHERE order_id < 0 OR order_id >= %s", [ids[0]])


def test_a_missing_table_is_named_with_its_remedy(stack: Stack) -> None:
    settings = stack.settings
    other = settings.model_copy(update={"postgres": settings.postgres.model_copy(update={"table": "nothing"})})
    with contextlib.closing(TableWatch(other)) as watch, pytest.raises(KitError, match="no table nothing: `make db`"):
        watch.read()


def test_a_wrong_password_is_no_silence(stack: Stack) -> None:
    settings = stack.settings
    other = settings.model_copy(update={"postgres": settings.postgres.model_copy(update={"password": "wrong"})})
    with contextlib.closing(TableWatch(other)) as watch, pytest.raises(KitError, match=r"refuses at .* password"):
        watch.read()
