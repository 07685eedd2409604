"""docs/drills.md, written from the drills and from docs/measured/drills.json.

`python -m scripts.drills.documentation REPORT ...` records reports of `make drills` and writes the page.
`make drills RECORD=1` records its own report.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from configs.errors import KitError, run_command
from configs.settings import PROJECT
from configs.wording import counted
from scripts.drills import all_drills
from scripts.drills.model import Drill
from scripts.drills.random_faults import BUDGET, FAULTS
from scripts.drills.report import short_verdict, tabulated
from scripts.generated.document import Document, head
from scripts.generated.measured import MEASURED, read_measured, write_measured
from scripts.pipeline.programs import NAIVE
from scripts.services.stack import OURS

MEASURED_FILE = MEASURED / "drills.json"
RANDOM = "random"


class Figures(BaseModel):
    """The runs of one drill, added up.

    `seeds`: the first and the last; `ended`: programs that ended by themselves; `verdict`: of the first run that was
    not clean, as the table of `make drills` shows it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    runs: int
    clean: int
    seeds: tuple[int, int]
    seeds_not_clean: tuple[int, ...]
    faults: int
    rows: int
    messages: int
    lost: int
    repeated: int
    altered: int
    unexpected: int
    repeats_removed: int
    in_quarantine: int
    unaccounted: int = 0
    ended: int
    seconds: float
    verdict: str | None = None  # not in what was recorded before it was kept


Measured = Mapping[str, Mapping[str, Figures]]  # programs -> drill -> figures
_MEASURED: TypeAdapter[Measured] = TypeAdapter(Measured)

_INTRODUCTION = """\
A drill injects a fault into a running pipeline: real Postgres, Kafka and Spark, on ports and in a folder of their own.
Afterwards nothing may be lost, repeated, altered or left unexplained.

    make drills                          all of them, and a few random ones
    make drills DRILL=late_commit        one, or several separated by commas
    make drills DRILL=cluster            those of a Spark cluster, three brokers and a lake on S3
    make drills DRILL=random SEED=7      the random drill of seed 7; RUNS=200 continues to seed 206
    make drills PROGRAMS=naive           against the naive baseline; or PROGRAMS=folder, with
                                         scripts/producer_spark_submit.sh and scripts/consumer_spark_submit.sh in it
    make drills RECORD=1                 keeps the figures in docs/measured/drills.json, for this page

The result goes to the terminal as a table and to reports/drills.json. The logs of a drill that was not clean go to
reports/drills/. [drill_writer.md](drill_writer.md) says how to add a drill.

## What must hold
The check begins when the state is at the newest row and the consumer has finished the topic. We reconcile Postgres, the
topic, the lake (the files that its log names) and the quarantine:

- **lost** 0: every good row of Postgres is in the lake.
- **repeated** 0: it is there once.
- **wrong** 0: it has its values and is in the folder of its UTC date. Nothing else is in the lake.
- The state has not passed a row that was not published.
- Every message is accounted for: topic = lake + quarantine + repeats removed, message by message.
- No program has ended by itself. One that was killed is started again, as an operator would.

The **naive baseline** shows that these drills can see a loss. It is tests/naive_baseline/: producer and consumer as the
assignment suggests them. They look right and pass a round by hand.

## What was measured
`lost` and `repeated` are rows; `ended` is how often a program ended by itself. Nearly all rows of the naive baseline
are also "wrong", because its JSON loses their microseconds. In drills with writers it loses some of their rows, with or
without the fault: see concurrent_writers.
"""


def merge_reports(measured: Measured, reports: Iterable[Mapping[str, Any]]) -> Measured:
    """`measured`, with the figures of reports. They replace those of the same programs and drill."""
    merged = {programs: dict(drills) for programs, drills in measured.items()}
    runs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for report in reports:
        for run in report["runs"]:
            runs.setdefault((report["programs"], run["drill"]), []).append(run)
    for (programs, name), several in runs.items():
        merged.setdefault(programs, {})[name] = _figures(several)
    return {programs: dict(sorted(drills.items())) for programs, drills in sorted(merged.items())}


def _figures(runs: Sequence[Mapping[str, Any]]) -> Figures:
    keys = (
        "rows",
        "messages",
        "lost",
        "repeated",
        "altered",
        "unexpected",
        "repeats_removed",
        "in_quarantine",
        "unaccounted",
    )
    not_clean = [run["verdict"] for run in runs if not run["clean"]]
    return Figures(
        runs=len(runs),
        clean=sum(run["clean"] for run in runs),
        seeds=(min(run["seed"] for run in runs), max(run["seed"] for run in runs)),
        seeds_not_clean=tuple(run["seed"] for run in runs if not run["clean"]),
        faults=sum(len(run["faults"]) for run in runs),
        **{key: sum(run["balance"][key] for run in runs) for key in keys},
        ended=sum(len(run["ended"]) for run in runs),
        seconds=round(sum(run["seconds"] for run in runs), 1),
        verdict=short_verdict(next(iter(not_clean), "clean")),
    )


def measured_figures(programs: str, drill: str) -> Figures | None:
    """What was recorded for a drill; None if nothing was.

    Raises:
        KitError: docs/measured/drills.json does not hold figures.
    """
    return (read_measured(MEASURED_FILE, _MEASURED) or {}).get(programs, {}).get(drill)


def printed_table(drill: str, figures: Figures) -> str:
    """The table that `make drills` printed when these figures of one run were recorded."""
    f = figures
    verdict = f.verdict or ("clean" if f.clean == f.runs else "not clean")
    wrong, seconds = f.altered + f.unexpected, f"{f.seconds:.1f}"
    return tabulated([[drill, f.rows, f.faults, f.lost, f.repeated, wrong, seconds, verdict]])


def drills_markdown(drills: Mapping[str, Drill], measured: Measured) -> str:
    """docs/drills.md; "-" if a drill was not measured."""
    ours, naive = measured.get(OURS.name, {}), measured.get(NAIVE.name, {})
    lines = [
        head("The drills", "scripts/drills/", "docs/measured/drills.json") + _INTRODUCTION,
        "| drill | rows | faults | ours: lost | repeated | wrong | seconds | naive: rows | lost | repeated | ended |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in (*drills, RANDOM):
        of_ours, of_naive = ours.get(name), naive.get(name)
        label = f"[{name}](#{name})"
        if name == RANDOM and of_ours is not None:
            seeds = f"seeds {of_ours.seeds[0]} to {of_ours.seeds[1]}"
            label += f", {counted(of_ours.runs, 'run')}, {seeds}, {of_ours.clean} clean"
            if of_ours.seeds_not_clean:
                label += f", not clean: {', '.join(map(str, of_ours.seeds_not_clean))}"
        lines.append(f"| {label} | {_ours(of_ours)} | {_naive(of_naive)} |")
    category = ""
    for drill in drills.values():
        if drill.category != category:
            category = drill.category
            lines += ["", f"## {category.capitalize()}"]
        lines += ["", f"### {drill.name}", "", f"**{drill.title}**", "", drill.doc, ""]
        lines += [f"- The naive baseline: {drill.naive}", f"- Ours: {drill.withstands}"]
    lines += ["", f"## {RANDOM.capitalize()}", "", f"### {RANDOM}", "", *_random_text(), ""]
    return "\n".join(lines)


def _ours(figures: Figures | None) -> str:
    if figures is None:
        return "- | - | - | - | - | -"
    f = figures
    return f"{f.rows} | {f.faults} | {f.lost} | {f.repeated} | {f.altered + f.unexpected} | {f.seconds:.0f}"


def _naive(figures: Figures | None) -> str:
    if figures is None:
        return "- | - | - | -"
    return f"{figures.rows} | {figures.lost} | {figures.repeated} | {figures.ended}"


def _random_text() -> list[str]:
    return [
        "**Several faults at once, drawn from a seed, while writers insert.**",
        "",
        "The seed alone decides how many writers there are. It also decides which faults come, after how many rows and",
        "for how long. The run says what it has injected. The machine decides when in a batch a kill happens: a seed",
        "that was clean once can find something another time. Faults are drawn until they cost the pipeline about",
        f"{BUDGET:.0f} seconds:",
        "",
        f"{', '.join(FAULTS)}.",
    ]


def record(reports: Iterable[Mapping[str, Any]]) -> None:
    """Record reports of `make drills` in docs/measured/drills.json, and write the page.

    Raises:
        KitError: docs/measured/drills.json does not hold figures.
    """
    measured = merge_reports(read_measured(MEASURED_FILE, _MEASURED) or {}, reports)
    write_measured(MEASURED_FILE, _MEASURED, measured)
    DRILLS.write()


def read_report(path: Path) -> Mapping[str, Any]:
    """A report of `make drills`.

    Raises:
        KitError: it cannot be read, or is not such a report.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if {"programs", "runs"} <= set(report):
            return dict(report)
    except (OSError, ValueError, TypeError) as error:
        raise KitError(f"{path} cannot be read: {error}. Run `make drills`: it writes reports/drills.json.") from error
    raise KitError(f"{path} is not a report of drills. Run `make drills`: it writes reports/drills.json.")


DRILLS = Document(
    PROJECT / "docs" / "drills.md",
    lambda: drills_markdown(all_drills(), read_measured(MEASURED_FILE, _MEASURED) or {}),
)


def main(reports: Sequence[str]) -> int:
    record([read_report(Path(name)) for name in reports])
    return 0


if __name__ == "__main__":
    sys.exit(run_command(lambda: main(sys.argv[1:])))
