"""`make fidelity`: plant every mistake, say which check caught it, and write docs/fidelity.md.

LIVE=1 also runs the faulty programs against real services, 20 to 30 minutes; LIVE=name,name only some. Without it the
last run's results stay in the table.
"""

from __future__ import annotations

import os
import sys

from grader.selftest.corpus import grade_corpus
from scripts.fidelity.table import FIDELITY_FILE, fidelity_markdown, read_live


def main() -> int:
    """Exit code 0: every mistake was caught by its check, and there is no false positive; 1: not so."""
    outcomes = grade_corpus()
    live = read_live()
    asked = os.environ.get("LIVE", "")
    if asked:
        from scripts.fidelity.live import run_live

        names = [] if asked == "1" else asked.split(",")
        live = run_live(names, on_progress=lambda line: print(line, flush=True))
    FIDELITY_FILE.write_text(fidelity_markdown(outcomes, live), encoding="utf-8")
    wrong = [outcome for outcome in outcomes if outcome.unexpected]
    for outcome in wrong:
        print(f"{outcome.case.example.name} ({outcome.case.check.id}):", *outcome.unexpected, sep="\n  ")
    for kind, is_mutant in (("mutants, each with one mistake", True), ("correct variants", False)):
        some = [outcome for outcome in outcomes if outcome.case.is_mutant is is_mutant]
        print(f"{len(some)} {kind}: {sum(not outcome.unexpected for outcome in some)} judged as they should be")
    missed = [program for program in live if not program.is_right]
    print(f"{len(live)} faulty and correct programs run live: {len(live) - len(missed)} judged as they should be")
    print(f"Written to {FIDELITY_FILE}")
    return 1 if wrong or missed else 0


if __name__ == "__main__":
    sys.exit(main())
