"""The results of drills: one line each, a table, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from tabulate import tabulate

from configs.wording import counted
from scripts.drills.model import Result


def verdict(result: Result) -> str:
    """ "clean", or what was found."""
    balance = result.balance
    found = {
        "lost": balance.lost,
        "repeated": balance.repeated,
        "altered": balance.altered,
        "unexpected": balance.unexpected,
        "unaccounted": balance.unaccounted,
        "passed by the state but not published": balance.state_ahead,
    }
    words = [f"{count} {word}" for word, count in found.items() if count]
    words += [f"{name} ended by itself" for name in dict.fromkeys(result.ended)]
    return "; ".join([*words, *([result.problem] if result.problem else [])]) or "clean"


def line(result: Result) -> str:
    """One line for each drill, shown while they run."""
    balance = result.balance
    return (
        f"{result.drill} (seed {result.seed}): {counted(balance.rows, 'row')},"
        f" {counted(balance.messages, 'message')} = {balance.in_lake} in the lake + {balance.in_quarantine} in the"
        f" quarantine + {counted(balance.repeats_removed, 'repeat')},"
        f" {counted(len(result.faults), 'fault')} [{', '.join(result.faults)}], {result.seconds:.1f} s:"
        f" {verdict(result)}"
    )


def table(results: Sequence[Result]) -> str:
    """One row for each drill; random runs are added up in one row."""
    named = [result for result in results if result.drill != "random"]
    mixed = [result for result in results if result.drill == "random"]
    rows = [_row(result.drill, [result]) for result in named]
    if mixed:
        seeds = [result.seed for result in mixed]
        rows.append(_row(f"random, seeds {min(seeds)} to {max(seeds)}", mixed))
    return tabulated(rows)


def tabulated(rows: Sequence[Sequence[object]]) -> str:
    """The table of these rows: drill, rows, faults, lost, repeated, wrong, seconds, verdict."""
    headers = ["drill", "rows", "faults", "lost", "repeated", "wrong", "seconds", "verdict"]
    return tabulate(rows, headers=headers, disable_numparse=True, colalign=("left", *["right"] * 6, "left"))


def _row(name: str, results: Iterable[Result]) -> list[object]:
    items = list(results)
    balances = [result.balance for result in items]
    failed = [result for result in items if not result.is_clean]
    short = short_verdict(verdict(failed[0])) if failed else "clean"
    return [
        name,
        sum(balance.rows for balance in balances),
        sum(len(result.faults) for result in items),
        sum(balance.lost for balance in balances),
        sum(balance.repeated for balance in balances),
        sum(balance.altered + balance.unexpected for balance in balances),
        f"{sum(result.seconds for result in items):.1f}",
        short if len(items) == 1 or not failed else f"{len(failed)} of {len(items)} not clean: {short}",
    ]


def short_verdict(text: str) -> str:
    """A verdict as the table shows it."""
    return text.splitlines()[0][:70]


def write_json(path: Path, programs: str, results: Iterable[Result]) -> None:
    """Write everything that is known about each run."""
    runs = [
        {**asdict(result), "seconds": round(result.seconds, 2), "clean": result.is_clean, "verdict": verdict(result)}
        for result in results
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"programs": programs, "runs": runs}, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
