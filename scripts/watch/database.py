"""The rows in Postgres, counted without reading a large table twice a second."""

from __future__ import annotations

import contextlib
import time

import psycopg2.extensions
from psycopg2 import errors

from configs import orders_table
from configs.errors import KitError
from configs.settings import Settings
from scripts.pipeline import position
from scripts.watch.part import MAX_SHARE
from scripts.watch.snapshot import Orders

CONNECT_TIMEOUT = 2  # seconds; the least that libpq knows


class TableWatch:
    """Reads the orders table through one connection, which it opens again when it was lost.

    All rows are counted as often as takes MAX_SHARE of the time. Between two such counts only the rows with a greater
    order_id are counted. One that commits late or was deleted is seen at the next full count.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: psycopg2.extensions.connection | None = None
        self._counted = 0
        self._last_id: object = None
        self._count_at = 0.0  # when to count all rows again, of the monotonic clock

    def read(self) -> Orders:
        """Rows and newest row.

        Raises:
            KitError: Postgres does not answer, or refuses, or has no such table.
        """
        place = self._settings.postgres
        where = f"{place.host}:{place.port}"
        try:
            if self._connection is None:
                self._connection = orders_table.connect(place, program="watch", connect_timeout=CONNECT_TIMEOUT)
                self._count_at = 0.0
            table = orders_table.find_table(self._connection, place.table)
            if table is None:
                raise KitError(f"{place.db} at {where} has no table {place.table}: `make db`")
            return Orders(self._rows(self._connection, table), position.newest_created_at(self._connection, table))
        except (errors.OperationalError, errors.InterfaceError) as error:
            self.close()
            refusal = str(error).partition("FATAL:")[2].strip().splitlines()
            said = f"refuses at {where}: {refusal[0]}" if refusal else f"does not answer at {where}"
            raise KitError(f"Postgres {said}") from None

    def _rows(self, connection: psycopg2.extensions.connection, table: str) -> int:
        began = time.monotonic()
        is_full = began >= self._count_at or self._last_id is None
        with connection.cursor() as cursor:
            above = "" if is_full else " WHERE order_id > %s"
            cursor.execute(f"SELECT count(*), max(order_id) FROM {table}{above}", [] if is_full else [self._last_id])
            found = cursor.fetchone() or (0, None)
        if not is_full:
            return self._counted + int(found[0])
        self._counted, self._last_id = found
        self._count_at = began + (time.monotonic() - began) / MAX_SHARE
        return self._counted

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg2.Error):
                self._connection.close()
        self._connection = None
