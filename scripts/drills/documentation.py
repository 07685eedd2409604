"""docs/drills.md, made from the drills and from what was last measured.

`python -m scripts.drills.documentation [REPORT ...]` takes over what reports of `make drills` say, drill by drill, into
scripts/drills/measured.json, and writes the page anew. A test says when it is out of date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.settings import PROJECT
from scripts.drills import all_drills
from scripts.drills.model import Drill
from scripts.drills.random_faults import BUDGET, FAULTS
from scripts.pipeline.programs import NAIVE
from scripts.services.stack import OURS

DOCS_FILE = PROJECT / "docs" / "drills.md"
MEASURED_FILE = Path(__file__).with_name("measured.json")
RANDOM = "random"
Measured = Mapping[str, Mapping[str, Mapping[str, Any]]]  # programs -> drill -> figures

_HEAD = """\
# The drills

Generated from scripts/drills/ by `python -m scripts.drills.documentation`: change those, not this.

A drill brings a fault about in a running pipeline: real Postgres, Kafka and Spark, on ports and in a folder of their
own. Afterwards nothing may be lost, repeated, altered or left unexplained.

    make drills                          all of them, and a few random ones
    make drills DRILL=late_commit        one, or several separated by commas
    make drills DRILL=random SEED=7      the random drill of seed 7; RUNS=200 goes on to seed 206
    make drills PROGRAMS=naive           against the naive baseline; or PROGRAMS=folder, with
                                         scripts/producer_spark_submit.sh and scripts/consumer_spark_submit.sh in it

The evidence goes to the terminal as a table and to reports/drills.json; the logs of a drill that did not come out
clean to reports/drills/.

## What must hold
Once the state is at the newest row and the consumer has finished the topic, the account is settled from Postgres, the
topic, the lake (the files that its log names) and the quarantine:

- **lost** 0: every good row of Postgres is in the lake; **repeated** 0: once; **wrong** 0: with its values, in the
  folder of its UTC date, and nothing else is there.
- The state has not passed a row that was not published.
- Every message is accounted for: topic = lake + quarantine + repeats removed, message by message.
- No program has ended by itself. One that was killed is started again, as an operator would.

Whether these drills can see a loss is shown by the **naive baseline**: tests/naive_baseline/, producer and consumer
as the hand-out suggests them. They look right and pass a round by hand.

## What was measured
`lost` and `repeated` are rows, `ended` how often a program ended by itself. Nearly all rows of the naive baseline are
"wrong" besides: its JSON has lost their microseconds. Where writers insert during a drill, it loses some of their rows
whatever else happens: see concurrent_writers.
"""


def take_over(measured: Measured, reports: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """`measured` with the figures of reports in place of those of the same programs and drill."""
    merged = {programs: {name: dict(row) for name, row in drills.items()} for programs, drills in measured.items()}
    runs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for report in reports:
        for run in report["runs"]:
            runs.setdefault((report["programs"], run["drill"]), []).append(run)
    for (programs, name), several in runs.items():
        merged.setdefault(programs, {})[name] = _figures(several)
    return merged


def _figures(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = ("rows", "messages", "lost", "repeated", "altered", "unexpected", "repeats_removed", "in_quarantine")
    return {
        "runs": len(runs),
        "clean": sum(run["clean"] for run in runs),
        "seeds_not_clean": [run["seed"] for run in runs if not run["clean"]],
        "seeds": [min(run["seed"] for run in runs), max(run["seed"] for run in runs)],
        "faults": sum(len(run["faults"]) for run in runs),
        **{key: sum(run["balance"][key] for run in runs) for key in keys},
        "ended": sum(len(run["ended"]) for run in runs),
        "seconds": round(sum(run["seconds"] for run in runs), 1),
    }


def drills_markdown(drills: Mapping[str, Drill], measured: Measured) -> str:
    """docs/drills.md."""
    ours, naive = measured.get(OURS.name, {}), measured.get(NAIVE.name, {})
    lines = [
        _HEAD,
        "| drill | rows | faults | ours: lost | repeated | wrong | seconds | naive: rows | lost | repeated | ended |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in (*drills, RANDOM):
        mine, theirs = ours.get(name), naive.get(name)
        label = f"[{name}](#{name})"
        if name == RANDOM and mine is not None:
            label += f", {mine['runs']} runs, seeds {mine['seeds'][0]} to {mine['seeds'][1]}, {mine['clean']} clean"
            if mine.get("seeds_not_clean"):
                label += f", not clean: {', '.join(map(str, mine['seeds_not_clean']))}"
        lines.append(f"| {label} | {_ours(mine)} | {_naive(theirs)} |")
    category = ""
    for drill in drills.values():
        if drill.category != category:
            category = drill.category
            lines += ["", f"## {category.capitalize()}"]
        lines += ["", f"### {drill.name}", "", f"**{drill.title}**", "", drill.doc, ""]
        lines += [f"- The naive baseline: {drill.naive}", f"- Ours: {drill.withstands}"]
    lines += ["", f"## {RANDOM.capitalize()}", "", f"### {RANDOM}", "", *_random_text(), ""]
    return "\n".join(lines)


def _ours(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "- | - | - | - | - | -"
    wrong = figures["altered"] + figures["unexpected"]
    keys = ("rows", "faults", "lost", "repeated")
    return " | ".join([*(str(figures[key]) for key in keys), str(wrong), f"{figures['seconds']:.0f}"])


def _naive(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "- | - | - | -"
    return " | ".join(str(figures[key]) for key in ("rows", "lost", "repeated", "ended"))


def _random_text() -> list[str]:
    return [
        "**Several faults at once, drawn from a seed, while writers insert.**",
        "",
        "The seed alone decides how many writers there are, which faults come, after how many rows and for how long;",
        "the run says what it has injected. Where in a batch a kill falls is up to the machine, so a seed that was",
        "clean once can find something another time. Faults are drawn until they cost the pipeline about",
        f"{BUDGET:.0f} seconds:",
        "",
        f"{', '.join(FAULTS)}.",
    ]


def read_measured() -> Measured:
    """The figures last taken over; empty where there are none."""
    try:
        found: Measured = json.loads(MEASURED_FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return found


if __name__ == "__main__":
    figures = take_over(read_measured(), [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]])
    MEASURED_FILE.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    DOCS_FILE.write_text(drills_markdown(all_drills(), figures), encoding="utf-8")
