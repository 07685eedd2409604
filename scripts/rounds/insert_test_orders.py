"""Test orders. Their content depends only on the roll number and a label. Their created_at is from the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import psycopg2.extensions

from configs.contract import COLUMN_NAMES, UTC, OrderRow, format_timestamp
from configs.errors import KitError
from configs.settings import PROJECT
from scripts.pipeline.orders import NewOrder, make_orders
from scripts.pipeline.psql_script import read_psql_script

INSERT_SQL = PROJECT / "scripts" / "insert_test_orders.sql"  # the assignment asks for this path


def make_test_orders(rollnumber: str, label: str, count: int) -> tuple[NewOrder, ...]:
    """`count` orders that are the same for the same roll number and label."""
    return make_orders(f"{rollnumber}/{label}", count)


def insert_test_orders(
    connection: psycopg2.extensions.connection, table: str, orders: Sequence[NewOrder]
) -> tuple[OrderRow, ...]:
    """Insert in one transaction, each row later than the last; return the rows as Postgres has them.

    Raises:
        KitError: Postgres has something else than what was inserted, because of a trigger or rule of the table.
    """
    inserted = []
    with connection, connection.cursor() as cursor:
        for order in orders:
            values = {**asdict(order), "rows": 1}
            cursor.execute(read_psql_script(INSERT_SQL, connection, {"table": table}, values))
            returned = cursor.fetchone()
            if returned is None:
                raise KitError(f"Postgres inserted no row{_by_trigger(connection, table)}.")
            inserted.append(_row(returned))
    _require_unchanged(connection, table, orders, inserted)
    return tuple(inserted)


def read_rows(connection: psycopg2.extensions.connection, table: str, order_ids: Sequence[int]) -> dict[int, OrderRow]:
    """order_id -> row, as Postgres has them now."""
    columns = ", ".join(name if name != "amount" else "amount::text" for name in COLUMN_NAMES)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} WHERE order_id = ANY(%s)", (list(order_ids),))
        return {row.order_id: row for row in map(_row, cursor.fetchall())}


def _row(values: Sequence[Any]) -> OrderRow:
    *others, created_at = values
    moment = format_timestamp(created_at.replace(tzinfo=UTC))
    return OrderRow(**dict(zip(COLUMN_NAMES, [*others, moment], strict=True)))


def _require_unchanged(
    connection: psycopg2.extensions.connection, table: str, orders: Sequence[NewOrder], inserted: Sequence[OrderRow]
) -> None:
    """A trigger can change a row before it is inserted, and after: what RETURNING shows is not the end."""
    now = read_rows(connection, table, [row.order_id for row in inserted])
    for order, row in zip(orders, inserted, strict=True):
        after = now.get(row.order_id)
        if after is None:
            raise KitError(f"Order {row.order_id} was gone after it was inserted{_by_trigger(connection, table)}.")
        for name, asked in asdict(order).items():
            there = getattr(after, name)
            if (Decimal(there) != asked) if name == "amount" else (there != asked):
                raise KitError(
                    f"Order {row.order_id} was inserted with the {name} {asked}, and Postgres has "
                    f"{there}{_by_trigger(connection, table)}."
                )


def _by_trigger(connection: psycopg2.extensions.connection, table: str) -> str:
    """The triggers and rules of the table, as the end of a sentence; empty without any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal "
            "UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite WHERE ev_class = %s::regclass ORDER BY 1",
            (table, table),
        )
        names = [name for (name,) in cursor.fetchall()]
    return f". The table has the {', the '.join(names)}" if names else ""
