"""Sets of order_ids that need little memory for dense ids, as in a SERIAL column: one bit for each id of the range.

If a bitmap over the range would be larger than the ids themselves, the ids are stored sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Int64s = npt.NDArray[np.int64]
    Bytes = npt.NDArray[np.uint8]

_BITS_PER_ID = 32  # maximum for a whole lake; with more, sorted ids of 64 bits are not much larger
_FLAGS_PER_ID = 16  # maximum for one file, whose bitmap needs a byte per id of the range while it is built


@dataclass(frozen=True)
class OrderIds:
    """A set of ids, and how often they occurred. Either `bits` or `sorted_ids` is set.

    Bit n of `bits` (most significant bit first) stands for the id `low` + n. `low` is a multiple of 8. `sorted_ids` is
    an ascending int64 array. `rows` counts the ids including duplicates.
    """

    rows: int
    low: int = 0
    bits: Bytes | None = None
    sorted_ids: Int64s | None = None
    repeated: OrderIds | None = None  # the ids that occurred more than once; None if there are none

    @property
    def high(self) -> int:
        """One more than the greatest id that the set can contain."""
        if self.bits is not None:
            return self.low + 8 * len(self.bits)
        return self.low if self.sorted_ids is None else int(self.sorted_ids[-1]) + 1

    @property
    def distinct(self) -> int:
        import numpy as np

        if self.bits is not None:
            return int(np.bitwise_count(self.bits).sum())
        return 0 if self.sorted_ids is None else len(self.sorted_ids)

    def holds(self, ids: Int64s) -> npt.NDArray[np.bool_]:
        """Whether each of the int64 `ids` is in the set: a bool array of their length."""
        import numpy as np

        if self.bits is not None:
            at = ids - self.low
            inside = (ids >= self.low) & (ids < self.high)
            at = np.where(inside, at, 0)
            found: npt.NDArray[np.bool_] = inside & ((self.bits[at >> 3] & (128 >> (at & 7))) != 0)
            return found
        if self.sorted_ids is None:
            return np.zeros(len(ids), bool)
        at = np.minimum(np.searchsorted(self.sorted_ids, ids), len(self.sorted_ids) - 1)
        same: npt.NDArray[np.bool_] = self.sorted_ids[at] == ids
        return same

    def those_of(self, wanted: Iterable[int]) -> list[int]:
        """The numbers of `wanted` that are in the set. They may have any size."""
        import numpy as np

        asked = [number for number in wanted if -(2**63) <= number < 2**63]
        return [number for number, there in zip(asked, self.holds(np.array(asked, np.int64)), strict=True) if there]

    def mask(self, column: pa.ChunkedArray) -> pa.Array:
        """Whether each value of an int64 column is in the set. Null is never in it."""
        import pyarrow as pa

        there = self.holds(column.fill_null(0).to_numpy())
        return pa.array(there & column.is_valid().to_numpy() if column.null_count else there)

    def first(self, limit: int) -> list[int]:
        """The lowest `limit` ids, ascending."""
        import numpy as np

        if self.bits is None:
            return [] if self.sorted_ids is None else [int(n) for n in self.sorted_ids[:limit]]
        filled = np.flatnonzero(self.bits)[:limit]  # bytes; each has at least one id
        at = [
            8 * int(byte) + bit for byte in filled for bit in np.flatnonzero(np.unpackbits(self.bits[byte : byte + 1]))
        ]
        return [self.low + int(n) for n in at[:limit]]

    def ids(self) -> Int64s:
        """All ids, ascending, as int64."""
        import numpy as np

        if self.bits is not None:
            return np.flatnonzero(np.unpackbits(self.bits)) + self.low
        return np.zeros(0, np.int64) if self.sorted_ids is None else self.sorted_ids


NO_IDS = OrderIds(0)


def order_ids(column: pa.ChunkedArray) -> OrderIds:
    """The set of a column of whole numbers without nulls.

    Raises:
        pyarrow.ArrowInvalid: a number does not fit into 64 bits with a sign.
    """
    import numpy as np
    import pyarrow as pa

    if not len(column):
        return NO_IDS
    if not (pa.types.is_int32(column.type) or pa.types.is_int64(column.type)):
        column = column.cast(pa.int64())
    chunks = [chunk.to_numpy(zero_copy_only=True) for chunk in column.chunks if len(chunk)]
    ids = chunks[0] if len(chunks) == 1 else np.concatenate(chunks)
    least, greatest = int(ids.min()), int(ids.max())
    low = least // 8 * 8
    if greatest - low >= _FLAGS_PER_ID * len(ids):
        unique, counts = np.unique(ids.astype(np.int64), return_counts=True)
        often = unique[counts > 1]
        return OrderIds(len(ids), int(unique[0]), None, unique, _some(often))
    flags = np.zeros((greatest - low) // 8 * 8 + 8, bool)
    at = ids if low == 0 else ids - low
    flags[at] = True
    found = OrderIds(len(ids), low, np.packbits(flags))
    if found.distinct == len(ids):
        return found
    unique, counts = np.unique(ids.astype(np.int64), return_counts=True)
    return OrderIds(len(ids), low, found.bits, None, _some(unique[counts > 1]))


def union(sets: Sequence[OrderIds]) -> OrderIds:
    """All ids of `sets`. Ids that are in more than one set, or repeated in one, are in `repeated`."""
    import numpy as np

    filled = [one for one in sets if one.rows]
    if not filled:
        return NO_IDS
    if len(filled) == 1:
        return filled[0]
    rows = sum(one.rows for one in filled)
    low = min(one.low for one in filled) // 8 * 8
    span = max(one.high for one in filled) - low
    if span > _BITS_PER_ID * rows:
        unique, counts = np.unique(np.concatenate([one.ids() for one in filled]), return_counts=True)
        within = [one.repeated.ids() for one in filled if one.repeated is not None]
        often = np.unique(np.concatenate([unique[counts > 1], *within]))
        return OrderIds(rows, int(unique[0]), None, unique, _some(often))
    bits = np.zeros(span // 8 + 1, np.uint8)
    often = np.zeros(0, np.uint8)  # gets the length of `bits` at the first repeated id, which is rare
    for one in filled:
        repeats = _add(bits, one, low)
        if one.repeated is not None or repeats is not None:
            often = often if len(often) else np.zeros_like(bits)
            for some in (one.repeated, repeats):
                if some is not None:
                    _add(often, some, low)
    repeated = OrderIds(int(np.bitwise_count(often).sum()), low, often) if len(often) else None
    return OrderIds(rows, low, bits, None, repeated)


def _add(bits: Bytes, ids: OrderIds, low: int) -> OrderIds | None:
    """Set the bits of `ids` in a bitmap that begins at `low`. Returns the ids that were set before."""
    import numpy as np

    if ids.bits is not None:
        begin = (ids.low - low) // 8
        place = bits[begin : begin + len(ids.bits)]
        again = place & ids.bits
        place |= ids.bits
        return OrderIds(int(np.bitwise_count(again).sum()), ids.low, again) if again.any() else None
    some = ids.ids()
    at, mask = (some - low) >> 3, (128 >> ((some - low) & 7)).astype(np.uint8)
    seen = (bits[at] & mask) != 0
    np.bitwise_or.at(bits, at, mask)
    return _some(some[seen])


def _some(ids: Int64s) -> OrderIds | None:
    return OrderIds(len(ids), int(ids[0]), None, ids) if len(ids) else None
