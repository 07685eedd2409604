"""How the rows moved: facts from the evidence for the charts. No check depends on this module.

A copy does not keep the times of files. So all times come from the content of files:

- the rounds' records
- `batchTimestampMs` of the checkpoint's offsets: when Spark planned a batch
- `modificationTime` of the sink log: when a file was written
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from configs.contract import EPOCH, Snapshot
from configs.wording import counted
from grader.evidence.orders import MICROSECOND, moment_or_none
from grader.evidence.state import read_value

if TYPE_CHECKING:
    from grader.evidence import Evidence
    from grader.evidence.rounds import Run

MAX_MOMENTS = 120
MAX_BARS = 40
MAX_ROUNDS = 20
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Moment:
    """What is known about one moment: the rows in each stage, and times in microseconds since 1970.

    An unknown value is None. `at_us` is None for the moment of grading, so that the same evidence gives the same
    charts. `round` names the round of this moment.
    """

    at_us: int | None
    what: str
    round: str | None = None
    postgres: int | None = None
    kafka: int | None = None  # messages since the consumer's start offsets
    lake: int | None = None
    newest_inserted_us: int | None = None  # greatest created_at that a round inserted up to this moment
    newest_in_lake_us: int | None = None
    state_us: int | None = None


@dataclass(frozen=True)
class Span:
    """The moments of a round: indexes of its first and last moment."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class Batch:
    """Rows that a batch of the consumer read from the topic, and rows that it wrote to the lake; None if unknown.

    `label` is the batch's id. If there are too many batches for a chart, it is a range of ids.
    """

    label: str
    read: int | None
    written: int | None


@dataclass(frozen=True)
class Timeline:
    """Everything that the charts show. A part without evidence is empty."""

    moments: tuple[Moment, ...] = ()
    rounds: tuple[Span, ...] = ()
    dates: tuple[tuple[str, int], ...] = ()  # date folder -> rows; month or year if there are too many dates
    batches: tuple[Batch, ...] = ()


def timeline(evidence: Evidence) -> Timeline:
    """The facts for the charts, combined to the number that a chart can show: see MAX_MOMENTS and MAX_BARS."""
    runs = evidence.rounds.runs[-MAX_ROUNDS:]
    deliveries = _deliveries(evidence)
    events = [moment for run in runs for moment in _of_run(run, _start(evidence))]
    events += _planned(evidence)
    events += _delivered(deliveries)
    events.sort(key=lambda moment: moment.at_us or 0)  # stable: equal times stay in the order of the pipeline
    graded = _graded(evidence)
    moments = _folded([*events, *([graded] if graded else [])], MAX_MOMENTS)
    return Timeline(
        moments, _spans(moments), _dates(evidence.lake.figures.partitions or {}), _batches(evidence, deliveries)
    )


@dataclass(frozen=True)
class _Delivery:
    """Files that one batch wrote to the lake; `batch` is None if the checkpoint no longer has it."""

    at_ms: int
    batch: int | None
    rows: int
    newest_us: int | None


def _start(evidence: Evidence) -> int:
    starts = evidence.checkpoint.start_offsets or {}
    return sum(offset for ends in starts.values() for offset in ends.values())


def _of_run(item: Run, start: int) -> list[Moment]:
    run, name = item.run, item.name
    began, ended = moment_or_none(run.started_at), moment_or_none(run.finished_at)
    if began is None or ended is None:
        return []
    created = [moment for row in run.inserted if (moment := moment_or_none(row.created_at)) is not None]
    return [
        _of_snapshot(began, f"{name} begins", name, run.before, start),
        Moment(
            began,
            f"{name}: {counted(len(run.inserted), 'row')} inserted",
            name,
            postgres=run.before.postgres_rows + len(run.inserted),
            newest_inserted_us=max(created, default=None),
        ),
        _of_snapshot(ended, f"{name} ends", name, run.after, start),
    ]


def _of_snapshot(at_us: int, what: str, name: str, seen: Snapshot, start: int) -> Moment:
    return Moment(
        at_us,
        what,
        name,
        postgres=seen.postgres_rows,
        kafka=sum(seen.topic_offsets.values()) - start if seen.topic_offsets else None,
        lake=seen.lake_rows,
        state_us=_state_us(seen.state),
    )


def _state_us(text: str | None) -> int | None:
    try:
        return None if text is None else (read_value(text).timestamp - EPOCH) // MICROSECOND
    except ValueError:
        return None


def _planned(evidence: Evidence) -> list[Moment]:
    checkpoint, start = evidence.checkpoint, _start(evidence)
    return [
        Moment(at_ms * 1000, f"batch {batch} planned", kafka=_total(checkpoint.offsets[batch]) - start)
        for batch, at_ms in sorted(checkpoint.started_ms.items())
    ]


def _total(offsets: Mapping[str, Mapping[int, int]]) -> int:
    return sum(offset for ends in offsets.values() for offset in ends.values())


def _deliveries(evidence: Evidence) -> list[_Delivery]:
    """The lake's files grouped by the batch that ran when they were written, oldest first."""
    lake = evidence.lake
    known = sorted((at_ms, batch) for batch, at_ms in evidence.checkpoint.started_ms.items())
    scans = lake.scans if lake.figures.rows is not None else ()
    newest = {scan.path: scan.greatest_created_us for scan in scans}
    groups: dict[tuple[str, int], list[_Delivery]] = {}
    for file, footer in zip(lake.files, lake.footers, strict=True):
        at_ms = file.logged.modified_ms if file.logged else None
        if at_ms is None or footer.error:
            continue
        place = bisect_right(known, at_ms, key=lambda item: item[0])
        batch = known[place - 1][1] if place else None
        # If the batch is unknown, files of the same second belong together.
        key = ("batch", batch) if batch is not None else ("second", at_ms // 1000)
        groups.setdefault(key, []).append(_Delivery(at_ms, batch, footer.rows, newest.get(file.path)))
    return sorted(
        (
            _Delivery(
                max(file.at_ms for file in files),
                files[0].batch,
                sum(file.rows for file in files),
                max((file.newest_us for file in files if file.newest_us is not None), default=None),
            )
            for files in groups.values()
        ),
        key=lambda delivery: delivery.at_ms,
    )


def _delivered(deliveries: Iterable[_Delivery]) -> list[Moment]:
    moments, rows = [], 0
    newest: int | None = None
    for delivery in deliveries:
        rows += delivery.rows
        newest = max((value for value in (newest, delivery.newest_us) if value is not None), default=None)
        batch = "an earlier batch" if delivery.batch is None else f"batch {delivery.batch}"
        moments.append(Moment(delivery.at_ms * 1000, f"{batch} in the lake", lake=rows, newest_in_lake_us=newest))
    return moments


def _graded(evidence: Evidence) -> Moment | None:
    """The present state of every stage; None if there is nothing."""
    lake, checkpoint, state = evidence.lake, evidence.checkpoint, evidence.state.value
    now = Moment(
        None,
        "graded",
        postgres=evidence.database.row_count,
        kafka=None if checkpoint.end_offset is None else checkpoint.end_offset - _start(evidence),
        lake=lake.figures.rows,
        newest_in_lake_us=lake.greatest_created_us if lake.figures.rows is not None else None,
        state_us=None if state is None else (state.timestamp - EPOCH) // MICROSECOND,
    )
    return None if all(getattr(now, name) is None for name in _VALUES) else now


_VALUES = tuple(field.name for field in fields(Moment) if field.name not in ("at_us", "what", "round"))


def _folded(moments: list[Moment], limit: int) -> tuple[Moment, ...]:
    """About `limit` moments at most: neighbours outside rounds are merged into one with the latest values."""
    size = -(-len(moments) // limit) if moments else 1
    folded: list[Moment] = []
    chunk: list[Moment] = []
    for moment in moments:
        if moment.round is not None or moment.at_us is None:
            folded += [*_merged(chunk), moment]
            chunk = []
            continue
        chunk.append(moment)
        if len(chunk) == size:
            folded += _merged(chunk)
            chunk = []
    return (*folded, *_merged(chunk))


def _merged(chunk: list[Moment]) -> list[Moment]:
    if len(chunk) < 2:
        return chunk
    latest = {
        name: next((value for moment in reversed(chunk) if (value := getattr(moment, name)) is not None), None)
        for name in _VALUES
    }
    return [Moment(chunk[-1].at_us, f"{chunk[0].what} to {chunk[-1].what}", **latest)]


def _spans(moments: tuple[Moment, ...]) -> tuple[Span, ...]:
    places: dict[str, list[int]] = {}
    for at, moment in enumerate(moments):
        if moment.round is not None:
            places.setdefault(moment.round, []).append(at)
    return tuple(Span(name, at[0], at[-1]) for name, at in places.items())


def _dates(partitions: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Rows per date folder; if there are too many for a chart, per month, or per year."""
    for length in (10, 7, 4):
        sums: dict[str, int] = {}
        for day, rows in sorted(partitions.items()):
            key = day[:length] if _DATE.fullmatch(day) else day if length == 10 else "no date"
            sums[key] = sums.get(key, 0) + rows
        if len(sums) <= MAX_BARS:
            return tuple(sums.items())
    shown = list(sums.items())[: MAX_BARS - 1]
    return (*shown, ("others", sum(sums.values()) - sum(rows for _, rows in shown)))


def _batches(evidence: Evidence, deliveries: Iterable[_Delivery]) -> tuple[Batch, ...]:
    """Rows that each batch read and wrote; if there are too many for a chart, neighbours are added up."""
    checkpoint = evidence.checkpoint
    written: dict[int, int] = {}
    for delivery in deliveries:
        if delivery.batch is not None:
            written[delivery.batch] = written.get(delivery.batch, 0) + delivery.rows
    totals = {batch: _total(offsets) for batch, offsets in checkpoint.offsets.items()}
    if checkpoint.start_offsets is not None:
        totals[-1] = _start(evidence)
    ids = sorted(checkpoint.offsets)
    single = [
        Batch(
            str(batch),
            totals[batch] - totals[batch - 1] if batch - 1 in totals else None,
            written.get(batch, 0) if written else None,
        )
        for batch in ids
    ]
    size = -(-len(single) // MAX_BARS) if single else 1
    return tuple(_added(single[at : at + size]) for at in range(0, len(single), size))


def _added(batches: list[Batch]) -> Batch:
    if len(batches) == 1:
        return batches[0]
    read = [batch.read for batch in batches if batch.read is not None]
    written = [batch.written for batch in batches if batch.written is not None]
    return Batch(
        f"{batches[0].label}–{batches[-1].label}", sum(read) if read else None, sum(written) if written else None
    )
