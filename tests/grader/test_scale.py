"""Large lakes: the short cuts by statistics and bitmaps say what a reading of every value says."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from configs.settings import Settings, load_settings
from grader.evidence import lake as lake_module
from grader.evidence.lake import Figures, Lake
from grader.evidence.scan import read_footer
from scripts.bench.lakes import Plan, build
from scripts.pipeline.temporary_stack import write_config

pytestmark = pytest.mark.slow

PLAN = Plan(rows=4_000, files=40, days=5)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = load_settings(write_config(tmp_path_factory.mktemp("built"), {}, "2025test01"), environment={})
    build(settings, PLAN)
    return settings


@pytest.fixture
def settings(built: Settings, tmp_path: Path) -> Settings:
    """Of a copy of the lake, to change."""
    lake = tmp_path / "lake"
    shutil.copytree(built.datalake.path, lake)
    return built.model_copy(update={"datalake": built.datalake.model_copy(update={"path": str(lake)})})


def figures(settings: Settings, most_rows_read_whole: int, monkeypatch: pytest.MonkeyPatch) -> Figures:
    monkeypatch.setattr(lake_module, "MAX_ROWS_READ_WHOLE", most_rows_read_whole)
    return Lake(Path(settings.datalake.path)).figures


def change(settings: Settings, column: str, make: pa.Array, *, rows: int = 100, **options: Any) -> None:
    """Put other values into a column of the 7th file."""
    path = sorted(Path(settings.datalake.path).glob("date=*/*.parquet"))[6]
    table = pq.read_table(path, partitioning=None)
    at = table.schema.get_field_index(column)
    pq.write_table(table.slice(0, rows).set_column(at, column, make), path, **options)


def negative() -> pa.Array:
    return pa.array([1, 2, -3, *range(97)], pa.int32()).cast(pa.decimal128(18, 4))


def not_a_number() -> pa.Array:
    return pa.array([1.0, float("nan"), *[2.0] * 98])


def another_day() -> pa.Array:
    return pa.array([1_763_000_000_000_000] * 100).cast(pa.timestamp("us", "UTC"))


def a_null_time() -> pa.Array:
    return pc.if_else(pa.array([n != 5 for n in range(100)]), another_day(), pa.scalar(None, pa.timestamp("us", "UTC")))


def repeats() -> pa.Array:
    return pa.array(np.repeat(np.arange(1, 51), 2).astype(np.int32))


def null_ids() -> pa.Array:
    return pa.array([None, *range(5000, 5099)], pa.int32())


MISTAKES = {
    "amount": (negative, not_a_number),
    "created_at": (another_day, a_null_time),
    "order_id": (repeats, null_ids),
}


@pytest.mark.parametrize(
    "options", [{}, {"write_statistics": False}, {"row_group_size": 30}, {"store_decimal_as_integer": True}]
)
@pytest.mark.parametrize(("column", "make"), [(column, make) for column, makes in MISTAKES.items() for make in makes])
def test_statistics_hide_no_mistake(
    column: str, make: object, options: dict[str, Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make)
    change(settings, column, make(), **options)
    whole, short = figures(settings, 10**9, monkeypatch), figures(settings, 0, monkeypatch)
    assert whole == short
    assert whole.rows == 4_000
    wrong = whole.negative_amounts, whole.misplaced_rows, whole.duplicate_rows, whole.null_order_ids
    assert any(wrong)


def test_a_correct_lake_by_statistics(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    short = figures(settings, 0, monkeypatch)
    assert short == figures(settings, 10**9, monkeypatch)
    assert (short.rows, short.distinct_order_ids, short.duplicate_rows) == (4_000, 4_000, 0)
    assert (short.negative_amounts, short.misplaced_rows, short.null_order_ids) == (0, 0, 0)
    assert short.partitions is not None
    assert len(short.partitions) == 5


def test_statistics_of_an_unknown_writer_are_not_believed(settings: Settings) -> None:
    folder = Path(settings.datalake.path)
    path = min(folder.glob("date=*/*.parquet"))
    footer = read_footer(folder, str(path.relative_to(folder)))
    assert footer.amounts_are_good
    assert footer.created_us is not None
    content = path.read_bytes()
    assert content.count(b"parquet-cpp-arrow version") == 1
    path.write_bytes(content.replace(b"parquet-cpp-arrow version", b"parquet-xyz-arrow version"))
    unknown = read_footer(folder, str(path.relative_to(folder)))
    assert unknown == replace(footer, amounts_are_good=False, created_us=None)


def test_a_file_of_many_rows_is_read_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "date=2025-11-18").mkdir()
    count = 2_500_000
    names = ("customer_name", "restaurant_name", "item", "order_status")
    table = pa.table(
        {
            "order_id": pa.array(np.arange(count, dtype=np.int32)),
            "amount": pa.array(np.ones(count)),
            "created_at": pa.array(np.full(count, 1_763_424_000_000_000)).cast(pa.timestamp("us", "UTC")),
            **{name: pa.nulls(count, pa.string()) for name in names},
        }
    )
    pq.write_table(table, tmp_path / "date=2025-11-18" / "one.parquet")
    found = Lake(tmp_path).figures
    assert (found.rows, found.distinct_order_ids, found.misplaced_rows) == (count, count, 0)


@pytest.mark.parametrize("statistics", [True, False])
def test_a_column_that_is_null_throughout_is_found_and_a_large_lake_is_not_read_for_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, statistics: bool
) -> None:
    folder = Path(settings.datalake.path)
    assert Lake(folder).null_columns == ()
    for path in folder.glob("date=*/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        nothing = pa.nulls(table.num_rows, pa.string())
        table = table.set_column(table.schema.get_field_index("item"), "item", nothing)
        pq.write_table(table, path, write_statistics=statistics)
    assert Lake(folder).null_columns == ("item",)
    monkeypatch.setattr(lake_module, "MAX_ROWS_READ_WHOLE", 10)
    assert Lake(folder).null_columns == (("item",) if statistics else ())
    pq.write_table(pq.read_table(path, partitioning=None).slice(0, 0), folder / "0.parquet")
    assert Lake(folder).null_columns == (("item",) if statistics else ())
