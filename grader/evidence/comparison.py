"""Lake rows beside the rows they were made from, column by column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from configs.contract import COLUMN_NAMES
from grader.evidence.lake import Found, Lake
from grader.evidence.orders import cell, is_bad_amount, moment_text
from grader.model import NoEvidence, Row

if TYPE_CHECKING:
    import pyarrow as pa

    from grader.evidence import Evidence

_HALF_A_CENT = 0.005  # a lake with DECIMAL(10, 2) rounds what NUMERIC without a scale holds


def source(evidence: Evidence) -> pa.Table:
    """The orders of Postgres in the normal form of orders.py.

    Raises:
        NoEvidence: the database cannot be looked at, or its table lacks a column to judge by.
    """
    orders = evidence.database.orders
    if orders is None:
        raise NoEvidence(evidence.database.reason)
    lacking = [name for name in ("order_id", "amount", "created_at") if name not in orders.column_names]
    if lacking:
        raise NoEvidence(f"the table in Postgres has no {', '.join(lacking)}")
    return orders


def clean(orders: pa.Table) -> pa.Table:
    """The rows of a source that must reach the lake: with order_id and created_at, and an amount above zero.

    The hand-out lets zero amounts be kept or dropped, so they prove nothing.
    """
    import pyarrow.compute as pc

    wanted = pc.and_(pc.invert(_is_bad(orders)), pc.fill_null(pc.not_equal(orders.column("amount"), 0.0), False))
    return orders.filter(wanted)


def newest_rejected_us(orders: pa.Table) -> int | None:
    """The newest created_at of the rows of a source that may not reach the lake, or need not."""
    import pyarrow.compute as pc

    zero = pc.fill_null(pc.equal(orders.column("amount"), 0.0), False)
    rejected = orders.filter(pc.or_(_is_bad(orders), zero)).column("created_at")
    newest: int | None = pc.max(rejected).as_py()
    return newest


def _is_bad(orders: pa.Table) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    unknown = pc.or_(pc.is_null(orders.column("order_id")), pc.is_null(orders.column("created_at")))
    return pc.or_(is_bad_amount(orders.column("amount")), unknown)


def ids_in(order_ids: pa.ChunkedArray, wanted: Iterable[int]) -> list[int]:
    """Those of `wanted` that are among `order_ids`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    asked = pa.array(list(wanted), pa.int64())
    found: list[int] = asked.filter(pc.is_in(asked, value_set=order_ids)).to_pylist()
    return found


def without(orders: pa.Table, order_ids: pa.ChunkedArray, limit: int) -> Found:
    """Rows of `orders` whose order_id is not among `order_ids`."""
    import pyarrow.compute as pc

    rest = orders.filter(pc.invert(pc.is_in(orders.column("order_id"), value_set=order_ids)))
    first = rest.sort_by("order_id").slice(0, limit)
    return Found(rest.num_rows, tuple(_shown(row) for row in first.to_pylist()))


def with_ids(order_ids: pa.ChunkedArray, more: Iterable[int]) -> pa.ChunkedArray:
    """`order_ids` and `more`."""
    import pyarrow as pa

    return pa.chunked_array([*order_ids.chunks, pa.array(list(more), pa.int64())], pa.int64())


def without_ids(lake: Lake, known: pa.ChunkedArray, limit: int) -> Found:
    """order_ids of the lake that are not among `known`."""
    import pyarrow.compute as pc

    rest = pc.unique(lake.order_ids.filter(pc.invert(pc.is_in(lake.order_ids, value_set=known))))
    return Found(len(rest), tuple({"order_id": order_id} for order_id in sorted(rest.to_pylist())[:limit]))


def altered(source: pa.Table, lake: Lake, limit: int) -> Found:
    """Values of the lake that are not those of `source`, at the precision that both sides have, one row a value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    common = pc.unique(source.column("order_id").filter(pc.is_in(source.column("order_id"), value_set=lake.order_ids)))
    ours, theirs = _aligned(source, common), _aligned(lake.orders, common)
    total, rows = 0, list[Row]()
    for name in COLUMN_NAMES[1:]:
        if name not in source.column_names:
            continue
        left, right = ours.column(name), theirs.column(name)
        same = _same(name, left, right, lake)
        equal = pc.if_else(pc.or_(pc.is_null(left), pc.is_null(right)), pc.equal(left.is_null(), right.is_null()), same)
        wrong = pc.invert(equal)
        count = pc.sum(wrong).as_py() or 0
        total += count
        if count:
            show = pa.table({"order_id": ours.column("order_id"), "source": left, "lake": right}).filter(wrong)
            for row in show.slice(0, max(0, limit - len(rows))).to_pylist():
                values = {side: _value(name, row[side]) for side in ("source", "lake")}
                rows.append({"order_id": row["order_id"], "column": name, **values})
    return Found(total, tuple(rows))


def _aligned(table: pa.Table, order_ids: pa.Array) -> pa.Table:
    """The first row of each of the ids, by id."""
    import pyarrow.compute as pc

    chosen = table.filter(pc.is_in(table.column("order_id"), value_set=order_ids)).sort_by("order_id").combine_chunks()
    ids = chosen.column("order_id").combine_chunks()
    if len(ids) == len(order_ids):
        return chosen
    import pyarrow as pa

    first = pa.concat_arrays([pa.array([True]), pc.not_equal(ids[1:], ids[:-1])])
    return chosen.filter(first)


def _same(name: str, left: pa.ChunkedArray, right: pa.ChunkedArray, lake: Lake) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    if name == "amount":
        identical = pc.or_(pc.equal(left, right), pc.and_(pc.is_nan(left), pc.is_nan(right)))  # infinity, NaN
        return pc.or_(identical, pc.less_equal(pc.abs(pc.subtract(left, right)), _HALF_A_CENT * 1.0001))
    if name == "created_at" and not pc.all(pc.equal(left, right)).as_py():
        unit = lake.created_at_unit_us
        return pc.equal(pc.divide(left, unit), pc.divide(right, unit))
    return pc.equal(left, right)


def _value(name: str, value: object) -> object:
    return moment_text(value) if name == "created_at" and isinstance(value, int) else cell(value)


def _shown(row: dict[str, object]) -> Row:
    return {name: _value(name, row[name]) for name in ("order_id", "amount", "created_at") if name in row}
