"""The charts of report.html: how the rows moved, the state against the newest order, rows per date, rows per batch.

pygal lays them out. What it adds for a page of its own (styles, a script, the date) is taken off, so that the report's
style colours them, light or dark, and the same facts give the same bytes. Time is in order and not to scale: a round
takes seconds, and weeks may lie between two of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as Xml

from configs.contract import EPOCH
from grader.evidence.orders import MICROSECOND, SECOND_US, moment_text
from grader.renderers import one_line
from grader.timeline import Moment, Timeline

_FONT = 11  # units of the drawing; report.html.j2 sets the same
_WIDE, _HEIGHT = 960, 300
_MAX_LABELS = 9
_PLACES = {"d", "x", "y", "cx", "cy", "width", "height", "transform"}
_LONG_NUMBER = re.compile(r"(-?\d+\.\d)\d+")
Point = tuple[int, int]


@dataclass(frozen=True)
class Line:
    """One line of a chart: its style's name, its label, and what was seen: (place of the moment, value).

    `until` is the place up to which the last value is sure to hold, where that is later than the last point.
    """

    style: str
    label: str
    points: tuple[Point, ...]
    until: int = 0


@dataclass(frozen=True)
class Chart:
    """A chart, and the same as a table. `svg` is markup; everything else is plain text.

    `answer` is what the chart shows, in a sentence; `legend` are (style, label); `width` is in CSS pixels.
    """

    id: str
    title: str
    answer: str
    legend: tuple[tuple[str, str], ...]
    svg: str
    width: int
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def charts(facts: Timeline) -> list[Chart]:
    """The charts that there are facts for, in the order in which a reader wants them."""
    drawn = (_rows_over_time(facts), _watermark(facts), _dates(facts), _batches(facts))
    return [chart for chart in drawn if chart is not None]


def _rows_over_time(facts: Timeline) -> Chart | None:
    lines = [
        _line("postgres", "in Postgres", facts.moments, lambda moment: moment.postgres),
        _line("kafka", "in Kafka", facts.moments, lambda moment: moment.kafka),
        _line("lake", "in the lake", facts.moments, lambda moment: moment.lake),
    ]
    if not any(line.points for line in lines):
        return None
    return Chart(
        id="rows",
        title="Rows over time",
        answer=_rows_answer([line for line in lines if line.points], len(facts.moments) - 1),
        legend=_legend(lines, facts),
        svg=_over_time("rows", facts, lines, _count_ticks(lines), lambda value: f"{value:,} rows"),
        width=_WIDE,
        heads=("moment", "time (UTC)", *(line.label for line in lines)),
        rows=_moment_rows(facts, lines, lambda value: f"{value:,}"),
    )


def _rows_answer(lines: Sequence[Line], last: int) -> str:
    known = [f"{line.points[-1][1]:,} {line.label}" for line in lines if line.points[-1][0] == last]
    older = [f"{line.points[-1][1]:,} {line.label}" for line in lines if line.points[-1][0] != last]
    parts = ([f"At the end: {', '.join(known)}"] if known else []) + (
        [f"when last seen: {', '.join(older)}"] if older else []
    )
    return f"{'; '.join(parts)}."


def _watermark(facts: Timeline) -> Chart | None:
    exact = [
        replace(
            _greatest("inserted", "newest order of a round", facts.moments, lambda moment: moment.newest_inserted_us),
            until=facts.rounds[-1].last if facts.rounds else 0,
        ),
        _greatest("lake", "newest order in the lake", facts.moments, lambda moment: moment.newest_in_lake_us),
        _line("state", "state", facts.moments, lambda moment: moment.state_us),
    ]
    state, lake = exact[2].points, exact[1].points
    if not state and not lake:
        return None
    steps = _steps(value for line in exact for _, value in line.points)
    lines = [replace(line, points=tuple((x, steps[value]) for x, value in line.points)) for line in exact]
    names = {step: value for value, step in sorted(steps.items(), reverse=True)}
    ticks = [(step, _short(names[step])) for step in _spread(len(names))]
    texts = {(line.style, x): moment_text(value) for line in exact for x, value in line.points}
    svg = _over_time("watermark", facts, lines, ticks, lambda value: _short(names[value]))
    return Chart(
        id="watermark",
        title="State against the newest order",
        answer=_watermark_answer(state[-1][1] if state else None, lake[-1][1] if lake else None),
        legend=_legend(lines, facts),
        svg=svg,
        width=_WIDE,
        heads=("moment", "time (UTC)", *(line.label for line in lines)),
        rows=tuple(
            (moment.what, _time(moment), *(texts.get((line.style, x), "") for line in lines))
            for x, moment in enumerate(facts.moments)
            if any((line.style, x) in texts for line in lines)
        ),
    )


def _watermark_answer(state: int | None, lake: int | None) -> str:
    if state is None or lake is None:
        return f"There is no {'state' if state is None else 'order in the lake'} to compare with."
    # The state is often finer than the lake's created_at, whose JSON lost digits.
    if abs(state - lake) < SECOND_US:
        return f"The state is at the newest order in the lake, {moment_text(lake)}."
    try:
        distance = str(timedelta(seconds=abs(state - lake) // SECOND_US))
    except OverflowError:
        distance = f"{abs(state - lake)} µs"
    where = "ahead of" if state > lake else "behind"
    return f"The state is {distance} {where} the newest order in the lake."


def _dates(facts: Timeline) -> Chart | None:
    if not facts.dates:
        return None
    names = [one_line(name, 24) for name, _ in facts.dates]
    total = sum(rows for _, rows in facts.dates)
    unit = _PERIODS[max((len(name) for name in names if _PERIOD.fullmatch(name)), default=_DATE_LENGTH)]
    return Chart(
        id="dates",
        title=f"Rows per {unit}",
        answer=f"{total:,} rows in {len(names)} {unit}{'' if len(names) == 1 else 's'}.",
        legend=(),
        svg=_bars("dates", names, {"lake": [rows for _, rows in facts.dates]}),
        width=_bars_width(names, 1),
        heads=(unit, "rows"),
        rows=tuple((name, f"{rows:,}") for name, (_, rows) in zip(names, facts.dates, strict=True)),
    )


_PERIOD = re.compile(r"\d{4}(-\d{2}){0,2}", re.ASCII)
_DATE_LENGTH = len("2025-11-18")
_PERIODS = {_DATE_LENGTH: "date", len("2025-11"): "month", len("2025"): "year"}


def _batches(facts: Timeline) -> Chart | None:
    if not facts.batches:
        return None
    names = [batch.label for batch in facts.batches]
    series = {
        "kafka": [batch.read for batch in facts.batches],
        "lake": [batch.written for batch in facts.batches],
    }
    known = {style: values for style, values in series.items() if any(value is not None for value in values)}
    if not known:
        return None
    unequal = [b for b in facts.batches if b.read is not None and b.written is not None and b.read != b.written]
    if len(known) < 2:
        answer = "Only one side of the batches is known."
    elif unequal:
        first = unequal[0]
        answer = (
            f"{len(unequal)} of {len(names)} wrote another number of rows than it read, first batch {first.label}: "
            f"read {first.read:,}, wrote {first.written:,}. Rejected rows and repeats are read and not written."
        )
    else:
        answer = "Every batch wrote as many rows as it read."
    return Chart(
        id="batches",
        title="Rows per batch",
        answer=answer,
        legend=tuple((style, _BATCH_LABELS[style]) for style in known),
        svg=_bars("batches", names, known),
        width=_bars_width(names, len(known)),
        heads=("batch", *(_BATCH_LABELS[style] for style in known)),
        rows=tuple(
            (name, *("unknown" if values[at] is None else f"{values[at]:,}" for values in known.values()))
            for at, name in enumerate(names)
        ),
    )


_BATCH_LABELS = {"kafka": "read from Kafka", "lake": "written to the lake"}


def _line(style: str, label: str, moments: Sequence[Moment], value: Callable[[Moment], int | None]) -> Line:
    points = tuple((x, seen) for x, moment in enumerate(moments) if (seen := value(moment)) is not None)
    return Line(style, label, points)


def _greatest(style: str, label: str, moments: Sequence[Moment], value: Callable[[Moment], int | None]) -> Line:
    """The greatest value up to each moment."""
    points: list[Point] = []
    for x, seen in _line(style, label, moments, value).points:
        points.append((x, max(seen, points[-1][1]) if points else seen))
    return Line(style, label, tuple(points))


def _steps(values: Iterable[int]) -> dict[int, int]:
    """Each time -> its place in their order. Times within a second, as digits lost in JSON leave them, share one."""
    steps: dict[int, int] = {}
    first, step = 0, -1
    for value in sorted(set(values)):
        if step < 0 or value - first >= SECOND_US:
            first, step = value, step + 1
        steps[value] = step
    return steps


def _spread(count: int) -> list[int]:
    """At most _MAX_LABELS places of `count`, evenly, with the first and the last."""
    if count <= _MAX_LABELS:
        return list(range(count))
    return sorted({round(at * (count - 1) / (_MAX_LABELS - 1)) for at in range(_MAX_LABELS)})


def _count_ticks(lines: Iterable[Line]) -> list[tuple[int, str]]:
    values = [value for line in lines for _, value in line.points]
    return [(tick, f"{tick:,}") for tick in _ticks(min([0, *values]), max([1, *values]))]


def _ticks(least: int, greatest: int) -> list[int]:
    """Four to six round numbers, 0 among them, that reach over both ends."""
    span = max(greatest - least, 1)
    size = next(unit * 10**power for power in range(30) for unit in (1, 2, 5) if unit * 10**power * 5 >= span)
    return [size * at for at in range(min(least // size, 0), -(-greatest // size) + 1)]


def _legend(lines: Iterable[Line], facts: Timeline) -> tuple[tuple[str, str], ...]:
    shown = [(line.style, line.label) for line in lines if line.points]
    return (*shown, ("round", "a round")) if facts.rounds else tuple(shown)


def _moment_rows(facts: Timeline, lines: Sequence[Line], text: Callable[[int], str]) -> tuple[tuple[str, ...], ...]:
    seen = [dict(line.points) for line in lines]
    return tuple(
        (moment.what, _time(moment), *(text(values[x]) if x in values else "" for values in seen))
        for x, moment in enumerate(facts.moments)
        if any(x in values for values in seen)
    )


def _time(moment: Moment) -> str:
    return "" if moment.at_us is None else moment_text(moment.at_us)


def _short(at_us: int, *, day: bool = True) -> str:
    """A time for an axis: 2026-11-24 11:45:10."""
    try:
        return (EPOCH + at_us * MICROSECOND).strftime("%Y-%m-%d %H:%M:%S" if day else "%H:%M:%S")
    except (OverflowError, ValueError):
        return f"{at_us} µs"


def _time_labels(moments: Sequence[Moment]) -> list[dict[str, Any]]:
    """Times under the axis, a date only where the day changes and there is room for it."""
    labels: list[dict[str, Any]] = []
    day = ""
    for place in _spread(len(moments)):
        at_us = moments[place].at_us
        if at_us is None:
            labels.append({"value": place, "label": "now"})
            continue
        today = _short(at_us)[:10]
        labels.append(
            {
                "value": place,
                "label": f"{today[5:]} {_short(at_us, day=False)}" if today != day else _short(at_us, day=False),
            }
        )
        day = today
    return labels


def _over_time(
    chart_id: str,
    facts: Timeline,
    lines: Sequence[Line],
    ticks: Sequence[tuple[int, str]],
    text: Callable[[int], str],
) -> str:
    """Lines that stay level until something new is known, with a dot for each thing that was."""
    low, top = ticks[0][0], max(ticks[-1][0], ticks[0][0] + 1)
    high = top + (top - low) * 0.12  # room for the rounds' names
    chart = _pygal().XY(
        **_config(_WIDE, _HEIGHT),
        range=(low, high),
        xrange=(-0.5, len(facts.moments) - 0.5),
        x_labels=_time_labels(facts.moments),
        y_labels=[{"value": value, "label": label} for value, label in ticks],
    )
    for span in facts.rounds:
        chart.add(None, [(span.first - 0.4, high), (span.last + 0.4, high)], fill=True, show_dots=False)
    for line in lines:
        chart.add(None, _stairs(line), show_dots=False)
        dots = [
            {
                "value": (x, value),
                "label": f"{facts.moments[x].what}, {_time(facts.moments[x]) or 'now'}: {text(value)} {line.label}",
            }
            for x, value in line.points
        ]
        chart.add(None, dots, stroke=False)
    styles = ["round"] * len(facts.rounds) + [name for line in lines for name in (line.style, line.style)]
    root = _bare(chart.render_tree(), chart_id, styles)
    _name_rounds(root, [span.name for span in facts.rounds])
    return _markup(root)


def _stairs(line: Line) -> list[Point]:
    stairs = list(line.points[:1])
    for x, value in line.points[1:]:
        stairs += [(x, stairs[-1][1]), (x, value)]
    return [*stairs, (line.until, stairs[-1][1])] if stairs and line.until > stairs[-1][0] else stairs


def _bars_width(names: Sequence[str], series: int) -> int:
    return min(_WIDE // 2 - 12, 80 + len(names) * (44 + 24 * series))


def _bars(chart_id: str, names: Sequence[str], series: Mapping[str, Sequence[int | None]]) -> str:
    values = [value for some in series.values() for value in some if value is not None]
    ticks = _ticks(min([0, *values]), max([1, *values]))
    longest = max(len(name) for name in names)
    room = max(1, _bars_width(names, len(series)) // (longest * 8))
    every = -(-len(names) // room)
    chart = _pygal().Bar(
        **_config(_bars_width(names, len(series)), 240),
        range=(ticks[0], ticks[-1]),
        x_labels=list(names),
        x_labels_major=list(names[::every]),
        show_minor_x_labels=False,
        y_labels=[{"value": tick, "label": f"{tick:,}"} for tick in ticks],
    )
    for style, some in series.items():
        what = _BATCH_LABELS[style] if len(series) > 1 else ""
        chart.add(
            None,
            [
                None if value is None else {"value": value, "label": f"{name}: {value:,} rows {what}".rstrip()}
                for name, value in zip(names, some, strict=True)
            ],
        )
    return _markup(_bare(chart.render_tree(), chart_id, list(series)))


def _pygal() -> Any:
    import pygal
    from pygal.etree import etree

    etree.to_etree()  # it prefers lxml, where that is installed, whose nodes are not those of this module
    return pygal


def _config(width: int, height: int) -> dict[str, Any]:
    from pygal.style import Style

    return {
        "width": width,
        "height": height,
        "style": Style(label_font_size=_FONT, major_label_font_size=_FONT, font_family="sans-serif"),
        "show_legend": False,
        "js": (),
        "no_prefix": True,
        "margin": 6,
        "truncate_label": -1,
        "dots_size": 3,
    }


def _bare(root: Xml.Element, chart_id: str, styles: Sequence[str]) -> Xml.Element:
    """pygal's drawing without its styles, script, comments and tooltips, named for who cannot see it.

    Every dot and bar gets its text as the `title` that a browser shows over it.
    """
    parents = {child: parent for parent in root.iter() for child in parent}
    for element, parent in parents.items():
        gone = element.tag in ("defs", Xml.Comment) or "tooltip-overlay" in element.get("class", "")
        if gone or (element.tag == "title" and parent is root):
            parent.remove(element)
    for element in root.iter():
        name = element.get("class", "")
        found = re.fullmatch(r"series serie-(\d+) color-\d+", name)
        if found:
            element.set("class", f"series {styles[int(found[1])]}")
        texts = [child for child in element if child.tag == "desc"]
        label = next((child.text for child in texts if child.get("class") == "label"), None)
        for child in texts:
            element.remove(child)
        if label is not None:
            Xml.SubElement(element, "title").text = label
    for useless in ("id", "class"):
        root.attrib.pop(useless, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{chart_id}-title {chart_id}-answer")
    return root


def _name_rounds(root: Xml.Element, names: Sequence[str]) -> None:
    """Write each round's name into its band, which pygal has no words for."""
    bands = [
        group for group in root.iter("g") if group.get("class") == "series round" and group.find("path") is not None
    ]
    for group, name in zip(bands, names, strict=False):
        path = group.find("path")
        corners = re.findall(r"-?\d+\.\d+", path.get("d", "")) if path is not None else []
        if len(corners) >= 2:
            left, right = float(corners[0]), float(corners[-2])
            fits = right - left > len(name) * _FONT * 0.6
            text = Xml.SubElement(group, "text", {"x": f"{(left + right) / 2:.1f}", "y": "14"})
            text.text = name if fits else name.removeprefix("round ").partition(" ")[0]
            Xml.SubElement(text, "title").text = name


def _markup(root: Xml.Element) -> str:
    for element in root.iter():
        for name in _PLACES.intersection(element.keys()):
            element.set(name, _LONG_NUMBER.sub(r"\1", element.get(name, "")))
    return Xml.tostring(root, encoding="unicode")
