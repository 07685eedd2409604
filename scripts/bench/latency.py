"""How long an order takes from its insert to the lake: single inserts at random moments, ours and the naive baseline.

    .venv/bin/python -m scripts.bench.latency [--inserts 60]

Time counts from the commit of the order's transaction until the sink log has the batch with the order's file. The
designs run one after the other, each on a stack of its own, with the same pauses between inserts.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from configs.settings import local_path
from grader.evidence.scan import read_table
from grader.evidence.sink_log import FOLDER, SinkLog
from scripts.bench.page import record, section
from scripts.bench.subject import Subject, running_program
from scripts.pipeline import position
from scripts.pipeline.orders import insert_orders
from scripts.pipeline.programs import NAIVE
from scripts.pipeline.table import require_table
from scripts.pipeline.temporary_stack import Changes, bring_up, temporary_stack
from scripts.pipeline.topic import end_offsets, find_on_topic, read_messages
from scripts.services.postgres import connect
from scripts.services.stack import OURS, Programs, Stack

INSERTS = 60
PAUSES = (1.0, 4.0)  # seconds between two inserts, at random: from less than a poll to several
WARM_UP = 5  # inserts before those that count, so that both JVMs have compiled their code
TIMEOUT = 120.0
REST = 15.0  # seconds without a new row, after which no more will come: the naive baseline loses some


@dataclass(frozen=True, eq=False)
class Setup:
    """A design with the changes to its config."""

    name: str
    programs: Programs
    changes: Changes


SETUPS = (
    Setup("ours, defaults (poll 2 s)", OURS, {}),
    Setup(
        "naive baseline, poll 2 s, trigger 2 s",
        NAIVE,
        {"cdc": {"poll_interval_sec": 2}, "streaming": {"batch_interval": "2 seconds"}},
    ),
    Setup(
        "ours, fastest",
        OURS,
        {"cdc": {"poll_interval_sec": 0.1, "horizon_margin_sec": 0.005}, "streaming": {"batch_interval": 0.1}},
    ),
)


@dataclass(frozen=True)
class Latencies:
    """Seconds from the commit of each insert until it was on the topic, and until it was in the lake.

    `lost`: inserts that did not reach the lake.
    """

    to_topic: tuple[float, ...]
    to_lake: tuple[float, ...]
    lost: int


def measure(setup: Setup, inserts: int, seed: int = 1) -> Latencies:
    """Run a design and insert orders at random moments.

    Raises:
        KitError: the pipeline stopped.
    """
    with temporary_stack(setup.changes, rollnumber="2025bench01", programs=setup.programs, short_lived=False) as stack:
        bring_up(stack)
        with (
            running_program(stack, "producer"),
            running_program(stack, "consumer") as consumer,
        ):
            _insert(stack, consumer, WARM_UP, seed)
            committed = _insert(stack, consumer, inserts, seed)
        on_topic, in_lake = _published(stack), _arrivals(stack)
        arrived = {order_id: moment for order_id, moment in committed.items() if order_id in in_lake}
        return Latencies(
            tuple(on_topic[order_id] - moment for order_id, moment in arrived.items()),
            tuple(in_lake[order_id] - moment for order_id, moment in arrived.items()),
            len(committed) - len(arrived),
        )


def _insert(stack: Stack, consumer: Subject, inserts: int, seed: int) -> dict[int, float]:
    """order_id -> when its insert was committed (seconds since 1970). Waits until no more rows come into the lake."""
    rng = random.Random(seed)
    committed = {}
    with contextlib.closing(connect(stack.settings.postgres)) as connection:
        table = require_table(connection, stack.settings).name
        for _ in range(inserts):
            [order_id] = insert_orders(connection, table, 1)
            committed[order_id] = time.time()
            time.sleep(rng.uniform(*PAUSES))
        rows = require_table(connection, stack.settings).rows
    quiet = position.Quiet(stack.settings, REST)

    def is_at_rest() -> bool:
        found = position.lake_rows(stack.settings)
        return found >= rows or (found > 0 and quiet())

    consumer.wait(is_at_rest, "idle again", TIMEOUT, interval=1)
    return committed


def _published(stack: Stack) -> Mapping[int, float]:
    """order_id -> when its message was handed to the broker, by Kafka's timestamp, in seconds since 1970."""
    kafka = stack.settings.kafka
    ends = end_offsets(kafka)
    moments = {(m.partition, m.offset): m.timestamp / 1000 for m in read_messages(kafka, {}, ends)}
    return {order_id: moments[place] for order_id, place in find_on_topic(kafka, {}, ends).items()}


def _arrivals(stack: Stack) -> Mapping[int, float]:
    """order_id -> when the sink log got the batch with its file, in seconds since 1970."""
    lake = local_path(stack.settings.datalake.path)
    log = SinkLog(lake / FOLDER)
    arrivals: dict[int, float] = {}
    for batch, files in log.written.items():
        names = [lake / FOLDER / str(batch), lake / FOLDER / f"{batch}.compact"]
        moment = next(name for name in names if name.is_file()).stat().st_mtime
        for file in files:
            # In the log the path is absolute; reading needs the path relative to the lake.
            path = str(Path(file.path).relative_to(lake))
            for order_id in read_table(lake, path, ["order_id"]).column("order_id").to_pylist():
                arrivals.setdefault(order_id, moment)
    return arrivals


def percentile_95(seconds: tuple[float, ...]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[-1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.latency")
    parser.add_argument(
        "--inserts", type=int, default=INSERTS, help=f"single inserts for each design (default {INSERTS})"
    )
    parser.add_argument("--dry-run", action="store_true", help="record nothing in docs/measured/bench/")
    options = parser.parse_args(arguments)
    found = {}
    for setup in SETUPS:
        found[setup] = measure(setup, options.inserts)
        print(f"{setup.name}: {median(found[setup].to_lake):.2f} s, lost {found[setup].lost}", flush=True)
    naive = next(median(item.to_lake) for setup, item in found.items() if setup.programs == NAIVE)
    rows = [
        [
            setup.name,
            options.inserts,
            item.lost,
            f"{median(item.to_topic):.2f} s",
            f"{median(item.to_lake):.2f} s",
            f"{percentile_95(item.to_lake):.2f} s",
            f"{median(item.to_lake) / naive:.2f}",
        ]
        for setup, item in found.items()
    ]
    headers = (
        "design",
        "inserts",
        "lost",
        "to the topic, median",
        "to the lake, median",
        "95th percentile",
        "to naive",
    )
    command = f"python -m scripts.bench.latency --inserts {options.inserts}"
    measured = section("From insert to lake", command, headers, rows, NOTES)
    print(measured.table())
    if not options.dry_run:
        record("latency", measured)
    return 0


NOTES = (
    f"""
    Single inserts, {PAUSES[0]:g} to {PAUSES[1]:g} s apart at random. Each design gets the same pauses and a stack of
    its own. They run one after the other. Time counts from the commit until the sink log has the batch with the row's
    file. "to naive" is the median divided by the naive baseline's. The naive baseline reads a batch more than once; a
    row that is inserted in between is lost.
    """,
    """
    Target at the defaults: at most 0.75 of the naive baseline. Half of a poll interval, 1 s, is waiting. Target at the
    fastest: at most 1.2 s. "Fastest" polls every 0.1 s with a margin of 5 ms, and runs a batch every 0.1 s.
    """,
)

if __name__ == "__main__":
    sys.exit(main())
