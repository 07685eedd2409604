"""Rows for the drills."""

from __future__ import annotations

import psycopg2.extensions
from psycopg2.extras import execute_values

from configs.contract import ORDER_STATUSES

_MENU = (("Spice Route", "Rajma Chawal"), ("Biryani House", "Veg Biryani"), ("Dosa Corner", "Rava Dosa"))


def insert_orders(connection: psycopg2.extensions.connection, table: str, count: int) -> list[int]:
    """Insert rows with one statement, created_at by the table's default; return their order_ids."""
    rows = []
    for number in range(count):
        restaurant, item = _MENU[number % len(_MENU)]
        rows.append((f"Customer {number}", restaurant, item, 100 + number % 400, ORDER_STATUSES[number % 4]))
    with connection.cursor() as cursor:
        returned = execute_values(
            cursor,
            f"INSERT INTO {table} (customer_name, restaurant_name, item, amount, order_status) VALUES %s"
            " RETURNING order_id",
            rows,
            page_size=count,
            fetch=True,
        )
    return [order_id for (order_id,) in returned]
