"""How long a student waits: `make demo` on a new clone and a second time, each round, and the memory of all programs.

    .venv/bin/python -m scripts.bench.first_run

clones the project (only what is committed) into a temporary folder. The user's caches of pip, jars and classes are
warm, as after an earlier setup. The ports of the config must be free.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from configs.settings import PROJECT
from scripts import status
from scripts.bench.page import record, section
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.rounds.run import run_round
from scripts.services.class_archive import make_missing, spark_package
from scripts.services.java import require_java
from scripts.services.processes import family_memory
from scripts.services.stack import Stack

ROUNDS = 6


def demo_seconds(clone: Path) -> float:
    started = time.monotonic()
    subprocess.run(["make", "demo"], cwd=clone, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def round_seconds(stack: Stack) -> list[float]:
    """Seconds from insert to lake of ROUNDS rounds, while both programs run."""
    run_round(stack, 1, lambda _: None)
    seconds = []
    for _ in range(ROUNDS):
        lines: list[str] = []
        run_round(stack, 2, lines.append)
        found = re.search(r"in the lake after ([\d.]+) s", "\n".join(lines))
        if found is None:
            raise ValueError(f"a round did not report its seconds: {lines}")
        seconds.append(float(found[1]))
    return seconds


def main() -> int:
    rows: list[list[object]] = []
    make_missing(require_java(), spark_package())
    with tempfile.TemporaryDirectory(prefix="food-orders-clone-") as folder:
        clone = Path(folder) / "kit"
        subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(clone)], check=True)
        try:
            rows.append(["`make demo`, bare clone, warm caches", f"{demo_seconds(clone):.1f} s", "40 s"])
            rows.append(["`make demo`, the second time", f"{demo_seconds(clone):.1f} s", "18 s"])
            report = json.loads((clone / "reports" / "report.json").read_text(encoding="utf-8"))
            if report["verdict"] != "pass":
                raise ValueError(f"the demo's verdict is {report['verdict']}")
        finally:
            subprocess.run(["make", "reset"], cwd=clone, check=True, stdout=subprocess.DEVNULL)
    with temporary_stack() as stack:
        seconds = round_seconds(stack)
        rows.append(["a round, insert to lake, median", f"{median(seconds):.1f} s", "8 s"])
        rows.append([f"a round, insert to lake, longest of {ROUNDS}", f"{max(seconds):.1f} s", "8 s"])
        for name in status.names(stack):
            process = stack.pid_file(name).process()
            if process is None:
                raise ValueError(f"{name} does not run")
            rows.append([f"memory of {name}", f"{family_memory(process) / 2**20:.0f} MiB", ""])
        total = sum(family_memory(p) for name in status.names(stack) if (p := stack.pid_file(name).process()))
        rows.append(["memory of all four", f"{total / 2**20:.0f} MiB", "3072 MiB"])
    headers = ("what", "measured", "target, at most")
    measured = section("How long a student waits", "python -m scripts.bench.first_run", headers, rows)
    print(measured.table())
    record("first_run", measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
