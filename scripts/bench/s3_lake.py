"""A lake on S3 beside the same lake on a disk: the grader's time, and the consumer's time for small batches.

    .venv/bin/python -m scripts.bench.s3_lake [--rows 20000000] [--files 1000] [--batches 30]

Both lakes are on the same machine, the one on S3 in the kit's own S3. The sides take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

import yaml
from pyarrow import fs

from configs.settings import load_settings, local_path
from configs.storage import S3Path, lake_place
from grader.evidence.sink_log import FOLDER as SINK_LOG
from scripts.bench.grader import Measured, Side, measure
from scripts.bench.lake_backlog import is_consumed, publish_orders
from scripts.bench.lakes import Plan, build
from scripts.bench.page import record, section
from scripts.bench.subject import running_program
from scripts.pipeline import position
from scripts.pipeline.services import services_of
from scripts.pipeline.store_proxy import behind, store_proxy
from scripts.pipeline.temporary_stack import temporary_cluster
from scripts.pipeline.topic import make_topic
from scripts.services import s3
from scripts.services.stack import CONSUMER, Stack

ROWS, FILES, DAYS = 20_000_000, 1_000, 25
BATCH_ROWS, BATCHES, WARM_UP = 1_000, 30, 10
COUNTED = 20  # batches; every tenth compacts the lake's log
TIMEOUT = 300.0
MAX_GRADER_RATIO, MAX_GRADER_BYTES, MAX_BATCH_RATIO = 12.0, 2**30, 1.6  # the targets


def measure_grader(plan: Plan, times: int) -> tuple[Measured, Measured]:
    """The grader on the lake on a disk, and on S3."""
    with temporary_cluster(brokers=1, with_spark=False, rollnumber="2025bench04") as stack:
        s3.up(stack)
        with _on_disk(stack) as disk:
            build(disk.settings, plan)
            _upload(disk, stack)
            sides = [_side(name, one) for name, one in (("disk", disk), ("s3", stack))]
            local, remote = measure(sides, times)
    return local, remote


def _side(name: str, stack: Stack) -> Side:
    root, config = stack.settings.root, stack.settings.source
    command = (sys.executable, "-m", "grader", "grade", "--config", config, "--database", "off")
    return Side(name, [(*command, "--out", root / f"reports_{name}")], {})


@contextlib.contextmanager
def _on_disk(stack: Stack) -> Iterator[Stack]:
    """The same stack with a lake on a disk, and a checkpoint of its own."""
    values = yaml.safe_load(stack.settings.source.read_text(encoding="utf-8"))
    values["datalake"] = {**values["datalake"], "path": "datalake/orders", "quarantine_path": "datalake/quarantine"}
    with tempfile.TemporaryDirectory(prefix="food-orders-disk-") as folder:
        path = Path(folder) / "configs" / "orders_stream.yml"
        path.parent.mkdir()
        path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
        yield Stack(load_settings(path, environment={}), reads_environment=False, short_lived=stack.short_lived)


def _upload(disk: Stack, stack: Stack) -> None:
    """Copy the lake to S3, without checksum files and with the paths of S3 in its log; the rest stays the same."""
    source, target = local_path(disk.settings.datalake.path), lake_place(stack.settings)
    assert isinstance(target, S3Path)
    store = target.filesystem
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            content = path.read_bytes()
            if path.parent.name == SINK_LOG:
                content = content.replace(source.as_uri().encode(), str(target).encode())
            with store.open_output_stream((target / path.relative_to(source).as_posix()).in_bucket) as stream:
                stream.write(content)
    for key in ("checkpoint_location", "last_processed_timestamp_location"):
        old, new = (Path(getattr(one.settings.streaming, key)) for one in (disk, stack))
        new.parent.mkdir(parents=True, exist_ok=True)
        fs.copy_files(str(old), str(new))


def measure_batches(batches: int) -> tuple[list[float], list[float]]:
    """Seconds of each batch of BATCH_ROWS messages to the lake on a disk, and to S3; the consumers take turns."""
    with temporary_cluster(brokers=1, with_spark=False, rollnumber="2025bench05", short_lived=False) as stack:
        services_of(stack).up()
        make_topic(stack.settings.kafka)
        with (
            _on_disk(stack) as disk,
            running_program(disk, CONSUMER) as first,
            running_program(stack, CONSUMER) as second,
        ):
            pairs = ((disk, first), (stack, second))
            for turn in range(WARM_UP + batches):
                publish_orders(stack.settings.kafka, BATCH_ROWS, turn * BATCH_ROWS)
                for at, (one, consumer) in enumerate(pairs):
                    with pairs[1 - at][1].paused():
                        consumer.wait(partial(is_consumed, one.settings), "the batch", TIMEOUT)
            local, remote = (_seconds(one, batches) for one, _ in pairs)
    return local, remote


def measure_requests(batches: int) -> Counter[str]:
    """Requests to S3 of that many batches of BATCH_ROWS messages, by kind."""
    with temporary_cluster(brokers=1, with_spark=False, rollnumber="2025bench06") as stack:
        services_of(stack).up()
        make_topic(stack.settings.kafka)
        with store_proxy(stack.settings.s3.endpoint) as (store, address):
            changed, variables = behind(stack, address)
            with running_program(changed, CONSUMER, variables) as consumer:
                for turn in range(WARM_UP + batches):
                    if turn == WARM_UP:
                        before = store.requests.copy()
                    publish_orders(stack.settings.kafka, BATCH_ROWS, turn * BATCH_ROWS)
                    consumer.wait(partial(is_consumed, stack.settings), "the batch", TIMEOUT)
            return store.requests - before


def _seconds(stack: Stack, count: int) -> list[float]:
    """From plan to commit, of the last batches."""
    checkpoint = local_path(stack.settings.streaming.checkpoint_location)
    last = position.lake_stream(stack.settings).finished or 0
    return [
        (checkpoint / "commits" / str(batch)).stat().st_mtime - (checkpoint / "offsets" / str(batch)).stat().st_mtime
        for batch in range(last - count + 1, last + 1)
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.s3_lake")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of the lake that is graded (default {ROWS})")
    parser.add_argument("--files", type=int, default=FILES, help=f"its files (default {FILES})")
    parser.add_argument("--times", type=int, default=3, help="how often each side grades it (default 3)")
    parser.add_argument("--batches", type=int, default=BATCHES, help=f"batches of 1,000 rows (default {BATCHES})")
    parser.add_argument("--dry-run", action="store_true", help="record nothing in docs/measured/bench/")
    options = parser.parse_args(arguments)
    slow, fast = reversed([median(seconds) for seconds in measure_batches(options.batches)])
    print(f"batch: {fast:.3f} s on a disk, {slow:.3f} s on S3", flush=True)
    local, remote = measure_grader(Plan(options.rows, options.files, DAYS), options.times)
    graded, batch = remote.seconds / local.seconds, slow / fast
    is_graded = graded <= MAX_GRADER_RATIO and remote.peak <= MAX_GRADER_BYTES
    rows = (
        (
            f"grading {options.rows:,} rows in {options.files:,} files",
            f"{local.seconds:.2f} s, {local.peak >> 20} MiB",
            f"{remote.seconds:.2f} s, {remote.peak >> 20} MiB",
            f"{graded:.2f}",
            f"{MAX_GRADER_RATIO:g} times, 1024 MiB: {_met(is_graded)}",
        ),
        (
            f"a batch of {BATCH_ROWS:,} rows, median of {options.batches}",
            f"{fast:.3f} s",
            f"{slow:.3f} s",
            f"{batch:.2f}",
            f"{MAX_BATCH_RATIO:g} times: {_met(batch <= MAX_BATCH_RATIO)}",
        ),
    )
    headers = ("work", "lake on a disk", "lake on S3", "times", "target, at most")
    command = f"python -m scripts.bench.s3_lake --rows {options.rows} --files {options.files}"
    requests = measure_requests(COUNTED)
    counts = ", ".join(f"{count / COUNTED:.1f} {kind}" for kind, count in sorted(requests.items()))
    note = f"Requests to S3 for a batch of {BATCH_ROWS:,} rows of one date, mean of {COUNTED}: {counts}."
    measured = section("A lake on S3", command, headers, rows, (*NOTES, note))
    print(measured.table())
    if not options.dry_run:
        record("s3_lake", measured)
    return 0


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


NOTES = (
    """
    Both lakes are on one machine; S3 is the kit's own, which has the same two cores. The grader's runs take turns and
    are whole processes with all checks. The two consumers read the same messages and take turns: one is paused while
    the other has its batch. A batch's time is from its plan to its commit in the checkpoint, which is on the disk.
    """,
)

if __name__ == "__main__":
    sys.exit(main())
