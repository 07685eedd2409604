"""Compares the lake's rows with the rows that they came from, column by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from configs.contract import COLUMN_NAMES, ORDER_STATUSES, format_timestamp
from configs.wording import counted
from grader.evidence.checkpoint import Checkpoint
from grader.evidence.database import Database
from grader.evidence.lake import Found, Lake
from grader.evidence.order_ids import order_ids
from grader.evidence.orders import SECOND_US, cell, is_bad_amount, moment_text, moment_us
from grader.evidence.state import State
from grader.mismatch import NoEvidence, Row

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_HALF_A_CENT = 0.005  # a lake with DECIMAL(10, 2) rounds values from NUMERIC without a scale


def source(database: Database) -> pa.Table:
    """The orders of Postgres in the normal form of orders.py.

    Raises:
        NoEvidence: the database cannot be read, or its table lacks a column that is needed.
    """
    orders = database.orders
    if orders is None:
        raise NoEvidence(database.reason)
    lacking = [name for name in ("order_id", "amount", "created_at") if name not in orders.column_names]
    if lacking:
        raise NoEvidence(f"the table in Postgres has no {', '.join(lacking)}")
    return orders


def clean(orders: pa.Table) -> pa.Table:
    """The rows of a source that must reach the lake: with order_id and created_at, and an amount above zero.

    The assignment allows zero amounts to be kept or dropped, so they prove nothing.
    """
    import pyarrow.compute as pc

    expected = pc.and_(pc.invert(_is_bad(orders)), pc.fill_null(pc.not_equal(orders.column("amount"), 0.0), False))
    return orders.filter(expected)


def newest_rejected_us(orders: pa.Table) -> int | None:
    """The newest created_at of the rows of a source that must not reach the lake, or need not reach it."""
    import pyarrow.compute as pc

    zero = pc.fill_null(pc.equal(orders.column("amount"), 0.0), False)
    rejected = orders.filter(pc.or_(_is_bad(orders), zero)).column("created_at")
    newest: int | None = pc.max(rejected).as_py()
    return newest


def _is_bad(orders: pa.Table) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    unknown = pc.or_(pc.is_null(orders.column("order_id")), pc.is_null(orders.column("created_at")))
    return pc.or_(is_bad_amount(orders.column("amount")), unknown)


def with_ids(order_ids: pa.ChunkedArray, more: Iterable[int]) -> pa.ChunkedArray:
    """`order_ids` and `more`."""
    import pyarrow as pa

    possible = [number for number in more if -(2**63) <= number < 2**63]
    return pa.chunked_array([*order_ids.chunks, pa.array(possible, pa.int64())], pa.int64())


def without_ids(lake: Lake, known: pa.ChunkedArray, limit: int) -> Found:
    """order_ids of the lake that are not among `known`."""
    import pyarrow.compute as pc

    rest = lake.order_ids.filter(pc.invert(order_ids(known.drop_null()).mask(lake.order_ids)))
    return Found(len(rest), tuple({"order_id": order_id} for order_id in rest.slice(0, limit).to_pylist()))


@dataclass(frozen=True)
class Missing:
    """Rows of a source that are not in the lake, grouped by cause, and the first few of them by order_id.

    `oldest_us` is the first created_at of these rows, in microseconds since 1970.
    `backdated` rows are not counted in `total`. Their created_at is long before that of orders inserted earlier. So a
    cursor over created_at had passed it before they were inserted.
    """

    total: int
    causes: Mapping[str, int]
    rows: tuple[Row, ...]
    backdated: Found
    oldest_us: int | None = None

    def __bool__(self) -> bool:
        return self.total > 0

    @property
    def summary(self) -> str:
        return f"{self.total} missing: " + ", ".join(f"{count} {cause}" for cause, count in self.causes.items())


# The text before the bracket is also the cause in an example row.
ABOVE = "with created_at > state (not published yet)"
TIE = "with the created_at of a delivered order (a limit cut the tie)"
UNDER = "with created_at <= state (skipped or dropped, so lost)"
UNFINISHED = "planned, not finished: start the consumer and wait"
UNKNOWN = "with no state to compare with"
BACKDATED_BY_US = 600 * SECOND_US
"""If a created_at is further than this before that of an order with a lower id, it was set by hand.

A transaction that stays open for so long does not occur in a class. The pipeline has to wait for shorter ones.
"""


def missing(
    orders: pa.Table, lake: Lake, state: State, checkpoint: Checkpoint, limit: int, *, any_backdated: bool = True
) -> Missing:
    """The rows of `orders` that are missing in the lake: the causes, and the first `limit` rows.

    All of `orders` should be in the lake. They are in the normal form of orders.py. State and checkpoint show the
    causes. With `any_backdated` False no row counts as backdated.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    is_there = lake.ids.mask(orders.column("order_id"))
    rest = orders.filter(pc.invert(is_there)).sort_by("order_id")
    if not rest.num_rows:
        return Missing(0, {}, (), Found(0, ()))
    delivered = orders.filter(is_there).sort_by("order_id")
    created = rest.column("created_at").to_numpy()
    backdated = _newest_before(delivered, rest) - created > BACKDATED_BY_US
    value = state.value
    causes = np.full(len(created), UNKNOWN if value is None else UNDER, dtype=object)
    causes[pc.is_in(rest.column("created_at"), value_set=delivered.column("created_at")).to_numpy()] = TIE
    above = np.full(len(created), False)
    if value is not None:
        above = created > moment_us(format_timestamp(value.timestamp))
        causes[above] = ABOVE
    batch = checkpoint.batch_in_flight(lake.log)
    in_flight = f"in batch {batch} ({UNFINISHED})"
    held = 0 if batch is None else checkpoint.messages_in.get(batch, len(created))
    unfinished = _newest(held, created, ~above)
    causes[unfinished] = in_flight
    backdated &= ~above & ~unfinished & any_backdated
    lost, late = rest.filter(pa.array(~backdated)), rest.filter(pa.array(backdated))
    why = [str(cause) for cause in causes[~backdated]]
    return Missing(
        lost.num_rows,
        {cause: why.count(cause) for cause in (UNDER, TIE, ABOVE, in_flight, UNKNOWN) if cause in why},
        tuple(
            {**_shown(row), "cause": cause.partition(" (")[0]}
            for row, cause in zip(lost.slice(0, limit).to_pylist(), why, strict=False)
        ),
        Found(late.num_rows, tuple(_shown(row) for row in late.slice(0, limit).to_pylist())),
        pc.min(lost.column("created_at")).as_py(),
    )


def _newest(count: int, created: NDArray[np.int64], published: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The newest `count` of the published rows: a batch in flight holds these."""
    import numpy as np

    newest_first = np.argsort(-created, kind="stable")
    held = np.full(len(created), False)
    held[newest_first[published[newest_first]][:count]] = True
    return held


def _newest_before(delivered: pa.Table, rows: pa.Table) -> NDArray[np.int64]:
    """For each of `rows`, the greatest created_at of the delivered rows with a lower order_id.

    Both tables are sorted by order_id.
    """
    import numpy as np

    newest = np.concatenate([[0], np.maximum.accumulate(delivered.column("created_at").to_numpy())])
    at = np.searchsorted(delivered.column("order_id").to_numpy(), rows.column("order_id").to_numpy())
    return np.asarray(newest[at])


@dataclass(frozen=True)
class Altered:
    """Values of the lake that differ from a source: the count per column, the orders concerned, and the first few."""

    columns: Mapping[str, int]
    orders: int
    compared: int
    rows: tuple[Row, ...]

    def __bool__(self) -> bool:
        return bool(self.columns)

    @property
    def summary(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self.columns.items())
        total = sum(self.columns.values())
        return f"{counted(total, 'value')} {'differs' if total == 1 else 'differ'} ({counts})"


@dataclass(frozen=True)
class Pair:
    """The orders that a source and the lake both have: `left` from the source, `right` from the lake.

    Both tables are sorted by order_id, have each order once, and are in the normal form of orders.py.
    """

    left: pa.Table
    right: pa.Table


def side_by_side(source: pa.Table, lake: Lake) -> Pair:
    """Pairs the orders of `source` with those of the lake."""
    import pyarrow.compute as pc

    common = pc.unique(source.column("order_id").filter(lake.ids.mask(source.column("order_id"))))
    return Pair(_aligned(source, common), _aligned(lake.orders, common))


def altered(pair: Pair, lake: Lake, limit: int, shift_us: int = 0, *, status_moves: bool = False) -> Altered:
    """Values of the lake that differ from the source, at the precision that both sides have. Each row shows one value.

    `shift_us` is how far all created_at of the lake are after the source's. Another check reports this mistake.
    `status_moves`: the source shows the present, so another valid status is no difference.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    source, lake_rows = pair.left, pair.right
    columns, rows = dict[str, int](), list[Row]()
    any_wrong = pa.chunked_array([pa.repeat(False, source.num_rows)])
    for name in COLUMN_NAMES[1:]:
        if name not in source.column_names:
            continue
        left, right = source.column(name), lake_rows.column(name)
        if name == "created_at" and shift_us:
            right = pc.subtract(right, shift_us)
        same = _same(name, left, right, lake)
        equal = pc.if_else(pc.or_(pc.is_null(left), pc.is_null(right)), pc.equal(left.is_null(), right.is_null()), same)
        wrong = pc.invert(equal)
        if name == "order_status" and status_moves:
            wrong = pc.and_(wrong, pc.invert(pc.and_(_is_status(left), _is_status(right))))
        count = pc.sum(wrong).as_py() or 0
        if count:
            columns[name] = count
            any_wrong = pc.or_(any_wrong, wrong)
            show = pa.table({"order_id": source.column("order_id"), "source": left, "lake": right}).filter(wrong)
            for row in show.slice(0, max(0, limit - len(rows))).to_pylist():
                values = {side: _value(name, row[side]) for side in ("source", "lake")}
                rows.append({"order_id": row["order_id"], "column": name, **values})
    return Altered(columns, pc.sum(any_wrong).as_py() or 0, source.num_rows, tuple(rows))


def _aligned(table: pa.Table, order_ids: pa.Array) -> pa.Table:
    """The first row of each id, sorted by id."""
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


def _is_status(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(column, value_set=pa.array(ORDER_STATUSES))


def _value(name: str, value: object) -> object:
    return moment_text(value) if name == "created_at" and isinstance(value, int) else cell(value)


def _shown(row: dict[str, object]) -> Row:
    return {name: _value(name, row[name]) for name in ("order_id", "amount", "created_at") if name in row}
