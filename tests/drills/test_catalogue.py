"""The drills as a set: each is documented, the page shows its figures, and a seed repeats a random one."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import KitError
from scripts.drills import __main__ as command
from scripts.drills import all_drills, documentation
from scripts.drills.__main__ import drill_command, plan, programs_under_test
from scripts.drills.documentation import Figures, drills_markdown, merge_reports, read_report
from scripts.drills.messages import REJECTS
from scripts.drills.model import Drill, drill
from scripts.drills.random_faults import BUDGET, FAULTS, make_plan
from scripts.drills.report import write_json
from scripts.generated.document import Document
from scripts.pipeline.programs import NAIVE
from scripts.services.stack import OURS

DRILLS = all_drills()


@pytest.mark.parametrize("item", DRILLS.values(), ids=list(DRILLS))
def test_every_drill_is_documented(item: Drill) -> None:
    assert item.title.endswith(".")
    assert item.doc, "say after the first line what is injected"
    assert item.naive.endswith(".")
    assert item.withstands.endswith(".")


def test_a_drill_without_a_docstring_is_refused() -> None:
    with pytest.raises(TypeError, match="docstring"):
        drill(naive="", withstands="")(lambda _: None)


def figures(**changes: object) -> Figures:
    """Made-up figures of one clean run; `changes` by field."""
    counts = {"rows": 5, "messages": 5, "lost": 0, "repeated": 0, "altered": 0, "unexpected": 0, "in_quarantine": 0}
    one = {"runs": 1, "clean": 1, "seeds": (1, 1), "seeds_not_clean": (), "faults": 1, "ended": 0, "seconds": 1.5}
    return Figures.model_validate({**counts, **one, "repeats_removed": 0, **changes})


def row_of(page: str, drill_name: str) -> str:
    (row,) = [line for line in page.splitlines() if line.startswith(f"| [{drill_name}]")]
    return row


def test_the_page_shows_what_was_measured() -> None:
    measured = {
        "ours": {"late_commit": figures(rows=7, faults=3, altered=1, unexpected=1)},
        "naive": {"late_commit": figures(rows=8, lost=2, repeated=4, ended=1)},
    }
    page = drills_markdown(DRILLS, measured)
    assert row_of(page, "late_commit").endswith("| 7 | 3 | 0 | 0 | 2 | 2 | 8 | 2 | 4 | 1 |")
    for item in DRILLS.values():
        assert item.naive in page
        assert item.withstands in page


def test_a_drill_that_was_not_measured_shows_a_dash() -> None:
    page = drills_markdown(DRILLS, {"ours": {"late_commit": figures()}})
    assert row_of(page, "late_commit").endswith("| 5 | 1 | 0 | 0 | 0 | 2 | - | - | - | - |")
    assert row_of(page, "ties_at_the_limit").endswith(")" + " | -" * 10 + " |")
    assert row_of(drills_markdown(DRILLS, {}), "random").endswith(")" + " | -" * 10 + " |")


def test_a_random_run_that_was_not_clean_is_named_on_the_page() -> None:
    random = figures(runs=200, clean=199, seeds=(1, 200), seeds_not_clean=(158,))
    row = row_of(drills_markdown(DRILLS, {"ours": {"random": random}}), "random")
    assert "200 runs, seeds 1 to 200, 199 clean, not clean: 158 |" in row


def test_a_report_replaces_what_it_measured_again() -> None:
    counts = {"rows": 5, "messages": 5, "lost": 1, "repeated": 0, "altered": 0, "unexpected": 0, "unaccounted": 2}
    run = {
        "drill": "late_commit",
        "seed": 3,
        "clean": False,
        "verdict": "1 lost; the producer ended:\nERROR",
        "faults": ["late commit"],
        "ended": [],
        "seconds": 1.5,
        "balance": {**counts, "repeats_removed": 0, "in_quarantine": 0},
    }
    before = {"naive": {"late_commit": figures(lost=9), "other": figures(lost=2)}}
    merged = merge_reports(before, [{"programs": "naive", "runs": [run, {**run, "seed": 4, "clean": True}]}])["naive"]
    assert merged["other"] == figures(lost=2)
    assert merged["late_commit"] == figures(
        runs=2,
        rows=10,
        messages=10,
        lost=2,
        unaccounted=4,
        seeds=(3, 4),
        seeds_not_clean=(3,),
        faults=2,
        seconds=3.0,
        verdict="1 lost; the producer ended:",
    )


@pytest.mark.parametrize(("asked", "recorded"), [(None, 0), ("1", 1)])
def test_figures_are_recorded_only_when_asked(
    asked: str | None, recorded: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records: list[object] = []
    monkeypatch.setattr(command, "record", records.extend)
    monkeypatch.setattr(command, "run_drills", lambda *_, **__: write_json(tmp_path / "drills.json", "ours", []))
    for name in ("PROGRAMS", "SEED", "RUNS", "RECORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRILL", "late_commit")
    if asked:
        monkeypatch.setenv("RECORD", asked)
    assert drill_command(tmp_path / "drills.json") == 0
    assert records == [{"programs": "ours", "runs": []}] * recorded


def test_a_record_goes_to_the_measurements_and_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documentation, "MEASURED_FILE", tmp_path / "drills.json")
    page = Document(tmp_path / "drills.md", documentation.DRILLS.text)
    monkeypatch.setattr(documentation, "DRILLS", page)
    counts = dict.fromkeys(("messages", "lost", "repeated", "altered", "unexpected", "unaccounted"), 0)
    balance = {"rows": 321, **counts, "repeats_removed": 0, "in_quarantine": 0}
    run = {"drill": "late_commit", "seed": 1, "clean": True, "faults": [], "ended": [], "seconds": 2.0}
    documentation.record([{"programs": "ours", "runs": [{**run, "balance": balance}]}])
    assert '"rows": 321' in (tmp_path / "drills.json").read_text(encoding="utf-8")
    assert "| 321 | 0 |" in row_of(page.path.read_text(encoding="utf-8"), "late_commit")
    assert page.is_current()


@pytest.mark.parametrize("text", ["{", "[]", '{"runs": []}'])
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "drills.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KitError, match=r"make drills"):
        read_report(path)


def test_a_plan_derives_from_its_seed_alone() -> None:
    assert [make_plan(seed) for seed in range(50)] == [make_plan(seed) for seed in range(50)]
    assert len({make_plan(seed) for seed in range(50)}) == 50


def test_plans_are_short_and_draw_every_fault() -> None:
    plans = [make_plan(seed) for seed in range(1, 201)]
    assert all(plan.steps and sum(FAULTS[step.fault].cost for step in plan.steps) <= BUDGET for plan in plans)
    assert {step.fault for plan in plans for step in plan.steps} == set(FAULTS)


def test_what_to_run() -> None:
    on_one_machine = [name for name, item in DRILLS.items() if not item.needs_cluster]
    assert [item.drill.name for item in plan(None, 1, 0)] == on_one_machine
    assert [item.drill.name for item in plan("cluster", 1, None)] == [
        name for name in DRILLS if name not in on_one_machine
    ]
    assert [item.seed for item in plan("random", 7, 3)] == [7, 8, 9]
    assert [(item.drill.name, item.seed) for item in plan("late_commit,ties_at_the_limit", 1, None)] == [
        ("late_commit", 1),
        ("ties_at_the_limit", 1),
    ]
    with pytest.raises(KitError, match="late_comit"):
        plan("late_comit", 1, None)


def test_which_programs_are_drilled(tmp_path: Path) -> None:
    assert programs_under_test(None) == OURS
    assert programs_under_test("naive") == NAIVE
    with pytest.raises(KitError, match="producer_spark_submit"):
        programs_under_test(str(tmp_path))


def test_rejects_do_not_hide_each_other() -> None:
    texts = [value for value in REJECTS.values() if value is not None]
    assert len(texts) == len(set(texts))
