"""The view on terminals of different sizes: nothing that matters is cut."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from rich.console import Console

from scripts.watch import terminal
from scripts.watch.sample import sample_snapshot
from scripts.watch.snapshot import Batches, Day, LakeFigures, NoAnswer, Processes, Running, Snapshot
from scripts.watch.view import view

LONG = "Postgres refuses at a.very.long.name.of.a.database.host.example:5432: password authentication failed for user x"


def crowded(offset: int = 10**9) -> Snapshot:
    """Long texts, many partitions, dates and reasons, and large numbers."""
    topic = {partition: offset + partition for partition in range(40)}
    programs = Running("producer", "up, in another terminal", about=f"of /home/student/{'folder/' * 12}")
    return replace(
        sample_snapshot(),
        orders=NoAnswer(LONG),
        topic=topic,
        batches=Batches(1_234_567, 1_234_566, {**topic, 17: 5}, seconds=3723.0, ended_at=1.0),
        lake=LakeFigures(tuple(Day(f"2025-{n // 28 + 1:02}-{n % 28 + 1:02}", 10**7, 10**4) for n in range(60))),
        quarantine={f"reason number {n}": 10**6 for n in range(30)},
        processes=Processes((programs,)),
    )


def drawn(snapshot: Snapshot, width: int, height: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as captured:
        console.print(terminal.Frame(view(snapshot), height))
    return captured.get().splitlines()


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("width", [80, 100, 119, 120, 200])
@pytest.mark.parametrize("snapshot", [sample_snapshot(), crowded()], ids=["sample", "crowded"])
def test_no_cell_of_stages_and_processes_is_cut(snapshot: Snapshot, width: int) -> None:
    text = terminal.text(snapshot, width)
    assert max(map(len, text.splitlines())) <= width
    shown = view(snapshot)
    for row in (*shown.stages.rows, *shown.processes.rows):
        assert squeezed("".join(row.cells)) in squeezed(text)


@pytest.mark.parametrize("width", [80, 120])
def test_text_has_every_row_of_every_list(width: int) -> None:
    shown, text = view(crowded()), terminal.text(crowded(), width)
    for table in (shown.partitions, shown.dates, shown.reasons):
        for row in table.rows:
            assert re.search(" +".join(map(re.escape, row.cells)), text)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 24), (200, 50)])
def test_a_screen_holds_the_sample_and_cuts_only_long_lists(width: int, height: int) -> None:
    lines = drawn(sample_snapshot(), width, height)
    assert len(lines) <= height
    assert "consumer" in lines[-1]
    many = replace(crowded(10**6), orders=sample_snapshot().orders, processes=sample_snapshot().processes)
    lines = drawn(many, width, height)
    assert len(lines) <= height
    assert "consumer" in lines[-1]
    text = "\n".join(lines)
    assert "more" in text
    assert " 17 " in text, "the partition with the greatest lag is not left out"


def test_what_is_wrong_has_another_colour() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system="standard")
    with console.capture() as captured:
        console.print(terminal.Frame(view(crowded())))
    wrong = [line for line in captured.get().splitlines() if "\x1b[1;31m" in line]
    assert any("Postgres" in line for line in wrong)
    assert not any("Topic" in line for line in wrong)


def test_markup_in_a_text_stays_as_it_is() -> None:
    snapshot = replace(sample_snapshot(), quarantine={"[bold]x[/bold] [/red]": 1})
    assert "[bold]x[/bold] [/red]" in terminal.text(snapshot)


def test_a_picture_needs_no_terminal() -> None:
    drawing = ElementTree.fromstring(terminal.picture(sample_snapshot()))
    texts = " ".join(drawing.itertext()).replace("\xa0", " ")
    assert "1,247 rows" in texts
    assert "make watch" in texts
