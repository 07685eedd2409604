"""Sets of order_ids against Python's own sets, dense and sparse."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from grader.evidence.order_ids import NO_IDS, order_ids, union

SPANS = {
    "dense": (1, 400),
    "around zero": (-200, 200),
    "with gaps": (1_000_003, 1_030_000),
    "sparse": (1, 2**31 - 1),
    "all of 64 bits": (-(2**63), 2**63 - 1),
}


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("seed", range(8))
def test_as_a_set_of_python_has_it(span: str, seed: int) -> None:
    rng = random.Random(f"{span}/{seed}")
    files = [[rng.randint(*SPANS[span]) for _ in range(rng.choice((0, 1, 5, 300)))] for _ in range(6)]
    files += [files[-1][:2], [SPANS[span][0]] * 2]
    counts = Counter(number for file in files for number in file)
    found = union([order_ids(pa.chunked_array([file], pa.int64())) for file in files])
    assert (found.rows, found.distinct) == (counts.total(), len(counts))
    assert found.first(5) == sorted(counts)[:5]
    assert found.ids().tolist() == sorted(counts)
    often = sorted(number for number, times in counts.items() if times > 1)
    assert (found.repeated.ids().tolist() if found.repeated else []) == often
    asked = [rng.randint(*SPANS[span]) for _ in range(50)] + list(counts)[:50] + [0, 2**63 - 1, -(2**63)]
    assert found.holds(np.array(asked, np.int64)).tolist() == [number in counts for number in asked]


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint16(), pa.int32(), pa.int64(), pa.uint64()])
def test_every_type_of_whole_number(kind: pa.DataType) -> None:
    found = order_ids(pa.chunked_array([[3, 1], [], [2, 3]], kind))
    assert (found.rows, found.distinct, found.ids().tolist()) == (4, 3, [1, 2, 3])


def test_nothing() -> None:
    assert order_ids(pa.chunked_array([], pa.int32())) is NO_IDS
    assert union([NO_IDS, NO_IDS]).distinct == 0
    assert not NO_IDS.holds(np.array([1, 2])).any()
