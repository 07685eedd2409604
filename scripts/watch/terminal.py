"""A snapshot on the terminal, as text and as a picture. From 80 columns on nothing is cut: a long cell is wrapped."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table as Grid
from rich.text import Text

from scripts.watch.snapshot import Snapshot
from scripts.watch.view import Row, Table, View, view

NARROWEST, WIDTH = 80, 100  # columns
_BETWEEN = 4  # columns between tables that are side by side
_REASON_WIDTH = 40  # columns for the reasons beside the other two; they are wrapped
_FEW_LINES = 3  # that the reasons have even if there are many partitions
_WRONG, _SOFT, _HEAD = "bold red", "dim", "bold"


@dataclass(frozen=True)
class Frame:
    """What a terminal shows. In `height` lines, long lists end with how many rows are left out; None: all of it.

    `hint`: such as the key that ends the view.
    """

    shown: View
    height: int | None = None
    hint: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self.shown
        options = options.update(height=None)
        head = Grid.grid(expand=True)
        head.add_column(overflow="fold")
        head.add_column(justify="right", no_wrap=True)
        right = "  ".join(filter(None, (self.hint, shown.time)))
        head.add_row(Text(f"{shown.title}  {shown.summary}", _HEAD), Text(right, _SOFT))
        above = console.render_lines(Group(head, Text(), _grid(shown.stages, last_is_wide=True), Text()), options)
        rest = [Text(), _grid(shown.processes, last_is_wide=True)]
        if shown.warning:
            rest += [Text(), Text(shown.warning, _WRONG)]
        below = console.render_lines(Group(*rest), options)
        left = None if self.height is None else max(0, self.height - len(above) - len(below))
        lists = console.render_lines(_lists(shown, console, options.max_width, left), options)[:left]
        for line in (*above, *lists, *below):
            yield from line
            yield Segment.line()


def text(snapshot: Snapshot, width: int = WIDTH) -> str:
    """A snapshot as plain text, with all rows of all lists."""
    console = Console(file=io.StringIO(), width=max(NARROWEST, width), color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(Frame(view(snapshot)))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


# Rich's own form loads its fonts from the network.
_SVG_WITHOUT_FONTS = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def picture(snapshot: Snapshot, width: int = WIDTH) -> str:
    """The same as SVG, with the colours of a terminal."""
    console = Console(file=io.StringIO(), width=width, record=True, force_terminal=True, color_system="truecolor")
    console.print(Frame(view(snapshot)))
    return console.export_svg(title="make watch", code_format=_SVG_WITHOUT_FONTS)


def _lists(shown: View, console: Console, width: int, height: int | None) -> RenderableType:
    """Partitions, dates and reasons in `height` lines.

    Side by side; or, where that is too wide, the reasons below the partitions; or all three below each other.
    """
    tables = shown.partitions, shown.dates, shown.reasons
    partitions, dates, reasons = (console.measure(_grid(table)).maximum for table in tables)
    grid = Grid.grid(padding=(0, _BETWEEN, 0, 0))
    if partitions + dates + min(reasons, _REASON_WIDTH) + 2 * _BETWEEN <= width:
        for least in (partitions, dates, 0):
            grid.add_column(min_width=least)
        grid.add_row(*(_grid(_cut(table, height)) for table in tables))
        return grid
    if partitions + dates + _BETWEEN > width:
        return Group(*(_grid(_cut(table, None if height is None else height // len(tables))) for table in tables))
    first, last = shown.partitions, shown.reasons
    if height is not None:
        first = _cut(first, height - min(_lines(last), _FEW_LINES))
        last = _cut(last, height - _lines(first))
    for least in (partitions, dates):
        grid.add_column(min_width=least)
    grid.add_row(Group(_grid(first), _grid(last)), _grid(_cut(shown.dates, height)))
    return grid


def _lines(table: Table) -> int:
    """Lines of a table with its heading."""
    return 1 + len(table.rows) if table.rows else 1


def _cut(table: Table, height: int | None) -> Table:
    """The table in `height` lines with its heading, and with one row or more."""
    count = len(table.rows) if height is None else max(1, height - 1)
    if len(table.rows) <= count:
        return table
    note = f"and {len(table.rows) - count + 1:,} more"
    words = [""] * len(table.heads)
    words[0 if 0 not in table.numbers else -1] = note
    return replace(table, rows=(*table.rows[: count - 1], Row(tuple(words))))


def _grid(table: Table, *, last_is_wide: bool = False) -> RenderableType:
    grid = Grid(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=_SOFT, expand=last_is_wide)
    for at, head in enumerate(table.heads):
        is_last = at == len(table.heads) - 1
        grid.add_column(
            head,
            justify="right" if at in table.numbers else "left",
            overflow="fold",
            no_wrap=at in table.numbers or at == 0,
            ratio=1 if is_last and last_is_wide else None,
        )
    for row in table.rows:
        grid.add_row(*(Text(cell) for cell in row.cells), style=_WRONG if row.is_wrong else None)
    return grid if table.rows else Text(table.empty, _SOFT)
