"""The drills as a set: documented, measured against the naive baseline, and random ones that a seed repeats."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import KitError
from scripts.drills import all_drills
from scripts.drills.__main__ import plan, programs_under_test
from scripts.drills.documentation import DOCS_FILE, drills_markdown, read_measured, take_over
from scripts.drills.messages import REJECTS
from scripts.drills.model import Drill, drill
from scripts.drills.random_faults import BUDGET, FAULTS, make_plan
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


def test_the_documentation_is_up_to_date() -> None:
    written = DOCS_FILE.read_text(encoding="utf-8")
    assert written == drills_markdown(DRILLS, read_measured()), "run python -m scripts.drills.documentation"


def test_what_was_measured_covers_every_drill() -> None:
    measured = read_measured()
    assert set(measured[OURS.name]) == {*DRILLS, "random"}
    assert all(row["clean"] == row["runs"] for row in measured[OURS.name].values())
    assert measured[OURS.name]["random"]["runs"] >= 200
    shown = [name for name, row in measured[NAIVE.name].items() if row["lost"] or row["repeated"]]
    assert len(shown) >= 6, shown


def test_a_random_run_that_was_not_clean_is_named_on_the_page() -> None:
    measured = {name: dict(rows) for name, rows in read_measured().items()}
    random = measured[OURS.name]["random"]
    measured[OURS.name]["random"] = {**random, "clean": random["runs"] - 1, "seeds_not_clean": [158]}
    (row,) = [line for line in drills_markdown(DRILLS, measured).splitlines() if line.startswith("| [random]")]
    assert f"{random['runs'] - 1} clean, not clean: 158" in row


def test_a_report_replaces_what_it_measured_again() -> None:
    counts = {"rows": 5, "messages": 5, "lost": 1, "repeated": 0, "altered": 0, "unexpected": 0}
    run = {
        "drill": "late_commit",
        "seed": 3,
        "clean": False,
        "faults": ["late commit"],
        "ended": [],
        "seconds": 1.5,
        "balance": {**counts, "repeats_removed": 0, "in_quarantine": 0},
    }
    before = {"naive": {"late_commit": {"lost": 9}, "other": {"lost": 2}}}
    merged = take_over(before, [{"programs": "naive", "runs": [run, run]}])["naive"]
    assert merged["other"] == {"lost": 2}
    assert (merged["late_commit"]["lost"], merged["late_commit"]["runs"], merged["late_commit"]["seeds"]) == (
        2,
        2,
        [3, 3],
    )


def test_a_plan_derives_from_its_seed_alone() -> None:
    assert [make_plan(seed) for seed in range(50)] == [make_plan(seed) for seed in range(50)]
    assert len({make_plan(seed) for seed in range(50)}) == 50


def test_plans_are_short_and_draw_every_fault() -> None:
    plans = [make_plan(seed) for seed in range(1, 201)]
    assert all(plan.steps and sum(FAULTS[step.fault].cost for step in plan.steps) <= BUDGET for plan in plans)
    assert {step.fault for plan in plans for step in plan.steps} == set(FAULTS)


def test_what_to_run() -> None:
    assert [item.drill.name for item in plan(None, 1, None)][: len(DRILLS)] == list(DRILLS)
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
