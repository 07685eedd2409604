"""A snapshot on the terminal, as text and as a picture. From 80 columns on nothing is cut: a long cell is wrapped."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console, Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from scripts.watch.snapshot import Snapshot
from scripts.watch.view import Row, Table, View, view

NARROWEST, WIDTH = 80, 100  # columns
WIDE = 120  # columns from which on three tables are side by side
_WRONG, _SOFT, _HEAD = "bold red", "dim", "bold"


def frame(shown: View, width: int, height: int | None = None, *, hint: str = "") -> RenderableType:
    """What a terminal of this size shows. Long lists end with how many rows are left out; None: they are not cut.

    `hint`: such as the key that ends the view.
    """
    head = Grid.grid(expand=True)
    head.add_column(overflow="fold")
    head.add_column(justify="right", no_wrap=True)
    head.add_row(
        Text(f"{shown.title}  {shown.summary}", _HEAD), Text("  ".join(filter(None, (hint, shown.time))), _SOFT)
    )
    parts: list[RenderableType] = [head, Text(), _grid(shown.stages, last_is_wide=True), Text()]
    parts += [_lists(shown, width, None if height is None else height - _fixed_lines(shown)), Text()]
    parts.append(_grid(shown.processes, last_is_wide=True))
    if shown.warning:
        parts += [Text(), Text(shown.warning, _WRONG)]
    return Group(*parts)


def text(snapshot: Snapshot, width: int = WIDTH) -> str:
    """The same as plain text, with all rows of all lists."""
    console = Console(file=io.StringIO(), width=max(NARROWEST, width), color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(frame(view(snapshot), console.width))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def picture(snapshot: Snapshot, width: int = WIDTH) -> str:
    """The same as SVG, with the colours of a terminal."""
    console = Console(file=io.StringIO(), width=width, record=True, force_terminal=True, color_system="truecolor")
    console.print(frame(view(snapshot), width))
    return console.export_svg(title="make watch")


def _fixed_lines(shown: View) -> int:
    """Lines of a frame without its lists: head, stages, processes, their headings and what separates them."""
    warning = 1 + len(shown.warning.splitlines()) if shown.warning else 0
    return 1 + 1 + 1 + len(shown.stages.rows) + 1 + 1 + 1 + len(shown.processes.rows) + warning


def _lists(shown: View, width: int, height: int | None) -> RenderableType:
    """Partitions, dates and reasons: side by side, or the reasons below the partitions; in `height` lines."""
    grid = Grid.grid(padding=(0, 4, 0, 0))
    if width >= WIDE:
        grid.add_row(*(_grid(_cut(table, height)) for table in (shown.partitions, shown.dates, shown.reasons)))
        return grid
    partitions = _cut(shown.partitions, None if height is None else max(height - 3, height // 2))
    left = None if height is None else height - 1 - _lines(partitions) - 1
    column = [_grid(partitions), Text(), _grid(_cut(shown.reasons, left))]
    grid.add_row(Group(*column), _grid(_cut(shown.dates, height)))
    return grid


def _lines(table: Table) -> int:
    return max(1, len(table.rows))


def _cut(table: Table, height: int | None) -> Table:
    """The table in `height` lines with its heading, and with two rows or more."""
    count = len(table.rows) if height is None else max(2, height - 1)
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
