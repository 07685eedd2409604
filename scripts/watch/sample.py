"""A made-up snapshot, for pictures in the documents and for tests: needs no service and no files."""

from __future__ import annotations

from datetime import datetime, timedelta

from configs.contract import UTC
from scripts.watch.snapshot import (
    Batches,
    Day,
    Flow,
    LakeFigures,
    Orders,
    Processes,
    Running,
    Snapshot,
    StateFile,
)

AT = datetime(2025, 11, 19, 9, 45, 30, tzinfo=UTC)


def sample_snapshot() -> Snapshot:
    """A pipeline under load, with four messages that the consumer has not finished yet."""
    at, newest = AT.timestamp(), AT - timedelta(seconds=1.25)
    started = at - 754
    return Snapshot(
        at=at,
        rollnumber="2025em1100471",
        topic_name="2025em1100471_food_orders_raw",
        orders=Orders(1_247, newest),
        state=StateFile("2025-11-19T09:45:26.500000Z", newest - timedelta(seconds=2.25)),
        topic={0: 412, 1: 420, 2: 403},
        batches=Batches(96, 95, {0: 411, 1: 418, 2: 402}, seconds=0.62, ended_at=at - 1),
        lake=LakeFigures((Day("2025-11-19", 1_215, 188), Day("2025-11-18", 7, 3)), uncounted=1),
        quarantine={"order_id is missing": 6, "amount is negative": 3},
        processes=Processes(
            (
                Running("postgres", "up", 4127, started, 71 << 20, "127.0.0.1:5432"),
                Running("kafka", "up", 4126, started, 319 << 20, "127.0.0.1:9092"),
                Running("producer", "up", 4302, started + 12, 402 << 20),
                Running("consumer", "up", 4305, started + 12, 588 << 20),
            )
        ),
        flow=Flow(at, inserted=12.4, published=11.8, read=11.7, written=11.1, lag=4),
    )
