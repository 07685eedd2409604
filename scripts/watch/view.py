"""A snapshot in words: the tables that the terminal and the page show. No formatting is done after this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from configs.contract import format_timestamp
from configs.wording import counted
from scripts.watch.snapshot import (
    WAITS,
    Batches,
    LakeFigures,
    NoAnswer,
    Orders,
    Processes,
    Running,
    Snapshot,
    StateFile,
    lags,
)

MAX_PARTITIONS = 8  # in the order of their numbers; more are sorted by their lag


@dataclass(frozen=True)
class Row:
    """A table's row. `is_wrong`: something does not answer, or is not as it should be."""

    cells: tuple[str, ...]
    is_wrong: bool = False


@dataclass(frozen=True)
class Table:
    """A table and its heads. `numbers`: the columns with numbers, from 0. `empty`: its text without rows."""

    id: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    numbers: tuple[int, ...] = ()
    empty: str = ""


@dataclass(frozen=True)
class View:
    """All that is shown. `summary` is the shortest form of it; `warning` is what to do first, empty for nothing."""

    title: str
    time: str
    summary: str
    stages: Table
    partitions: Table
    dates: Table
    reasons: Table
    processes: Table
    warning: str = ""


def view(snapshot: Snapshot) -> View:
    """The tables of a snapshot. Times of day are those of this machine, order times are UTC."""
    processes = snapshot.processes
    return View(
        title=f"Orders of {snapshot.rollnumber}",
        time=datetime.fromtimestamp(snapshot.at).strftime("%H:%M:%S"),
        summary="lag unknown" if snapshot.flow.lag is None else f"lag {snapshot.flow.lag:,}",
        stages=_stages(snapshot),
        partitions=_partitions(snapshot),
        dates=_dates(snapshot.lake),
        reasons=_reasons(snapshot.quarantine),
        processes=_processes(processes, snapshot.at),
        warning=processes.warning if isinstance(processes, Processes) else "",
    )


def elapsed(seconds: float) -> str:
    """A time span in its one or two greatest units: 0.62 s, 12 s, 3 min 5 s, 2 h 10 min, 4 d 3 h."""
    if seconds < 10:
        return f"{max(0.0, seconds):.2g} s"
    whole = int(seconds)
    for size, unit, below, unit_below in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit}" + (f" {rest} {unit_below}" if rest else "")
    return f"{whole} s"


def _counted(count: int, noun: str) -> str:
    return counted(count, noun).replace(str(count), f"{count:,}", 1)


def _stages(snapshot: Snapshot) -> Table:
    flow = snapshot.flow
    rows = (
        _orders(snapshot.orders, flow.inserted),
        _state(snapshot.state, snapshot.orders),
        _topic(snapshot.topic, snapshot.topic_name, flow.published),
        _consumer(snapshot.batches, snapshot.topic_name, flow.read, flow.lag),
        _batches(snapshot.batches, snapshot.at),
        _lake(snapshot.lake, flow.written),
        _quarantine(snapshot.quarantine),
    )
    return Table("stages", ("stage", "so far", "rate", ""), rows, numbers=(1, 2))


def _stage(name: str, figure: str, rate: float | None, detail: str, *, is_wrong: bool = False) -> Row:
    return Row((name, figure, "" if rate is None else f"{rate:,.1f}/s", detail), is_wrong)


def _silent(name: str, part: NoAnswer) -> Row:
    return _stage(name, "", None, part.text, is_wrong=True)


def _orders(orders: Orders | NoAnswer, rate: float | None) -> Row:
    if isinstance(orders, NoAnswer):
        return _silent("Postgres", orders)
    newest = f"newest {format_timestamp(orders.newest)}" if orders.newest else "no orders yet"
    return _stage("Postgres", _counted(orders.rows, "row"), rate, newest)


def _state(state: StateFile | NoAnswer, orders: Orders | NoAnswer) -> Row:
    if isinstance(state, NoAnswer):
        return _silent("State", state)
    if state.text is None:
        return _stage("State", "", None, "no state file")
    if state.timestamp is None:
        text = f"no timestamp in it: {state.text[:40]!r}" if state.text else "the state file is empty"
        return _stage("State", "", None, text, is_wrong=True)
    distance = ""
    if not isinstance(orders, NoAnswer) and orders.newest is not None:
        distance = _distance(state.timestamp - orders.newest)
    return _stage("State", distance, None, f"at     {format_timestamp(state.timestamp)}")


def _distance(ahead: timedelta) -> str:
    if not ahead:
        return "at the newest"
    return f"{elapsed(abs(ahead.total_seconds()))} {'ahead' if ahead > timedelta(0) else 'behind'}"


def _topic(topic: Mapping[int, int] | NoAnswer, name: str, rate: float | None) -> Row:
    if isinstance(topic, NoAnswer):
        return _silent("Topic", topic)
    if not topic:
        return _stage("Topic", "", None, f"no topic {name}: `make topic`", is_wrong=True)
    return _stage("Topic", _counted(sum(topic.values()), "message"), rate, _counted(len(topic), "partition"))


def _consumer(batches: Batches | NoAnswer, topic: str, rate: float | None, lag: int | None) -> Row:
    if isinstance(batches, NoAnswer):
        return _silent("Consumer", batches)
    if batches.other_topics:
        return _stage("Consumer", "", None, f"has read {', '.join(batches.other_topics)}, not {topic}", is_wrong=True)
    is_wrong = lag is not None and lag < 0
    detail = "lag unknown" if lag is None else f"lag {lag:,}" + (": is it another topic?" if is_wrong else "")
    return _stage("Consumer", f"{sum(batches.ends.values()):,} read", rate, detail, is_wrong=is_wrong)


def _batches(batches: Batches | NoAnswer, at: float) -> Row:
    if isinstance(batches, NoAnswer):
        return _silent("Batches", batches)
    under_way = f"batch {batches.planned} under way" if batches.is_under_way else ""
    if batches.finished is None:
        return _stage("Batches", "", None, under_way or "no checkpoint yet")
    took = "" if batches.seconds is None else f"took {elapsed(batches.seconds)}"
    ago = "" if batches.ended_at is None else f"{elapsed(int(at - batches.ended_at))} ago"
    last = ", ".join(filter(None, (took, ago)))
    return _stage("Batches", f"{batches.finished + 1:,} finished", None, "; ".join(filter(None, (last, under_way))))


def _lake(lake: LakeFigures | NoAnswer, rate: float | None) -> Row:
    if isinstance(lake, NoAnswer):
        return _silent("Lake", lake)
    if lake.other_format:
        return _stage("Lake", "", None, f"not Parquet: {lake.other_format}", is_wrong=True)
    details = [_counted(lake.files, "file")]
    details += [f"{lake.uncounted:,} not in the sink log"] if lake.uncounted else []
    details += [f"{lake.unreadable:,} cannot be read"] if lake.unreadable else []
    return _stage("Lake", _counted(lake.rows, "row"), rate, "; ".join(details), is_wrong=lake.unreadable > 0)


def _quarantine(reasons: Mapping[str, int] | NoAnswer | None) -> Row:
    if isinstance(reasons, NoAnswer):
        return _silent("Quarantine", reasons)
    if reasons is None:
        return _stage("Quarantine", "", None, "none yet")
    detail = _counted(len(reasons), "reason") if reasons else "nothing was rejected"
    return _stage("Quarantine", _counted(sum(reasons.values()), "message"), None, detail)


def _partitions(snapshot: Snapshot) -> Table:
    topic, batches = snapshot.topic, snapshot.batches
    ends = {} if isinstance(topic, NoAnswer) else topic
    finished = {} if isinstance(batches, NoAnswer) else batches.ends
    lag = lags(topic, batches) or {}
    numbers = sorted({*ends, *finished})
    if len(numbers) > MAX_PARTITIONS:
        numbers.sort(key=lambda number: (-lag.get(number, 0), number))
    rows = [
        Row(tuple(_number(value) for value in (number, ends.get(number), finished.get(number), lag.get(number))))
        for number in numbers
    ]
    heads = ("partition", "end", "finished", "lag")
    return Table("partitions", heads, tuple(rows), numbers=(0, 1, 2, 3), empty="no offsets")


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _dates(lake: LakeFigures | NoAnswer) -> Table:
    days = () if isinstance(lake, NoAnswer) else lake.days
    rows = tuple(Row((day.name, f"{day.rows:,}", f"{day.files:,}")) for day in days)
    return Table("dates", ("date", "rows", "files"), rows, numbers=(1, 2), empty="no rows in the lake")


def _reasons(reasons: Mapping[str, int] | NoAnswer | None) -> Table:
    found = reasons if isinstance(reasons, Mapping) else {}
    rows = tuple(Row((f"{count:,}", reason)) for reason, count in found.items())
    return Table("reasons", ("messages", "reason"), rows, numbers=(0,), empty="nothing was rejected")


def _processes(processes: Processes | NoAnswer, at: float) -> Table:
    heads = ("runs", "", "pid", "memory", "up for", "")
    if isinstance(processes, NoAnswer):
        rows: tuple[Row, ...] = (Row(("", processes.text, "", "", "", ""), is_wrong=True),)
    else:
        rows = tuple(_process(one, at) for one in processes.running)
    return Table("processes", heads, rows, numbers=(2, 3, 4))


def _process(one: Running, at: float) -> Row:
    memory = "" if one.memory is None else f"{one.memory / 2**20:,.0f} MiB"
    up_for = "" if one.started_at is None else elapsed(int(at - one.started_at))
    pid = "" if one.pid is None else str(one.pid)
    return Row((one.name, one.state, pid, memory, up_for, one.about), is_wrong=one.state in ("down", WAITS))
