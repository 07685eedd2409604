"""A backlog from Kafka to the lake: ours and the naive baseline. Also: the cost of our store of order_ids.

    .venv/bin/python -m scripts.bench.lake_backlog [--rows 1000000]

Each consumer runs alone on a stack of its own. It is paused while the messages are published. It is done when the sink
log has all of their rows. The backlogs, one after the other:

- a hundredth of the rows, a tenth, all
- all once more: every order_id is looked up in a store that already has a million
- small batches, as in a course

The last two are compared, batch by batch, with the same consumer without its store.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from configs.contract import ORDER_STATUSES, format_timestamp
from configs.settings import Kafka, Settings, local_path
from scripts.bench.backlog import FIRST_MOMENT, IDLE, ROWS, STEP, TIMEOUT, Figures, Timing, figures_row, sizes
from scripts.bench.page import record, section
from scripts.bench.subject import running_program
from scripts.pipeline import position
from scripts.pipeline.programs import NAIVE
from scripts.pipeline.services import services_of
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.pipeline.topic import end_offsets, make_topic, publish
from scripts.services.stack import OURS, Programs

WITHOUT_STORE = Path(__file__).with_name("without_store")
WARM_UP = 10  # messages, as many as the base rows
BATCHES = 2  # of the last backlog
SMALL_BATCHES, SMALL_ROWS = 20, 100


@dataclass(frozen=True)
class LakeFigures:
    """The measurements of one consumer.

    `batches`: seconds for each full batch of the last backlog. `small_batches`: seconds for each batch of SMALL_ROWS
    after it.
    """

    figures: Figures
    batches: tuple[float, ...] = ()
    small_batches: tuple[float, ...] = ()


def publish_orders(kafka: Kafka, rows: int, before: int = 0) -> None:
    """Publish orders with the ids after `before`, as the producer would."""
    order_ids = range(before + 1, before + rows + 1)
    publish(kafka, (_event(order_id) for order_id in order_ids), (str(order_id).encode() for order_id in order_ids))


def _event(order_id: int) -> bytes:
    moment = format_timestamp((FIRST_MOMENT + order_id * STEP).astimezone())
    return (
        f'{{"order_id":{order_id},"customer_name":"Customer {order_id % 997}",'
        f'"restaurant_name":"Restaurant {order_id % 101}","item":"Dish {order_id % 211}",'
        f'"amount":{order_id * 7919 % 90_000 / 100 + 1:.2f},"order_status":"{ORDER_STATUSES[order_id % 4]}",'
        f'"created_at":"{moment}"}}'
    ).encode()


def measure_consumer(programs: Programs, backlogs: Sequence[int], *, with_store: bool = True) -> LakeFigures:
    """The consumer of a design.

    Raises:
        KitError: it ended, or took longer than TIMEOUT.
    """
    environment = {} if with_store else {"PYTHONPATH": str(WITHOUT_STORE)}
    # A batch is half of the largest backlog. For a million rows that is the config's default.
    changes = {"streaming": {"max_offsets_per_trigger": max(backlogs) // BATCHES}}
    with temporary_stack(changes, rollnumber="2025bench01", programs=programs, short_lived=False) as stack:
        settings = stack.settings
        services_of(stack).up()
        make_topic(settings.kafka)
        publish_orders(settings.kafka, WARM_UP)
        with running_program(stack, "consumer", environment) as consumer:
            consumer.wait(lambda: is_consumed(settings), "the first rows in the lake", TIMEOUT)
            time.sleep(IDLE)
            idle = consumer.memory
            done: list[Timing] = []
            published = WARM_UP
            for rows in backlogs:
                with consumer.paused():
                    publish_orders(settings.kafka, rows, published)
                started = time.time()
                consumer.wait(lambda: is_consumed(settings), f"{rows} more rows in the lake", TIMEOUT)
                done.append(Timing(rows, _last_log_entry(settings) - started))
                published += rows
            figures = Figures(tuple(done), idle, consumer.peak)
            if programs != OURS:
                return LakeFigures(figures)
            batches = _batches(settings, settings.streaming.max_offsets_per_trigger, BATCHES)
            for _ in range(SMALL_BATCHES):
                with consumer.paused():
                    publish_orders(settings.kafka, SMALL_ROWS, published)
                consumer.wait(lambda: is_consumed(settings), f"{SMALL_ROWS} more rows in the lake", TIMEOUT)
                published += SMALL_ROWS
            return LakeFigures(figures, batches, _batches(settings, SMALL_ROWS, SMALL_BATCHES))


def is_consumed(settings: Settings) -> bool:
    """Whether the lake's stream has finished all of the topic."""
    stream = position.lake_stream(settings)
    return stream.planned is not None and stream.has_finished(end_offsets(settings.kafka))


def _last_log_entry(settings: Settings) -> float:
    """When the sink log got its last batch, in seconds since 1970."""
    log = local_path(settings.datalake.path) / "_spark_metadata"
    return max(path.stat().st_mtime for path in log.iterdir() if path.name.split(".")[0].isdigit())


def _batches(settings: Settings, rows: int, count: int) -> tuple[float, ...]:
    """Seconds from plan to commit of the last `count` batches that have about `rows` rows."""
    checkpoint, topic = local_path(settings.streaming.checkpoint_location), settings.kafka.topic
    seconds: list[float] = []
    before = 0
    for batch in range((position.lake_stream(settings).finished or 0) + 1):
        plan = checkpoint / "offsets" / str(batch)
        end = sum(json.loads(plan.read_text(encoding="utf-8").splitlines()[-1])[topic].values())
        if end - before > 0.9 * rows:  # Spark divides them among the partitions and rounds
            seconds.append((checkpoint / "commits" / str(batch)).stat().st_mtime - plan.stat().st_mtime)
        before = end
    return tuple(seconds[-count:])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.lake_backlog")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of the largest backlog (default {ROWS})")
    parser.add_argument("--dry-run", action="store_true", help="record nothing in docs/measured/bench/")
    options = parser.parse_args(arguments)
    backlogs = (*sizes(options.rows), options.rows)
    ours = measure_consumer(OURS, backlogs)
    rate = max(ours.figures.timings, key=lambda timing: timing.rows).rows_per_second
    rows = [figures_row(ours.figures, "ours", rate)]
    print(rows[-1], ours.batches, flush=True)
    without = measure_consumer(OURS, backlogs, with_store=False)
    rows.append(figures_row(without.figures, "ours, without its store", rate))
    print(rows[-1], without.batches, flush=True)
    naive = measure_consumer(NAIVE, backlogs).figures
    rows.append(figures_row(naive, "naive baseline", rate))
    speed = rate / max(naive.timings, key=lambda timing: timing.rows).rows_per_second
    target = f"Target: 0.9 of the naive baseline's speed. Measured: {speed:.2f}."
    sizes_text = [f"{size:,} rows" for size in backlogs]
    sizes_text[-1] += " more"
    headers = ("consumer", *sizes_text, "rows per second", "ours, times this", "memory, idle", "memory, peak")
    cost = (target, *store_cost(ours, without))
    command = f"python -m scripts.bench.lake_backlog --rows {options.rows}"
    measured = section("From Kafka to the lake", command, headers, rows, (*NOTES, *cost))
    print(measured.table(), *cost, sep="\n")
    if not options.dry_run:
        record("lake_backlog", measured)
    return 0


def store_cost(ours: LakeFigures, without: LakeFigures) -> tuple[str, ...]:
    """The share of a batch's time that the store takes: one text for each of the two batch sizes."""
    large = max(timing.rows for timing in ours.figures.timings) // BATCHES
    return tuple(
        f"Batches of {rows:,} rows, median of {len(slow)} each: {median(slow):.3f} s with the store and "
        f"{median(fast):.3f} s without. {_share(median(slow), median(fast))}"
        for rows, slow, fast in (
            (large, ours.batches, without.batches),
            (SMALL_ROWS, ours.small_batches, without.small_batches),
        )
    )


def _share(slow: float, fast: float) -> str:
    if fast >= slow:
        return "One run cannot tell the store's share of such a batch's time."
    return f"The store takes {1 - fast / slow:.0%} of such a batch's time."


NOTES = (
    """
    Each consumer runs alone, at the defaults of `configs/orders_stream.yml`. It has read ten rows and is paused while
    the messages are published. It is done when the sink log has all of them. Memory is resident, of all processes of
    the program.
    """,
    """
    Ours remembers every order_id and counts what it rejects. A batch with rejects would be read again for the
    quarantine; here there is none. The naive baseline does neither. The store already holds 1.11 times as many
    order_ids as the last backlog has. Without the store the same batches go through the same shuffle, and repeats are
    kept.
    """,
    """
    The cost of the store when it holds the order_ids of all backlogs. Target: at most 15% of a batch's time. Each key
    needs a lookup and a write in RocksDB. Java calls them one by one, in the single task of `state_partitions: 1`. Two
    partitions would share them, but would leave two files for each date and batch instead of one.
    """,
)

if __name__ == "__main__":
    sys.exit(main())
