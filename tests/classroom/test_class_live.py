"""A small class of correct, faulty and hostile submissions, graded live, gets the verdicts that it deserves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.submissions.build import samples
from tests.submissions.class_demo import grade_samples, read_gradebook

pytestmark = pytest.mark.services


def test_the_short_class_gets_its_verdicts_and_a_second_start_grades_nothing_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    short = {name: sample for name, sample in samples().items() if sample.short}
    assert len(short) >= 4
    class_, out = tmp_path / "class", tmp_path / "out"
    wrong = grade_samples(short, class_, out)
    assert wrong == {name: [] for name in short}
    graded = read_gradebook(out)
    for row in graded:
        files = {path.name for path in (out / row["submission"]).iterdir()} if row["verdict"] == "pass" else set()
        assert files >= ({"report.html", "report.json", "logs", "evidence", "handed_in"} if files else set())
    assert f"Found {len(short)} submissions" in capfd.readouterr().out
    assert grade_samples({}, class_, out) == {}
    assert f"To grade now: 0. The other {len(short)} stay as they are." in capfd.readouterr().out
    assert read_gradebook(out) == graded
