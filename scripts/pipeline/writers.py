"""Writers that insert rows all the time, in transactions of every kind, while something else runs."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg2
import psycopg2.extensions

from configs.orders_table import connect
from configs.settings import Postgres
from scripts.pipeline.orders import insert_orders


@dataclass(frozen=True)
class Committed:
    """A transaction that is committed: its order_ids, and the seconds from its start to its commit."""

    order_ids: tuple[int, ...]
    open_sec: float


class Writers:
    """Threads that insert in transactions of every kind until they are stopped: prompt, slow, large, rolled back.

    Each writer has its own random numbers, so one seed always gives it the same series of transactions. A connection
    that breaks is opened again. What was committed is in the table, and only the table counts.
    """

    def __init__(
        self, postgres: Postgres, table: str, count: int, *, seed: int, pause: float, max_rows: int | None
    ) -> None:
        self._postgres = postgres
        self._table = table
        self._stop = threading.Event()
        self._pause = pause  # seconds at most between two transactions of a writer
        self._max_rows = max_rows
        self._lock = threading.Lock()
        self._transactions: list[Committed] = []
        self._threads = [
            threading.Thread(target=self._write, args=(random.Random(f"{seed}/{number}"),), daemon=True)
            for number in range(count)
        ]

    @property
    def committed(self) -> int:
        """Rows whose transaction is known to be committed."""
        return sum(len(one.order_ids) for one in self.transactions)

    @property
    def transactions(self) -> tuple[Committed, ...]:
        """The transactions that are known to be committed."""
        with self._lock:
            return tuple(self._transactions)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every writer finish its transaction."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _write(self, rng: random.Random) -> None:
        connection: psycopg2.extensions.connection | None = None
        while not self._stop.is_set() and (self._max_rows is None or self.committed < self._max_rows):
            try:
                if connection is None:
                    connection = connect(self._postgres)
                    connection.autocommit = False
                self._transaction(connection, rng)
            except psycopg2.Error:  # Postgres is down
                if connection is not None:
                    connection.close()
                connection = None
            self._stop.wait(rng.uniform(0, self._pause))
        if connection is not None:
            connection.close()

    def _transaction(self, connection: psycopg2.extensions.connection, rng: random.Random) -> None:
        kind = rng.choice(("prompt", "prompt", "prompt", "slow", "late", "large", "rolled back"))
        rows = rng.randint(21, 30) if kind == "large" else rng.randint(1, 4)
        begun = time.monotonic()
        if kind == "slow":  # it has only read, but the created_at of its rows is already fixed
            with connection.cursor() as cursor:
                cursor.execute("SELECT now()")
            self._stop.wait(rng.uniform(0, 0.6))
        order_ids = insert_orders(connection, self._table, rows)
        if kind == "late":
            self._stop.wait(rng.uniform(0, 0.6))
        if kind == "rolled back":
            connection.rollback()
            return
        connection.commit()
        with self._lock:
            self._transactions.append(Committed(tuple(order_ids), time.monotonic() - begun))


@contextlib.contextmanager
def writers(
    postgres: Postgres, table: str, count: int, *, seed: int, pause: float = 0.2, max_rows: int | None = None
) -> Iterator[Writers]:
    """`count` writers at work on the quoted `table`, until the end of the block or until `max_rows` are committed."""
    load = Writers(postgres, table, count, seed=seed, pause=pause, max_rows=max_rows)
    load.start()
    try:
        yield load
    finally:
        load.stop()
