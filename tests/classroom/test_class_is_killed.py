"""A class run that is killed in the middle, and started again, comes to the gradebook of one that was left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.submissions.build import build_class, samples
from tests.submissions.class_demo import all_differences, read_gradebook
from tests.submissions.power_cut import Run, cut_in_the_middle

pytestmark = pytest.mark.services
# The first has no result but by a live run, and has one at once. No note of the others has a time in it.
CHOSEN = ("consumer_not_handed_in", "state_with_order_id_in_a_folder", "negative_amounts_kept", "windows_line_ends")

# Two runs of the same programs differ in these: in how many batches, and so files, the rows came depends on the load.
BY_TIME = ("seconds", "few_files")


def cells(out: Path) -> dict[tuple[str, str], str]:
    """(roll number, column) -> what the gradebook has there."""
    rows = read_gradebook(out)
    return {
        (row["rollnumber"], column): value for row in rows for column, value in row.items() if column not in BY_TIME
    }


def test_a_power_cut_in_the_middle_changes_no_mark_and_leaves_nothing(needs_bubblewrap: None, tmp_path: Path) -> None:
    chosen = {name: samples()[name] for name in CHOSEN}
    build_class(tmp_path / "class", list(chosen.values()))
    variables = {"SUBMISSIONS": str(tmp_path / "class"), "LIVE": "1", "WORKERS": "2"}
    undisturbed = Run({**variables, "OUT": str(tmp_path / "undisturbed")}, tmp_path / "temporary")
    assert undisturbed.start().wait() == 0

    run = Run({**variables, "OUT": str(tmp_path / "cut")}, tmp_path / "temporary")
    cut = cut_in_the_middle(run, results=1)
    assert cut.kept
    assert cut.in_mid_run
    assert run.start().wait() == 0
    assert cut.left_behind() == []
    after_the_cut, expected = cells(run.out), cells(undisturbed.out)
    assert after_the_cut.keys() == expected.keys()
    assert {at: (value, expected[at]) for at, value in after_the_cut.items() if value != expected[at]} == {}
    assert all_differences(chosen, run.out) == {name: [] for name in chosen}
