"""`make fidelity`: plant every mistake, record which check caught it, and write docs/fidelity.md from that.

LIVE=1 also runs the faulty programs against real services, in 20 to 30 minutes; LIVE=name,name runs only some. Without
LIVE the results of the last live run stay.
"""

from __future__ import annotations

import os
import sys

from grader.selftest.corpus import Outcome, grade_corpus
from scripts.fidelity.table import CORPUS_FILE, FIDELITY, ExampleResult, read_live, write_corpus


def main() -> int:
    """Exit code 0: every mistake was caught by its check, and there is no false positive. Otherwise 1."""
    outcomes = grade_corpus()
    live = read_live()
    asked = os.environ.get("LIVE", "")
    if asked:
        from scripts.fidelity.live import run_live

        names = [] if asked == "1" else asked.split(",")
        live = run_live(names, on_progress=lambda line: print(line, flush=True))
    write_corpus([_result(outcome) for outcome in outcomes])
    FIDELITY.write()
    wrong = [outcome for outcome in outcomes if outcome.unexpected]
    for outcome in wrong:
        print(f"{outcome.case.example.name} ({outcome.case.check.id}):", *outcome.unexpected, sep="\n  ")
    for kind, is_mutant in (("mutants, each with one mistake", True), ("correct variants", False)):
        some = [outcome for outcome in outcomes if outcome.case.is_mutant is is_mutant]
        print(f"{kind}: {sum(not outcome.unexpected for outcome in some)} of {len(some)} judged correctly")
    mutants = [outcome for outcome in outcomes if outcome.case.is_mutant]
    shown = sum(outcome.is_first for outcome in mutants)
    print(f"mutants whose check is the first finding in the report: {shown} of {len(mutants)}")
    missed = [program for program in live if not program.is_right]
    print(f"faulty and correct programs, run live: {len(live) - len(missed)} of {len(live)} judged correctly")
    print(f"Recorded in {CORPUS_FILE}. {FIDELITY.path} is written from it.")
    return 1 if wrong or missed else 0


def _result(outcome: Outcome) -> ExampleResult:
    return ExampleResult(
        check=outcome.case.check.id,
        example=outcome.case.example.name,
        is_mutant=outcome.case.is_mutant,
        caught_by=outcome.caught_by,
        first=outcome.first,
        also=outcome.case.also,
        unexpected=outcome.unexpected,
    )


if __name__ == "__main__":
    sys.exit(main())
