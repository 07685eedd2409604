"""docs/fidelity.md, written from docs/measured/: what was planted, what caught it, and the false positives."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, TypeAdapter

from configs.settings import PROJECT
from scripts.generated.document import Document, head
from scripts.generated.measured import MEASURED, read_measured, write_measured

CORPUS_FILE = MEASURED / "fidelity.json"
LIVE_FILE = MEASURED / "fidelity_live.json"

_INTRODUCTION = """\
`make fidelity` grades the examples of the checks. With LIVE=1 it also runs faulty programs for real.

- A **mutant** is a correct submission with one mistake. It must fail the check it belongs to. The only other
  checks that may fail are listed with it.
- A **variant** is a correct submission that looks unusual. No check with marks may fail it.
- `shown first`: the first finding in the report is the check that the mutant belongs to. So the reader begins
  with the cause.
- `also`: checks that the same mistake fails as well.
- `advice`: checks without marks that have something to report.
"""


class ExampleResult(BaseModel):
    """What the grader reported of one example of a check.

    `caught_by` are the checks that failed, `also` those that may fail together with `check`. `first` is the first one
    that the report shows. `unexpected` has a line for each check with the wrong result.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str
    example: str
    is_mutant: bool
    caught_by: tuple[str, ...]
    first: str
    also: tuple[str, ...]
    unexpected: tuple[str, ...]


class LiveResult(BaseModel):
    """One program run for real: its fault ("" for the correct ones), what must catch it, and what failed.

    - `rows`: the rows in Postgres at the end
    - `seconds`: how long it ran
    - `found`: what the first check reported that had to fail, or that failed wrongly
    - `is_right`: one of `expected` failed; for a correct program: no check with marks failed
    """

    model_config = ConfigDict(frozen=True)

    name: str
    fault: str
    expected: tuple[str, ...]
    failed: tuple[str, ...]
    found: str
    rows: int
    seconds: int

    @property
    def is_right(self) -> bool:
        return bool(set(self.expected) & set(self.failed)) if self.fault else not self.failed


_CORPUS = TypeAdapter(tuple[ExampleResult, ...])
_LIVE = TypeAdapter(tuple[LiveResult, ...])


def read_corpus() -> tuple[ExampleResult, ...]:
    """The results of the last `make fidelity`; none before the first."""
    return read_measured(CORPUS_FILE, _CORPUS) or ()


def write_corpus(results: Sequence[ExampleResult]) -> None:
    write_measured(CORPUS_FILE, _CORPUS, tuple(results))


def read_live() -> tuple[LiveResult, ...]:
    """The results of the last live run; none before the first."""
    return read_measured(LIVE_FILE, _LIVE) or ()


def write_live(results: Sequence[LiveResult]) -> None:
    write_measured(LIVE_FILE, _LIVE, tuple(results))


def fidelity_markdown(corpus: Sequence[ExampleResult], live: Sequence[LiveResult]) -> str:
    """The document's text."""
    mutants = [result for result in corpus if result.is_mutant]
    variants = [result for result in corpus if not result.is_mutant]
    caught = [result for result in mutants if result.check in result.caught_by]
    first = [result for result in mutants if result.check == result.first]
    alone = [result for result in caught if result.caught_by == (result.check,)]
    false_positives = [result for result in variants if result.unexpected]
    faulty = [result for result in live if result.fault]
    parts = [
        head("How far the grader can be trusted", "docs/measured/fidelity.json", "docs/measured/fidelity_live.json")
        + _INTRODUCTION,
        _table(
            ("", "planted", "caught by its check", "shown first", "by no other", "false positives"),
            [
                ("mutants of the evidence", len(mutants), len(caught), len(first), len(alone), _wrong(mutants)),
                ("correct variants", len(variants), "", "", "", len(false_positives)),
                ("faulty programs, run live", len(faulty), sum(result.is_right for result in faulty), "", "", ""),
                ("correct programs, run live", len(live) - len(faulty), "", "", "", _false_positives_live(live)),
            ],
        ),
        f"## Mutants: {len(mutants)}\n",
        _table(
            ("check", "mistake", "caught", "shown first", "also"),
            [
                (
                    f"`{result.check}`",
                    _words(result.example),
                    "yes" if result.check in result.caught_by else "NO",
                    _shown_first(result),
                    ", ".join(f"`{name}`" for name in result.caught_by if name != result.check),
                )
                for result in mutants
            ],
        ),
        f"## Correct variants: {len(variants)}\n",
        _table(
            ("what is unusual", "false positives", "advice"),
            [
                (
                    _words(result.example),
                    "; ".join(result.unexpected) or "none",
                    ", ".join(f"`{name}`" for name in result.caught_by),
                )
                for result in variants
            ],
        ),
    ]
    if live:
        parts += [f"## Programs run live: {len(live)}\n", _LIVE_HEAD, _live_table(live)]
    return "\n".join(parts)


_LIVE_HEAD = """\
Each ran on a stack of its own, with real Postgres, Kafka and Spark: base rows, the rounds, and a load between them.
"""


def _live_table(live: Sequence[LiveResult]) -> str:
    return _table(
        ("program", "fault", "caught", "by", "what the check found", "rows", "s"),
        [
            (
                result.name,
                result.fault or "none",
                ("yes" if result.is_right else "NO") if result.fault else ("" if result.is_right else "FALSE POSITIVE"),
                ", ".join(f"`{name}`" for name in result.failed),
                result.found.replace("|", "\\|"),
                result.rows,
                result.seconds,
            )
            for result in live
        ],
    )


def _wrong(mutants: Sequence[ExampleResult]) -> int:
    """How many checks failed that must not fail."""
    return sum(len(set(result.caught_by) - {result.check, *result.also}) for result in mutants)


def _false_positives_live(live: Sequence[LiveResult]) -> int:
    return sum(not result.is_right for result in live if not result.fault)


def _shown_first(result: ExampleResult) -> str:
    if result.check == result.first:
        return "yes"
    return f"no: `{result.first}`" if result.first else "no"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)]) + "\n"


FIDELITY = Document(PROJECT / "docs" / "fidelity.md", lambda: fidelity_markdown(read_corpus(), read_live()))
