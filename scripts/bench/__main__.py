"""`make bench`: every measurement, one after the other. Each records its section of docs/benchmarks.md.

    .venv/bin/python -m scripts.bench [NAME ...] [--rows 1000000] [--inserts 60] [--dry-run]

The results go to docs/measured/bench/, and the page is written from them. Smaller numbers are only for trying it out:
their results mean little.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from configs.settings import PROJECT

# name -> the options that it takes
_OPTIONS = {
    "first_run": (),
    "latency": ("inserts", "dry_run"),
    "backlog": ("rows", "dry_run"),
    "lake_backlog": ("rows", "dry_run"),
    "store_size": ("dry_run",),
    "grader": (),
    "growth": ("dry_run",),
    "s3_lake": ("dry_run",),
    "class_run": ("dry_run",),
}


def command(name: str, options: argparse.Namespace) -> list[str]:
    """The command of one measurement."""
    words = [sys.executable, "-m", f"scripts.bench.{name}"]
    for option in _OPTIONS[name]:
        value = getattr(options, option)
        if value is True:
            words.append(f"--{option.replace('_', '-')}")
        elif value:
            words += [f"--{option}", str(value)]
    if name == "grader" and not options.dry_run:
        words.append("--write")
    return words


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description="What `make bench` calls.")
    parser.add_argument("names", nargs="*", help=f"one or more of {', '.join(_OPTIONS)} (default: all)")
    parser.add_argument("--rows", type=int, help="rows of the largest backlog")
    parser.add_argument("--inserts", type=int, help="single inserts for each design")
    parser.add_argument("--dry-run", action="store_true", help="record nothing in docs/measured/bench/")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(_OPTIONS))
    if unknown:
        parser.error(f"there is no measurement {unknown[0]!r}; choose from {', '.join(_OPTIONS)}")
    failed = []
    for name in options.names or _OPTIONS:
        if Path(__file__).with_name(f"{name}.py").is_file():
            print(f"== {name}", flush=True)
            if subprocess.run(command(name, options), cwd=PROJECT, check=False).returncode:
                failed.append(name)
    if failed:
        print(f"\nNot measured: {', '.join(failed)}. Their messages are above.", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
