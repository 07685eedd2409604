"""Orders for the table: their content, and the one INSERT that writes them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from decimal import Decimal

import psycopg2.extensions
from psycopg2.extras import execute_values

from configs.contract import COLUMN_NAMES, ORDER_STATUSES

_CUSTOMERS = ("Asha Rao", "Bilal Ahmed", "Chitra Menon", "Dev Malhotra", "Esha Kulkarni", "Farhan Ali", "Gauri Joshi")
_MENU = {
    "Spice Route": ("Rajma Chawal", "Palak Paneer"),
    "Biryani House": ("Veg Biryani", "Mutton Biryani"),
    "Dosa Corner": ("Rava Dosa", "Filter Coffee"),
    "Pizza Studio": ("Farmhouse Pizza", "Garlic Bread"),
    "Wok Express": ("Schezwan Rice", "Spring Rolls"),
}
_VALUES = "(%s, %s, %s, %s::numeric, %s)"


@dataclass(frozen=True)
class NewOrder:
    """An order before Postgres gives it an id and a time."""

    customer_name: str
    restaurant_name: str
    item: str
    amount: Decimal
    order_status: str


def make_orders(seed: str, count: int) -> tuple[NewOrder, ...]:
    """`count` orders that are the same for the same seed."""
    rng = random.Random(seed)
    orders = []
    for _ in range(count):
        restaurant = rng.choice(tuple(_MENU))
        amount = Decimal(rng.randrange(5_000, 90_000)) / 100
        orders.append(
            NewOrder(
                rng.choice(_CUSTOMERS),
                restaurant,
                rng.choice(_MENU[restaurant]),
                amount,
                rng.choice(ORDER_STATUSES),
            )
        )
    return tuple(orders)


def insert_statement(table: str, source: str, *, with_created_at: bool = False) -> str:
    """INSERT of the contract's columns into the quoted `table`, from VALUES or a SELECT.

    order_id comes from the table's sequence. created_at comes from its default, unless `with_created_at`.
    """
    columns = [name for name in COLUMN_NAMES if name != "order_id" and (with_created_at or name != "created_at")]
    return f"INSERT INTO {table} ({', '.join(columns)}) {source}"


def insert_orders(
    connection: psycopg2.extensions.connection, table: str, orders: Sequence[NewOrder] | int
) -> list[int]:
    """Insert with one statement, so that all get the same default created_at; return the order_ids.

    `orders` may be a number: then that many orders are made up.
    """
    rows = make_orders("some", orders) if isinstance(orders, int) else orders
    with connection.cursor() as cursor:
        returned = execute_values(
            cursor,
            f"{insert_statement(table, 'VALUES %s')} RETURNING order_id",
            [tuple(str(value) for value in astuple(row)) for row in rows],
            template=_VALUES,
            page_size=len(rows),
            fetch=True,
        )
    return [order_id for (order_id,) in returned]
