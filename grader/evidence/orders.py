"""Orders as columns in one normal form, for any types of a lake, a database or a record.

- order_id: int32 or int64
- amount: float64
- created_at: int64, microseconds since 1970 in UTC
- other columns: text
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from configs.contract import COLUMN_NAMES, EPOCH, OrderRow, format_timestamp, parse_timestamp

if TYPE_CHECKING:
    import pyarrow as pa

MICROSECOND = timedelta(microseconds=1)
MILLISECOND_US = 1000
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US


def type_problem(column: str, kind: pa.DataType) -> str | None:
    """What is wrong with a column of this Arrow type; None if it can be judged. Text columns may have any type."""
    from pyarrow import types

    text = types.is_string(kind) or types.is_large_string(kind)
    if column == "order_id" and not types.is_integer(kind):
        return "expected a whole number (int32 or int64)"
    if column == "amount" and not (types.is_floating(kind) or types.is_decimal(kind) or types.is_integer(kind) or text):
        return "expected a decimal, double or string"
    if column == "created_at" and not (types.is_timestamp(kind) or text):
        return "expected a timestamp or string"
    return None


def type_assumptions(schema: pa.Schema | None) -> frozenset[str]:
    """What the grader assumes about a file's columns because of their types."""
    from pyarrow import types

    kinds = {} if schema is None else {name: schema.field(at).type for at, name in enumerate(schema.names)}
    amount, created = kinds.get("amount"), kinds.get("created_at")
    lines = set[str]()
    if amount is not None and (types.is_string(amount) or types.is_large_string(amount)):
        lines.add("lake: amount is text and was read as a number")
    if created is not None and (types.is_string(created) or types.is_large_string(created)):
        lines.add("lake: created_at is text and was read as UTC if it has no time zone")
    elif created is not None and types.is_timestamp(created) and created.tz is None:
        lines.add("lake: created_at has no time zone (INT96, or a plain timestamp) and was read as UTC")
    return frozenset(lines)


def amount_values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Amounts as float64; text that is not a number becomes NaN."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column.cast(pa.float64(), safe=False)
    try:
        return pc.utf8_trim_whitespace(column).cast(pa.float64())
    except pa.ArrowInvalid:
        return pa.chunked_array([pa.array([_float(value) for value in column.to_pylist()], pa.float64())])


def is_bad_amount(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each amount is null, negative, infinite or not a number. `NaN >= 0` is true in Spark."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_decimal(column.type) or pa.types.is_integer(column.type):
        return pc.fill_null(pc.less(column, 0), True)
    values = amount_values(column)
    return pc.fill_null(pc.invert(pc.and_(pc.greater_equal(values, 0.0), pc.is_finite(values))), True)


def created_us(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """created_at as microseconds; text that is not a timestamp becomes null. Without a time zone it is UTC."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
    plain = pc.replace_substring_regex(pc.utf8_trim_whitespace(column), r"\s*(Z|UTC|[+-]00:?00)$", "")
    try:
        return plain.cast(pa.timestamp("us")).cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.chunked_array([pa.array([moment_or_none(value) for value in column.to_pylist()], pa.int64())])


def unit_us(micros: pa.ChunkedArray) -> int:
    """The precision of times: the largest of 1 s, 1 ms and 1 µs of which all are whole multiples, in microseconds.

    Without any time it is 1 s, because nothing shows a higher precision.
    """
    import pyarrow.compute as pc

    known = micros.drop_null()
    for unit in (SECOND_US, MILLISECOND_US):
        if pc.all(pc.equal(whole_units(known, unit), known), min_count=0).as_py():
            return unit
    return 1


def whole_units(micros: pa.ChunkedArray, unit: int) -> pa.ChunkedArray:
    """Times cut to whole multiples of `unit`, all in microseconds."""
    import pyarrow.compute as pc

    return micros if unit == 1 else pc.multiply(pc.divide(micros, unit), unit)


def normal_table(table: pa.Table) -> pa.Table:
    """The contract's columns that `table` has, in the normal form and in the contract's order."""
    import pyarrow as pa

    columns = {}
    for name in COLUMN_NAMES:
        if name not in table.column_names:
            continue
        column = table.column(name)
        if name == "order_id":
            columns[name] = column.cast(pa.int64())
        elif name == "amount":
            columns[name] = amount_values(column)
        elif name == "created_at":
            columns[name] = created_us(column)
        else:
            columns[name] = _text(column)
    return pa.table(columns)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of any type as text."""
    import pyarrow as pa

    try:
        return column.cast(pa.string())
    except pa.ArrowException:  # bytes that are not UTF-8, a list, a struct
        values = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])


def table_of(rows: Iterable[OrderRow]) -> pa.Table:
    """Rows of a record in the normal form."""
    import pyarrow as pa

    items = list(rows)
    return normal_table(
        pa.table(
            {
                name: pa.array([getattr(row, name) for row in items], pa.int64() if name == "order_id" else pa.string())
                for name in COLUMN_NAMES
            }
        )
    )


def moment_text(micros: int | None) -> str:
    """Microseconds since 1970 as a timestamp, or as a number if Python does not support the year."""
    if micros is None:
        return "null"
    try:
        return format_timestamp(EPOCH + micros * MICROSECOND)
    except OverflowError:
        return f"{micros} µs since 1970"


def moment_us(text: str) -> int:
    """A timestamp's text as microseconds since 1970.

    Raises:
        ValueError: it is not a timestamp.
    """
    return (parse_timestamp(text) - EPOCH) // MICROSECOND


def moment_or_none(text: str | None) -> int | None:
    """`moment_us`; None for text that is not a timestamp."""
    try:
        return None if text is None else moment_us(text)
    except (ValueError, OverflowError):
        return None


def cell(value: Any) -> object:
    """A value of a row in the form of report.json."""
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _float(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        return float("nan")
