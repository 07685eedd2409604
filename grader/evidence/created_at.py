"""Compares created_at of the lake with that of its source, to find a time zone's offset."""

from __future__ import annotations

from collections.abc import Iterable

from grader.evidence.comparison import Pair
from grader.evidence.lake import Lake
from grader.evidence.orders import SECOND_US, whole_units

_STEP_US = 900 * SECOND_US  # the offset of every time zone is a multiple of 15 minutes
_MAX_US = 14 * 3600 * SECOND_US  # and at most 14 hours


def shift_us(pairs: Iterable[Pair], lake: Lake) -> int | None:
    """How far the lake's created_at are after the source's, if more than half of all rows have the same offset.

    0 without such an offset, None without orders to compare.
    """
    import pyarrow.compute as pc

    for pair in pairs:
        if not pair.left.num_rows:
            continue
        unit = lake.created_at_unit_us
        right, left = pair.right.column("created_at"), pair.left.column("created_at")
        commonest = pc.mode(pc.subtract(whole_units(right, unit), whole_units(left, unit)).drop_null(), n=1).to_pylist()
        offset = int(commonest[0]["mode"]) if commonest else 0
        is_zone = offset and offset % _STEP_US == 0 and abs(offset) <= _MAX_US
        return offset if is_zone and 2 * int(commonest[0]["count"]) > pair.left.num_rows else 0
    return None
