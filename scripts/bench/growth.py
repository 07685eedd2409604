"""What it costs to grow: one consumer, one backlog, and one thing after the other made larger.

    .venv/bin/python -m scripts.bench.growth [--rows 300000] [--cases "3 brokers" ...]

Each case runs alone on a stack of its own. The consumer has read ten rows and is paused while the backlog is published.
It is done when its checkpoint has finished all of the topic.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.bench.lake_backlog import WARM_UP, is_consumed, publish_orders
from scripts.bench.page import record, section
from scripts.bench.subject import running_program
from scripts.pipeline.services import services_of
from scripts.pipeline.temporary_stack import temporary_cluster
from scripts.pipeline.topic import make_topic
from scripts.services.processes import family_memory
from scripts.services.stack import CONSUMER, Stack

ROWS = 300_000
TIMEOUT = 600.0


@dataclass(frozen=True)
class Case:
    """What differs from configs/orders_stream.yml."""

    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    brokers: int = 1
    with_spark: bool = False
    with_s3: bool = False


CASES: Mapping[str, Case] = {
    "the defaults": Case(),
    "1 partition": Case({"kafka": {"partitions": 1}}),
    "12 partitions": Case({"kafka": {"partitions": 12}}),
    "2 partitions of the store": Case({"streaming": {"state_partitions": 2}}),
    "batches of 20,000": Case({"streaming": {"max_offsets_per_trigger": 20_000}}),
    "3 brokers": Case(brokers=3),
    "lake on S3": Case(with_s3=True),
    "1 executor": Case(with_spark=True),
    "2 executors": Case({"spark": {"cores": 2}}, with_spark=True),
    "configs/cluster.yml": Case(brokers=3, with_spark=True, with_s3=True),
}


@dataclass(frozen=True)
class Measured:
    """`seconds` for the backlog; resident memory in bytes: the program's peak, and that of the services after it."""

    rows: int
    seconds: float
    program: int
    services: int

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


def measure(case: Case, rows: int) -> Measured:
    """One case.

    Raises:
        KitError: the consumer ended, or took longer than TIMEOUT.
    """
    with temporary_cluster(
        case.changes,
        rollnumber="2025bench03",
        short_lived=False,
        brokers=case.brokers,
        with_spark=case.with_spark,
        with_s3=case.with_s3,
    ) as stack:
        services_of(stack).up()
        make_topic(stack.settings.kafka)
        publish_orders(stack.settings.kafka, WARM_UP)
        with running_program(stack, CONSUMER) as consumer:
            consumer.wait(lambda: is_consumed(stack.settings), "the first rows in the lake", TIMEOUT)
            with consumer.paused():
                publish_orders(stack.settings.kafka, rows, WARM_UP)
            started = time.monotonic()
            consumer.wait(lambda: is_consumed(stack.settings), f"{rows} more rows in the lake", TIMEOUT)
            seconds = time.monotonic() - started
            return Measured(rows, seconds, consumer.peak, _services_memory(stack))


def _services_memory(stack: Stack) -> int:
    """Of all services, with the executors of a cluster."""
    running = [one.process for one in services_of(stack).status() if one.process is not None]
    return sum(family_memory(process) for process in running)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.growth")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of the backlog (default {ROWS})")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), help="which (default: all)")
    parser.add_argument("--dry-run", action="store_true", help="record nothing in docs/measured/bench/")
    options = parser.parse_args(arguments)
    found: dict[str, Measured] = {}
    for name in options.cases:
        found[name] = measure(CASES[name], options.rows)
        print(name, found[name], flush=True)
    command = f"python -m scripts.bench.growth --rows {options.rows}"
    headers = (
        "changed",
        "rows per second",
        "times the first",
        "memory of the consumer, peak",
        "memory of the services",
    )
    measured = section("What it costs to grow", command, headers, _rows(found), NOTES)
    print(measured.table())
    if not options.dry_run:
        record("growth", measured)
    return 0


def _rows(found: Mapping[str, Measured]) -> Sequence[tuple[str, ...]]:
    first = next(iter(found.values()))
    return [
        (
            name,
            f"{one.rate:,.0f}",
            f"{one.rate / first.rate:.2f}",
            f"{one.program / 2**20:.0f} MiB",
            f"{one.services / 2**20:.0f} MiB",
        )
        for name, one in found.items()
    ]


NOTES = (
    """
    From Kafka to the lake, one backlog. Each row changes one thing of `configs/orders_stream.yml`; the last one is
    `configs/cluster.yml`, which changes all. Two cores do all the work: brokers, S3, executors and the consumer. So
    more of them is a cost here, and on machines of their own a gain.
    """,
    """
    Memory is resident. On a cluster the consumer's tasks run in executors, whose memory is among that of the services.
    """,
)

if __name__ == "__main__":
    sys.exit(main())
