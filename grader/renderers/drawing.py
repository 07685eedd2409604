"""Layout of the charts of report.html: lines over the moments of a timeline, and bars.

chart.svg.j2 writes a Drawing as SVG, and report.html.j2 has its colours, light or dark. Everything is in CSS pixels,
from the upper left corner. Moments are in order, but not to scale: a round takes seconds, and there may be weeks
between two rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from configs.contract import EPOCH
from grader.evidence.orders import MICROSECOND, SECOND_US, moment_text
from grader.renderers.timeline import Moment, Timeline

_PAGE_WIDTH = 960
_COLUMN_WIDTH = 468  # report.html.j2 puts two charts of this width side by side
_GAP = 8  # between labels, and around the plot
_LABEL_HEIGHT = 24
_MAX_BAR_WIDTH = 36
_MAX_LABELS = 9
_MAX_TICK_WIDTH = 200
# In DejaVu Sans Bold at 11px, the widest of the usual fonts. Capitals, m, w and other scripts take up to 12.
_CHARACTER_WIDTHS = dict.fromkeys(" ,.:-()", 5) | dict.fromkeys("0123456789abcdefghijklnopqrstuvxyzµ–", 8)


@dataclass(frozen=True)
class Line:
    """One line of a chart: its CSS class, its label, and its points (index of the moment, value), at least one.

    `until` is the index up to which the last value is still true, if that is after the last point.
    """

    style: str
    label: str
    points: tuple[tuple[int, int], ...]
    until: int = 0


@dataclass(frozen=True)
class Label:
    """A text on one line; `x` is its middle."""

    x: float
    text: str


@dataclass(frozen=True)
class Dot:
    """A dot around (x, y), and the text that a browser shows over it."""

    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Box:
    """A bar or a round's band: its upper left corner, its size, and the text that a browser shows over it."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Series:
    """The shapes of the CSS class `style`; `path` is the `d` of an SVG path, empty for bars."""

    style: str
    path: str = ""
    dots: tuple[Dot, ...] = ()
    bars: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Axes:
    """Size of a drawing, the edges of its plot, and the positions of values in it. `columns` are numbered from 0.

    `ticks` are (value, label) of the left axis, from the lowest value to the highest. If values are spaced evenly in
    their order, `ranks` is value -> position.
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    columns: int
    ticks: tuple[tuple[int, str], ...]
    ranks: Mapping[int, int] | None = None

    def x(self, column: float) -> float:
        """The middle of a column."""
        return round(self.left + (column + 0.5) * (self.right - self.left) / self.columns, 1)

    def y(self, value: int) -> float:
        """The height of a value."""
        low, high, place = (
            each if self.ranks is None else self.ranks[each] for each in (self.ticks[0][0], self.ticks[-1][0], value)
        )
        return round(self.bottom - (place - low) / max(high - low, 1) * (self.bottom - self.top), 1)


@dataclass(frozen=True)
class Drawing:
    """Everything that is drawn: the rounds' bands and their names, the series in order, the columns' labels."""

    axes: Axes
    series: tuple[Series, ...]
    labels: tuple[Label, ...]
    bands: tuple[Box, ...] = ()
    names: tuple[Label, ...] = ()

    @property
    def is_wide(self) -> bool:
        """Whether it takes the full width of the page."""
        return self.axes.width > _COLUMN_WIDTH


def counts_over_time(facts: Timeline, lines: Sequence[Line]) -> Drawing:
    """Numbers of rows at the moments of `facts`."""
    ticks = _count_ticks(value for line in lines for _, value in line.points)
    return _over_time(facts, lines, _time_axes(facts, ticks), rows_text)


def times_over_time(facts: Timeline, lines: Sequence[Line]) -> Drawing:
    """Times (microseconds since 1970) at the moments of `facts`, in order but not to scale."""
    ranks = _ranks(value for line in lines for _, value in line.points)
    firsts = {rank: value for value, rank in reversed(ranks.items())}
    ticks = tuple((firsts[rank], _short(firsts[rank])) for rank in _spread(len(firsts), _MAX_LABELS))
    return _over_time(facts, lines, _time_axes(facts, ticks, ranks), _short)


def bars(names: Sequence[str], series: Mapping[str, Sequence[int | None]], labels: Mapping[str, str]) -> Drawing:
    """A group of bars for each name: one bar per series (CSS class -> values), and no bar if the value is None.

    `labels` (CSS class -> label) say in the tooltip of a bar what its rows are.
    """
    ticks = _count_ticks(value for values in series.values() for value in values if value is not None)
    column = max(20 + 24 * len(series), *(_text_width(name) + _GAP for name in names))
    left = _ticks_width(ticks)
    width = min(_COLUMN_WIDTH, left + len(names) * column + _GAP)
    axes = Axes(width, 240, left, width - _GAP, _GAP, 240 - _LABEL_HEIGHT, len(names), ticks)
    size = min(0.8 * (axes.right - left) / len(names) / len(series), _MAX_BAR_WIDTH)
    drawn = []
    for place, (style, values) in enumerate(series.items()):
        offset = (place - len(series) / 2) * size
        boxes = tuple(
            _bar(axes, axes.x(at) + offset, size, value, f"{names[at]}: {rows_text(value)} {labels[style]}".rstrip())
            for at, value in enumerate(values)
            if value is not None
        )
        drawn.append(Series(style, bars=boxes))
    return Drawing(axes, tuple(drawn), _name_labels(names, axes))


def rows_text(value: int) -> str:
    """A number of rows as text: 1,234 rows."""
    return f"{value:,} {'row' if value == 1 else 'rows'}"


def _bar(axes: Axes, x: float, size: float, value: int, title: str) -> Box:
    """A bar between 0 and the value; the next bar of its group begins `size` to the right."""
    ends = sorted((axes.y(0), axes.y(value)))
    return Box(round(x, 1), ends[0], round(0.94 * size, 1), round(ends[1] - ends[0], 1), title)


def _time_axes(facts: Timeline, ticks: tuple[tuple[int, str], ...], ranks: Mapping[int, int] | None = None) -> Axes:
    top = _LABEL_HEIGHT + _GAP  # the rounds' names are above the plot
    right, bottom = _PAGE_WIDTH - _GAP, 300 - _LABEL_HEIGHT
    return Axes(_PAGE_WIDTH, 300, _ticks_width(ticks), right, top, bottom, len(facts.moments), ticks, ranks)


def _over_time(facts: Timeline, lines: Sequence[Line], axes: Axes, text: Callable[[int], str]) -> Drawing:
    """Step lines: each value holds until the next one, and each point has a dot."""
    bands = []
    for span in facts.rounds:
        left, right = axes.x(span.first - 0.4), axes.x(span.last + 0.4)
        bands.append(Box(left, _GAP, round(right - left, 1), axes.bottom - _GAP, span.name))
    series = tuple(Series(line.style, _stairs(line, axes), _dots(line, axes, facts.moments, text)) for line in lines)
    return Drawing(axes, series, _time_labels(facts.moments, axes), tuple(bands), _names(bands, axes))


def _stairs(line: Line, axes: Axes) -> str:
    (first, value), *rest = line.points
    steps = [f"M{axes.x(first)} {axes.y(value)}", *(f"H{axes.x(at)}V{axes.y(value)}" for at, value in rest)]
    if line.until > line.points[-1][0]:
        steps.append(f"H{axes.x(line.until)}")
    return "".join(steps)


def _dots(line: Line, axes: Axes, moments: Sequence[Moment], text: Callable[[int], str]) -> tuple[Dot, ...]:
    dots = []
    for at, value in line.points:
        moment = moments[at]
        time = "now" if moment.at_us is None else moment_text(moment.at_us)
        dots.append(Dot(axes.x(at), axes.y(value), f"{moment.what}, {time}: {text(value)} {line.label}"))
    return tuple(dots)


def _names(bands: Iterable[Box], axes: Axes) -> tuple[Label, ...]:
    """The rounds' names, or only their numbers if a name is wider than its band."""
    labels = []
    for band in bands:
        fits = _text_width(band.title) <= band.width
        name = band.title if fits else band.title.removeprefix("round ").partition(" ")[0]
        labels.append(Label(round(band.x + band.width / 2, 1), name))
    return _apart(sorted(labels, key=lambda label: label.x), axes.width)


def _name_labels(names: Sequence[str], axes: Axes) -> tuple[Label, ...]:
    """Every name under its group of bars, or every second name, or as many as fit."""
    labels = [Label(axes.x(at), name) for at, name in enumerate(names)]
    return _first_that_fits((labels[::step] for step in range(1, len(labels) + 1)), axes.width)


def _time_labels(moments: Sequence[Moment], axes: Axes) -> tuple[Label, ...]:
    """As many times as fit under the axis, evenly spread over the moments, with the first and the last."""
    spreads = (_spread(len(moments), limit) for limit in range(_MAX_LABELS, 1, -1))
    return _first_that_fits((_clocks(moments, places, axes) for places in spreads), axes.width)


def _clocks(moments: Sequence[Moment], places: Iterable[int], axes: Axes) -> list[Label]:
    """Times of day, with month and day if these change."""
    labels, day = [], ""
    for place in places:
        at_us = moments[place].at_us
        today, _, time = ("", "", "now") if at_us is None else _short(at_us).partition(" ")
        labels.append(Label(axes.x(place), time if today in ("", day) else f"{today[5:]} {time}"))
        day = today or day
    return labels


def _short(at_us: int) -> str:
    """A time for an axis: 2026-11-24 11:45:10."""
    try:
        return (EPOCH + at_us * MICROSECOND).isoformat(" ")[:19]
    except OverflowError:
        return f"{at_us} µs"


def _first_that_fits(choices: Iterable[list[Label]], width: int) -> tuple[Label, ...]:
    """The first choice of labels that all fit."""
    return next((fitting for labels in choices if len(fitting := _apart(labels, width)) == len(labels)), ())


def _apart(labels: Iterable[Label], width: int) -> tuple[Label, ...]:
    """The labels, left to right, without those that touch the one before. Labels at an edge are moved inside."""
    kept: list[Label] = []
    free = 0.0
    for label in labels:
        half = _text_width(label.text) / 2
        x = min(max(label.x, half), width - half)
        if x - half >= free:
            kept.append(Label(x, label.text))
            free = x + half + _GAP
    return tuple(kept)


def _text_width(text: str) -> int:
    """The maximum width of a text."""
    return sum(_CHARACTER_WIDTHS.get(character, 12) for character in text)


def _ticks_width(ticks: Iterable[tuple[int, str]]) -> int:
    return max(_text_width(label) for _, label in ticks) + _GAP


def _spread(size: int, limit: int) -> list[int]:
    """At most `limit` (two or more) of `size` positions, evenly spread, with the first and the last."""
    if size <= limit:
        return list(range(size))
    return [round(at * (size - 1) / (limit - 1)) for at in range(limit)]


def _ranks(values: Iterable[int]) -> dict[int, int]:
    """Each time -> its rank. Times within one second share a rank, because JSON may have lost their digits."""
    ranks: dict[int, int] = {}
    first, rank = 0, -1
    for value in sorted(set(values)):
        if rank < 0 or value - first >= SECOND_US:
            first, rank = value, rank + 1
        ranks[value] = rank
    return ranks


def _count_ticks(values: Iterable[int]) -> tuple[tuple[int, str], ...]:
    """Round numbers, including 0, that cover all values. A number that is too long for the axis has no label."""
    known = list(values)
    low, high = min([0, *known]), max([1, *known])
    step = next(step for power in count() for unit in (1, 2, 5) if (step := unit * 10**power) * 5 >= high - low)
    numbers = [step * at for at in range(low // step, -(-high // step) + 1)]
    labels = [f"{number:,}" for number in numbers]
    return tuple(
        (n, label if _text_width(label) <= _MAX_TICK_WIDTH else "") for n, label in zip(numbers, labels, strict=True)
    )
