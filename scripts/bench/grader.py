"""The grader's time and memory, whole processes side by side: python -m scripts.bench.grader [CASE ...] [--write].

Each case builds a correct submission in a temporary folder. It runs the grader and the other side by turns, and takes
the median. All files are in the page cache: each side runs once before it is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from configs.contract import table_spellings
from configs.settings import PROJECT, Settings, load_settings
from grader.builder import LAKE, Submission
from scripts.bench.lakes import Plan, build, columns
from scripts.bench.page import record, section
from scripts.pipeline.temporary_stack import temporary_stack, write_config
from scripts.services import postgres
from scripts.services.java import require_java

Command = Sequence[str | Path]
_ORDERS = """
    CREATE TABLE {table} (order_id SERIAL PRIMARY KEY, customer_name VARCHAR, restaurant_name VARCHAR, item VARCHAR,
                          amount NUMERIC(12, 4), order_status VARCHAR, created_at TIMESTAMP)
"""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: processes that run one after the other."""

    name: str
    commands: Sequence[Command]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Measured:
    """Medians of a side's runs, elapsed and CPU seconds, and the peak resident memory of its processes, in bytes."""

    seconds: float
    cpu_seconds: float
    peak: int

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s (CPU {self.cpu_seconds:.2f} s)"


@dataclass(frozen=True)
class Case:
    """The submission, and its targets: seconds, ratio to the other side's seconds, bytes. None: no target."""

    title: str
    sides: Callable[[Path], contextlib.AbstractContextManager[tuple[Side, Side | None]]]
    max_seconds: float | None = None
    max_ratio: float | None = None
    max_bytes: int | None = 1 << 30


@contextlib.contextmanager
def _small(folder: Path) -> Iterator[tuple[Side, Side]]:
    root = Submission(folder / "small").build()
    submit: Command = (PROJECT / ".venv/bin/spark-submit", "--master", "local[2]")
    scripts = [PROJECT / "scripts/bench" / f"spark_{name}.py" for name in ("row_count", "distinct_count")]
    environment = {"JAVA_HOME": str(require_java().home), "SPARK_LOCAL_IP": "127.0.0.1"}
    environment["PYSPARK_PYTHON"] = sys.executable
    spark = Side("2 spark-submit", [(*submit, script, root / LAKE) for script in scripts], environment)
    yield _grader(root, folder), spark


def _large(plan: Plan) -> Callable[[Path], contextlib.AbstractContextManager[tuple[Side, Side]]]:
    @contextlib.contextmanager
    def sides(folder: Path) -> Iterator[tuple[Side, Side]]:
        settings = _settings(folder / "large")
        build(settings, plan)
        facts: Command = (sys.executable, "-m", "scripts.bench.duckdb_facts", settings.datalake.path)
        yield _grader(settings.root, folder), Side("DuckDB", [facts], {})

    return sides


@contextlib.contextmanager
def _against_postgres(folder: Path) -> Iterator[tuple[Side, None]]:
    plan = Plan(1_000_000, 40, 10)
    with temporary_stack() as stack:
        build(stack.settings, plan)
        postgres.up(stack)
        _fill_table(stack.settings, plan.rows, plan)
        yield _grader(stack.settings.root, folder, database="on"), None


def _settings(folder: Path) -> Settings:
    return load_settings(write_config(folder, {}, "2025bench01"), environment={})


def _grader(root: Path, folder: Path, database: str = "off") -> Side:
    command = (sys.executable, "-m", "grader", "grade", root, "--database", database, "--out", folder / "reports")
    return Side("grader", [command], {})


def _fill_table(settings: Settings, rows: int, plan: Plan) -> None:
    orders = columns(plan, np.arange(1, rows + 1, dtype=np.int64))
    at = orders.schema.get_field_index("created_at")
    orders = orders.set_column(at, "created_at", orders.column(at).cast(pa.timestamp("us")))
    target = io.BytesIO()
    csv.write_csv(orders, target, csv.WriteOptions(include_header=False))
    target.seek(0)
    with contextlib.closing(postgres.connect(settings.postgres)) as connection, connection.cursor() as cursor:
        table = table_spellings(settings.postgres.table)[0]
        cursor.execute(_ORDERS.format(table=table))
        cursor.copy_expert(f"COPY {table} FROM STDIN WITH (FORMAT csv)", target)
        cursor.execute(f"ANALYZE {table}")


_MILLION = 1_000_000
CASES: dict[str, Case] = {
    "small": Case("20 rows, 3 files", _small, max_seconds=0.6, max_ratio=1 / 15),
    "20m": Case("20,000,000 rows, 400 files, 30 dates", _large(Plan(20 * _MILLION, 400, 30)), max_ratio=0.6),
    "100m": Case("100,000,000 rows, 400 files, 30 dates", _large(Plan(100 * _MILLION, 400, 30)), max_ratio=0.6),
    "postgres": Case("1,000,000 rows, each column compared with Postgres", _against_postgres, max_seconds=10),
    "files": Case("2,000 files of 500 rows", _large(Plan(_MILLION, 2000, 30)), max_seconds=2.0),
}


def measure(sides: Sequence[Side], times: int) -> list[Measured]:
    """Run the sides by turns, once to warm up and then `times` times.

    Raises:
        RuntimeError: a process failed, so nothing was measured.
    """
    seconds: list[list[float]] = [[] for _ in sides]
    cpu: list[list[float]] = [[] for _ in sides]
    peaks = [0] * len(sides)
    for turn in range(times + 1):
        for at, side in enumerate(sides):
            begin = time.perf_counter()
            usages = [_run(command, side.environment) for command in side.commands]
            peaks[at] = max(peaks[at], *(usage.ru_maxrss for usage in usages))
            if turn:
                seconds[at].append(time.perf_counter() - begin)
                cpu[at].append(sum(usage.ru_utime + usage.ru_stime for usage in usages))
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return [
        Measured(statistics.median(took), statistics.median(worked), peak * unit)
        for took, worked, peak in zip(seconds, cpu, peaks, strict=True)
    ]


def _run(command: Command, environment: Mapping[str, str]) -> resource.struct_rusage:
    """Run to the end; return the usage of the process and its children."""
    with tempfile.TemporaryFile() as output:
        words = [str(word) for word in command]
        process = subprocess.Popen(
            words, cwd=PROJECT, env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{' '.join(words)}: exit code {process.returncode}\n{output.read().decode()[-2000:]}")
    return usage


def _row(case: Case, times: int) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory(prefix="grader-bench-") as folder, case.sides(Path(folder)) as sides:
        _, other = sides
        measured = measure([side for side in sides if side is not None], times)
    grader = measured[0]
    targets, met = list[str](), [case.max_bytes is None or grader.peak <= case.max_bytes]
    if case.max_seconds is not None:
        targets.append(f"{case.max_seconds:g} s")
        met.append(grader.seconds <= case.max_seconds)
    compared = ("-", "-", "-")
    if other is not None:
        compared_side = measured[1]
        ratio = grader.seconds / compared_side.seconds
        compared = (f"{other.name} {compared_side}", f"{compared_side.peak >> 20} MiB", f"{ratio:.3f}")
        if case.max_ratio is not None:
            targets.append(f"ratio {case.max_ratio:.3f}")
            met.append(ratio <= case.max_ratio)
    shown = f"{', '.join(targets)}: {'met' if all(met) else 'MISSED'}"
    return (case.title, str(grader), f"{grader.peak >> 20} MiB", *compared, shown)


def main() -> int:
    """Measure the cases; exit code 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.grader", description=__doc__)
    parser.add_argument("case", nargs="*", help=f"one or more of {', '.join(CASES)} (default: all)")
    parser.add_argument("--times", type=int, default=5, help="runs of each side (default 5)")
    parser.add_argument(
        "--write", action="store_true", help="record the result in docs/measured/bench/, for docs/benchmarks.md"
    )
    options = parser.parse_args()
    if set(options.case) - set(CASES):
        parser.error(f"there is no such case; choose from {', '.join(CASES)}")
    rows = []
    for name in options.case or CASES:
        rows.append(_row(CASES[name], options.times))
        print(" | ".join(rows[-1]), flush=True)
    headers = ("lake", "grader", "its memory", "compared with", "memory", "ratio", "target, at most")
    measured = section("The grader", "python -m scripts.bench.grader", headers, rows, NOTES)
    print(f"\n{measured.table()}")
    if options.write:
        record("grader", measured)
    return 1 if any("MISSED" in row[-1] for row in rows) else 0


NOTES = (
    """
    Whole processes, start-up included. Each figure is the median of runs that take turns; files are in the page cache.
    The grader reads the lake, judges every check and writes all its reports. DuckDB answers one query: row count,
    distinct ids, nulls, negatives, folder mismatches and the newest created_at.
    """,
    """
    Memory is the peak of resident memory. Its target is under 1 GiB. A process never shows less than the measuring
    process, which starts it. So if both sides show the same figure, it is only an upper bound.
    """,
)


if __name__ == "__main__":
    sys.exit(main())
