"""created_at of the lake beside that of the rows it was made from: a time zone's offset, and digits that were lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grader.evidence.orders import SECOND_US

if TYPE_CHECKING:
    import pyarrow as pa

    from grader.evidence import Evidence

_STEP_US = 900 * SECOND_US  # every zone in use is a multiple of 15 minutes from UTC
_MAX_US = 14 * 3600 * SECOND_US  # and at most 14 hours
MILLISECOND_US = 1000


def shift_us(evidence: Evidence) -> int | None:
    """How far the lake's created_at lie after the source's, where one offset moves more than half of all rows.

    0 without such an offset, None without orders to compare.
    """
    import pyarrow.compute as pc

    for pair in evidence.pairs:
        if not pair.left.num_rows:
            continue
        unit = evidence.lake.created_at_unit_us
        right, left = pair.right.column("created_at"), pair.left.column("created_at")
        commonest = pc.mode(pc.subtract(_whole(right, unit), _whole(left, unit)).drop_null(), n=1).to_pylist()
        offset = int(commonest[0]["mode"]) if commonest else 0
        is_zone = offset and offset % _STEP_US == 0 and abs(offset) <= _MAX_US
        return offset if is_zone and 2 * int(commonest[0]["count"]) > pair.left.num_rows else 0
    return None


def unit_us(column: pa.ChunkedArray) -> int:
    """The coarsest of 1 s, 1 ms and 1 µs that all values are whole multiples of, in microseconds."""
    import pyarrow.compute as pc

    known = column.drop_null()
    for unit in (SECOND_US, MILLISECOND_US):
        if pc.all(pc.equal(_whole(known, unit), known)).as_py():
            return unit
    return 1


def _whole(column: pa.ChunkedArray, unit: int) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    return column if unit == 1 else pc.multiply(pc.divide(column, unit), unit)
