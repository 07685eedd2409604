"""The charts of report.html: how the rows moved, the state against the newest order, rows per date, rows per batch."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import accumulate

from configs.wording import counted
from grader.evidence.orders import SECOND_US, moment_text
from grader.renderers import one_line
from grader.renderers.drawing import Drawing, Line, bars, counts_over_time, rows_text, times_over_time
from grader.renderers.timeline import Batch, Moment, Timeline

_PERIOD = re.compile(r"\d{4}(-\d{2}){0,2}", re.ASCII)
_PERIODS = {len("2025-11-18"): "date", len("2025-11"): "month", len("2025"): "year"}
_BATCH_LABELS = {"kafka": "read from Kafka", "lake": "written to the lake"}


@dataclass(frozen=True)
class Chart:
    """A chart, and the same values as a table. All texts are plain text, which the templates escape.

    `answer` says in a sentence what the chart shows. `legend` is (CSS class, label).
    """

    id: str
    title: str
    answer: str
    legend: tuple[tuple[str, str], ...]
    drawing: Drawing
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def charts(facts: Timeline) -> list[Chart]:
    """The charts for which there are facts, the most important first."""
    drawn = (_rows_over_time(facts), _watermark(facts), _dates(facts), _batches(facts))
    return [chart for chart in drawn if chart is not None]


def _rows_over_time(facts: Timeline) -> Chart | None:
    lines = _known(
        _line("postgres", "in Postgres", facts.moments, lambda moment: moment.postgres),
        _line("kafka", "in Kafka", facts.moments, lambda moment: moment.kafka),
        _line("lake", "in the lake", facts.moments, lambda moment: moment.lake),
    )
    if not lines:
        return None
    return Chart(
        id="rows",
        title="Rows over time",
        answer=_rows_answer(lines, len(facts.moments) - 1),
        legend=_legend(lines, facts),
        drawing=counts_over_time(facts, lines),
        heads=("moment", "time (UTC)", *(line.label for line in lines)),
        rows=_moment_rows(facts, lines, lambda value: f"{value:,}"),
    )


def _rows_answer(lines: Sequence[Line], last: int) -> str:
    known = [f"{line.points[-1][1]:,} {line.label}" for line in lines if line.points[-1][0] == last]
    older = [f"{line.points[-1][1]:,} {line.label}" for line in lines if line.points[-1][0] != last]
    parts = [(known, f"At the end: {', '.join(known)}"), (older, f"when last seen: {', '.join(older)}")]
    return f"{'; '.join(text for some, text in parts if some)}."


def _watermark(facts: Timeline) -> Chart | None:
    newest = _greatest(_line("inserted", "newest order of a round", facts.moments, lambda m: m.newest_inserted_us))
    lake = _greatest(_line("lake", "newest order in the lake", facts.moments, lambda m: m.newest_in_lake_us))
    state = _line("state", "state", facts.moments, lambda moment: moment.state_us)
    if not state.points and not lake.points:
        return None
    lines = _known(replace(newest, until=facts.rounds[-1].last if facts.rounds else 0), lake, state)
    return Chart(
        id="watermark",
        title="State against the newest order",
        answer=_watermark_answer(*(line.points[-1][1] if line.points else None for line in (state, lake))),
        legend=_legend(lines, facts),
        drawing=times_over_time(facts, lines),
        heads=("moment", "time (UTC)", *(line.label for line in lines)),
        rows=_moment_rows(facts, lines, moment_text),
    )


def _watermark_answer(state: int | None, lake: int | None) -> str:
    if state is None or lake is None:
        return f"There is no {'state' if state is None else 'order in the lake'} to compare with."
    # The state often has more digits than the lake's created_at, which lost them in the JSON.
    if abs(state - lake) < SECOND_US:
        return f"The state is at the newest order in the lake, {moment_text(lake)}."
    try:
        distance = str(timedelta(seconds=abs(state - lake) // SECOND_US))
    except OverflowError:
        distance = f"{abs(state - lake)} µs"
    return f"The state is {distance} {'ahead of' if state > lake else 'behind'} the newest order in the lake."


def _dates(facts: Timeline) -> Chart | None:
    if not facts.dates:
        return None
    names = [one_line(name, 24) for name, _ in facts.dates]
    rows = [rows for _, rows in facts.dates]
    unit = _PERIODS[max((len(name) for name in names if _PERIOD.fullmatch(name)), default=len("2025-11-18"))]
    return Chart(
        id="dates",
        title=f"Rows per {unit}",
        answer=f"{rows_text(sum(rows))} in {counted(len(names), unit)}.",
        legend=(),
        drawing=bars(names, {"lake": rows}, {"lake": ""}),
        heads=(unit, "rows"),
        rows=tuple((name, f"{value:,}") for name, value in zip(names, rows, strict=True)),
    )


def _batches(facts: Timeline) -> Chart | None:
    names = [batch.label for batch in facts.batches]
    series = {"kafka": [batch.read for batch in facts.batches], "lake": [batch.written for batch in facts.batches]}
    known = {style: values for style, values in series.items() if any(value is not None for value in values)}
    if not known:
        return None
    return Chart(
        id="batches",
        title="Rows per batch",
        answer=_batches_answer(facts.batches) if len(known) == 2 else "Only one side of the batches is known.",
        legend=tuple((style, _BATCH_LABELS[style]) for style in known),
        drawing=bars(names, known, _BATCH_LABELS),
        heads=("batch", *(_BATCH_LABELS[style] for style in known)),
        rows=tuple(
            (name, *("unknown" if value is None else f"{value:,}" for value in values))
            for name, *values in zip(names, *known.values(), strict=True)
        ),
    )


def _batches_answer(batches: Sequence[Batch]) -> str:
    unequal = [b for b in batches if b.read is not None and b.written is not None and b.read != b.written]
    if not unequal:
        return "Every batch wrote as many rows as it read."
    first = unequal[0]
    return (
        f"{len(unequal)} of {counted(len(batches), 'batch', 'batches')} read and wrote different numbers of rows. The "
        f"first is batch {first.label}: read {first.read:,}, wrote {first.written:,}. Rejected rows and duplicates are "
        "read but not written."
    )


def _line(style: str, label: str, moments: Sequence[Moment], value: Callable[[Moment], int | None]) -> Line:
    points = tuple((at, seen) for at, moment in enumerate(moments) if (seen := value(moment)) is not None)
    return Line(style, label, points)


def _known(*lines: Line) -> list[Line]:
    return [line for line in lines if line.points]


def _greatest(line: Line) -> Line:
    """The greatest value up to each moment."""
    values = accumulate((value for _, value in line.points), max)
    return replace(line, points=tuple((at, value) for (at, _), value in zip(line.points, values, strict=True)))


def _legend(lines: Sequence[Line], facts: Timeline) -> tuple[tuple[str, str], ...]:
    shown = tuple((line.style, line.label) for line in lines)
    return (*shown, ("round", "a round")) if facts.rounds else shown


def _moment_rows(facts: Timeline, lines: Sequence[Line], text: Callable[[int], str]) -> tuple[tuple[str, ...], ...]:
    seen = [dict(line.points) for line in lines]
    return tuple(
        (
            moment.what,
            "" if moment.at_us is None else moment_text(moment.at_us),
            *(text(values[at]) if at in values else "" for values in seen),
        )
        for at, moment in enumerate(facts.moments)
        if any(at in values for values in seen)
    )
