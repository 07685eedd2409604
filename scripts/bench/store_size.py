"""The consumer's store of order_ids by its size: speed, memory, disk, and the first batch after a restart.

    .venv/bin/python -m scripts.bench.store_size [--millions 1 5 10 20]

One consumer at the config's defaults, one lake. For each size it is started again. While it is paused, the missing
orders are published; then it reads them. Each start is measured to the end of its first batch.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from configs.settings import Settings, local_path
from scripts.bench.lake_backlog import is_consumed, publish_orders
from scripts.bench.page import record, section
from scripts.bench.subject import Subject, running_program
from scripts.pipeline.services import services_of
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.pipeline.topic import make_topic
from scripts.services.stack import OURS, Stack

MILLION = 1_000_000
SIZES = (1, 5, 10, 20)  # million order_ids
FIRST = 100  # messages of the first batch after a start
STEP = MILLION  # published at once, so that the topic's messages are read from the page cache, as new ones are
TIMEOUT = 900.0
MAX_RESTART, MAX_MEMORY = 15.0, 1.2 * 2**30  # the targets: seconds, bytes


@dataclass(frozen=True)
class Size:
    """The measurements of one size.

    `order_ids`: in the store. `seconds`: reading the last `read` of them. `memory`, `peak`: resident, in bytes.
    `disk`: bytes of the store in the checkpoint. `restart`: seconds from the next start to the end of its first batch.
    """

    order_ids: int
    read: int
    seconds: float
    memory: int
    peak: int
    disk: int
    restart: float


def measure(sizes: Sequence[int]) -> list[Size]:
    """The measurements of these sizes, in growing order.

    Raises:
        KitError: the consumer ended, or took longer than TIMEOUT.
    """
    found: list[Size] = []
    with temporary_stack({}, rollnumber="2025bench02", programs=OURS, short_lived=False) as stack:
        services_of(stack).up()
        make_topic(stack.settings.kafka)
        published = 0
        for size in sizes:
            with running_program(stack, "consumer") as consumer:
                published += _first_batch(stack.settings, consumer, published)
                begun, seconds = published, 0.0
                while published < size:
                    rows = min(STEP, size - published)
                    with consumer.paused():
                        publish_orders(stack.settings.kafka, rows, published)
                    started = time.monotonic()
                    consumer.wait(lambda: is_consumed(stack.settings), f"{rows} more rows in the lake", TIMEOUT)
                    seconds += time.monotonic() - started
                    published += rows
                memory, peak = consumer.memory, consumer.peak
            disk = _bytes(local_path(stack.settings.streaming.checkpoint_location) / "state")
            published, restart = _restart(stack, published)
            found.append(Size(size, size - begun, seconds, memory, peak, disk, restart))
            print(found[-1], flush=True)
    return found


def _first_batch(settings: Settings, consumer: Subject, published: int) -> int:
    """Publish the messages of a first batch and wait for its end; return how many."""
    publish_orders(settings.kafka, FIRST, published)
    consumer.wait(lambda: is_consumed(settings), "the first batch", TIMEOUT)
    return FIRST


def _restart(stack: Stack, published: int) -> tuple[int, float]:
    """Start the consumer with a first batch on the topic: how many are published then, and the seconds it took."""
    publish_orders(stack.settings.kafka, FIRST, published)
    started = time.monotonic()
    with running_program(stack, "consumer") as consumer:
        consumer.wait(lambda: is_consumed(stack.settings), "the first batch", TIMEOUT)
        return published + FIRST, time.monotonic() - started


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.store_size")
    parser.add_argument("--millions", type=int, nargs="+", default=SIZES, help="order_ids in the store, in millions")
    parser.add_argument("--dry-run", action="store_true", help="record nothing in docs/measured/bench/")
    options = parser.parse_args(arguments)
    sizes = measure([millions * MILLION for millions in sorted(options.millions)])
    last = sizes[-1]
    targets = (
        f"Target: at most {MAX_MEMORY / 2**30:.1f} GiB with {last.order_ids:,} order_ids. Measured: "
        f"{max(size.peak for size in sizes) / 2**30:.2f} GiB.",
        f"Target: at most {MAX_RESTART:.0f} s from a start with as many to the end of its first batch. Measured: "
        f"{last.restart:.1f} s.",
    )
    command = f"python -m scripts.bench.store_size --millions {' '.join(map(str, sorted(options.millions)))}"
    headers = ("order_ids", "rows per second", "memory, after", "memory, peak", "store on disk", "start to first batch")
    measured = section("The size of the store of order_ids", command, headers, list(map(_row, sizes)), (NOTE, *targets))
    print(measured.table(), *targets, sep="\n")
    if not options.dry_run:
        record("store_size", measured)
    return 0


def _row(size: Size) -> tuple[str, ...]:
    return (
        f"{size.order_ids:,}",
        f"{size.read / size.seconds:,.0f}",
        f"{size.memory / 2**20:.0f} MiB",
        f"{size.peak / 2**20:.0f} MiB",
        f"{size.disk / 2**20:.0f} MiB",
        f"{size.restart:.1f} s",
    )


NOTE = """
One consumer at the defaults of `configs/orders_stream.yml`; it never forgets an order_id. At each size it was started
again and read what was missing, a million messages at a time. Memory is resident, of all processes of the program. The
last column is a start with as many order_ids in the store, from the command to the end of its first batch of 100
messages.
"""

if __name__ == "__main__":
    sys.exit(main())
