"""`make drills`: python -m scripts.drills, with DRILL, SEED, RUNS, PROGRAMS and RECORD from the environment."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from confluent_kafka import KafkaException

from configs.errors import KitError, run_command
from configs.settings import PROJECT
from configs.wording import counted
from scripts.drills import all_drills
from scripts.drills.documentation import MEASURED_FILE, read_report, record
from scripts.drills.errors import DrillError
from scripts.drills.model import CLUSTER, Drill, Result
from scripts.drills.random_faults import random_drill
from scripts.drills.report import line, table, write_json
from scripts.drills.runner import Planned, run_drills
from scripts.pipeline.programs import NAIVE
from scripts.services.stack import OURS, Programs, programs_with_scripts

RANDOM = "random"
DEFAULT_RANDOM_RUNS = 5  # after the named drills, if RUNS is not given


def plan(drill: str | None, seed: int, runs: int | None) -> list[Planned]:
    """What to run: all named drills of one machine and some random ones; or one drill, or those of the cluster, `runs`
    times with seeds from `seed` on.

    Raises:
        KitError: there is no such drill.
    """
    known = all_drills()
    if drill is None:
        count = DEFAULT_RANDOM_RUNS if runs is None else runs
        local = (item for item in known.values() if not item.needs_cluster)
        return [*(Planned(item, seed) for item in local), *_random(seed, count)]
    if drill == CLUSTER:
        drill = ",".join(name for name, item in known.items() if item.needs_cluster)
    if drill == RANDOM:
        return _random(seed, 1 if runs is None else runs)
    chosen: list[Drill] = []
    for name in drill.split(","):
        if name not in known:
            raise KitError(
                f"DRILL is {name!r}, but there is no such drill. Choose from: {', '.join(known)}, {RANDOM}, {CLUSTER}."
            )
        chosen.append(known[name])
    return [Planned(item, seed + number) for number in range(runs or 1) for item in chosen]


def _random(seed: int, runs: int) -> list[Planned]:
    return [Planned(random_drill(seed + number), seed + number) for number in range(runs)]


def programs_under_test(name: str | None) -> Programs:
    """ours, naive, or a folder with scripts/producer_spark_submit.sh and scripts/consumer_spark_submit.sh.

    Raises:
        KitError: the folder has no such scripts.
    """
    known = {"": OURS, OURS.name: OURS, NAIVE.name: NAIVE, "plain": NAIVE}  # plain: what naive was called before
    if (name or "") in known:
        return known[name or ""]
    folder = Path(name or "").expanduser().absolute()
    chosen = programs_with_scripts(folder.name, folder)
    for script in (chosen.producer, chosen.consumer):
        if not os.access(script, os.X_OK):
            raise KitError(
                f"PROGRAMS is {name!r}; allowed: ours, naive, or a folder. {script} is missing or not executable."
            )
    return chosen


def _number(name: str) -> int | None:
    text = os.environ.get(name, "").strip()
    if text and not text.isdecimal():
        raise KitError(f"{name} is {text!r}; it must be a whole number.")
    return int(text) if text else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.drills", description="What `make drills` calls.")
    parser.add_argument("--out", type=Path, help="the JSON report (default: reports/drills.json, or drills_<programs>)")
    parser.add_argument("--one-stack", action="store_true", help="keep the stack after a drill that was not clean")
    arguments = parser.parse_args()
    # A background job starts with Ctrl-C ignored. Both signals must end the run and remove its stack.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.default_int_handler)
    return run_command(
        lambda: drill_command(arguments.out, one_stack=arguments.one_stack),
        interrupted="Interrupted. The stack of the drills is removed.",
    )


def drill_command(out: Path | None, *, one_stack: bool = False) -> int:
    """Run the drills that the environment names; exit code 1 if one was not clean."""
    under_test = programs_under_test(os.environ.get("PROGRAMS"))
    planned = plan(os.environ.get("DRILL") or None, _number("SEED") or 1, _number("RUNS"))
    name = "drills.json" if under_test == OURS else f"drills_{under_test.name}.json"
    out = out or PROJECT / "reports" / name
    print(f"Running {counted(len(planned), 'drill')} against {under_test.name}, on a separate stack", flush=True)
    clock = time.monotonic()
    results: list[Result] = []

    def report(result: Result) -> None:
        results.append(result)
        print(line(result), flush=True)
        write_json(out, under_test.name, results)  # after each drill: an interrupted run keeps its results

    try:
        run_drills(planned, under_test, report, out.parent / "drills", one_stack=one_stack)
    except (KafkaException, OSError, KitError) as error:
        raise DrillError(str(error)) from error
    failed = [result for result in results if not result.is_clean]
    print(f"\n{table(results)}\n\n{len(results) - len(failed)} of {len(results)} clean in", end=" ")
    print(f"{time.monotonic() - clock:.0f} s. The full report is in {out}")
    if os.environ.get("RECORD"):
        record([read_report(out)])
        print(f"Recorded in {MEASURED_FILE}. docs/drills.md is written from it. `make docs` writes the other pages.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
