"""The grader's data model: Status, Check, Finding and Report."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias, overload

from grader.mismatch import Fact as Fact
from grader.mismatch import Mismatch as Mismatch
from grader.mismatch import NoEvidence as NoEvidence
from grader.mismatch import Row as Row
from grader.mismatch import Undecided as Undecided

if TYPE_CHECKING:
    from grader.builder import Submission
    from grader.evidence import Evidence

Judge: TypeAlias = "Callable[[Evidence], None]"
Builder: TypeAlias = "Callable[[Submission], None]"
Agrees: TypeAlias = "Callable[[Evidence], bool]"
# What becomes of marks that could not be judged; configs/rubric.yml explains each.
Unjudged: TypeAlias = Literal["scale", "zero", "exclude"]


class Status(str, Enum):
    """The result of a check. ERROR is a mistake of the grader and costs the student no marks."""

    PASS = "PASS"
    FAIL = "FAIL"
    SKIP = "SKIP"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Example:
    """A small submission that a check must pass, or must fail.

    `also` names other checks that fail too, in addition to those that name it in `also_fails`. The check's finding must
    contain `says`, in `actual` or in an example row. A check with several causes uses it to require the right one.
    """

    name: str
    build: Builder
    also: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True)
class Check:
    """One requirement of the assignment: `judge` returns, or raises Mismatch or NoEvidence.

    - `needs`: the checks that must pass before this one is judged.
    - `hint`: the student's next step.
    - `explains`: the checks that fail as a result if this one fails, and whether the evidence agrees that their failure
      is only that. Only the cause shows its next step.
    - `title`: the first line of the docstring; `doc`: the rest of it.
    - `also_fails`: examples of other checks that this check also fails. So a new check needs no change in their files.
    """

    id: str
    title: str
    doc: str
    hint: str
    needs: tuple[str, ...]
    also_fails: tuple[str, ...]
    explains: Mapping[str, Agrees]
    category: str
    judge: Judge
    passing: list[Example] = field(default_factory=list, repr=False, compare=False)
    failing: list[Example] = field(default_factory=list, repr=False, compare=False)

    @overload
    def passes(self, build: Builder) -> Builder: ...

    @overload
    def passes(self, *, advice: tuple[str, ...]) -> Callable[[Builder], Builder]: ...

    def passes(
        self, build: Builder | None = None, *, advice: tuple[str, ...] = ()
    ) -> Builder | Callable[[Builder], Builder]:
        """Register a submission that this and every other check passes. Its name says what is unusual in it.

        `advice` names the checks without marks that fail it.
        """
        return _register(self.passing, build, advice, "")

    @overload
    def fails(self, build: Builder) -> Builder: ...

    @overload
    def fails(self, *, also: tuple[str, ...] = (), says: str = "") -> Callable[[Builder], Builder]: ...

    def fails(
        self, build: Builder | None = None, *, also: tuple[str, ...] = (), says: str = ""
    ) -> Builder | Callable[[Builder], Builder]:
        """Register a submission that only this check and those in `also` fail. Its name says what the mistake is.

        A check that names the example in its own `also_fails` may fail it too. Checks that need this one are skipped,
        so `also` does not name them.
        """
        return _register(self.failing, build, also, says)


def _register(
    examples: list[Example], build: Builder | None, also: tuple[str, ...], says: str
) -> Builder | Callable[[Builder], Builder]:
    def register(function: Builder) -> Builder:
        examples.append(Example(function.__name__, function, also, says))
        return function

    return register if build is None else register(build)


def always(evidence: Evidence) -> bool:
    """For an effect that no evidence can tell from a second mistake."""
    return True


def check(
    *,
    hint: str,
    needs: tuple[str, ...] = (),
    title: str | None = None,
    also_fails: tuple[str, ...] = (),
    explains: Sequence[str] | Mapping[str, Agrees] = (),
) -> Callable[[Judge], Check]:
    """Turn a function into a check: its name is the id, its docstring the documentation.

    `also_fails` names examples of other checks, mutants or variants, that this check also fails. If there is no example
    with such a name, the corpus (grader/selftest/corpus.py) raises an error.

    `explains` names the checks that fail as a result. If both fail, and the function with the name agrees, the report
    puts their findings under this one. The marks stay the same.

    Raises:
        TypeError: the function has no docstring, or is not in grader/checks/<category>/<id>.py.
    """

    def make(judge: Judge) -> Check:
        text = inspect.getdoc(judge)
        package, _, module = judge.__module__.rpartition(".")
        if not text:
            raise TypeError(f"check {judge.__name__} needs a docstring: the student reads its first line")
        if module != judge.__name__:
            raise TypeError(
                f"check {judge.__name__} is in {module}.py; put it in {judge.__name__}.py, one check per file"
            )
        first, _, rest = text.partition("\n")
        return Check(
            id=judge.__name__,
            title=title or first.strip(),
            doc=rest.strip(),
            hint=hint,
            needs=needs,
            also_fails=also_fails,
            explains=explains if isinstance(explains, Mapping) else dict.fromkeys(explains, always),
            category=package.rpartition(".")[2],
            judge=judge,
        )

    return make


@dataclass(frozen=True)
class Finding:
    """The result of one check. Points are marks of the course. `max_points` 0 is advice and decides nothing.

    For a SKIP or ERROR, `actual` is the reason. `explained_by` is the id of the failed check that is its cause.
    """

    id: str
    title: str
    status: Status
    points: float
    max_points: float
    expected: str | None
    actual: str | None
    samples: tuple[Row, ...]
    hint: str
    doc: str
    explained_by: str | None = None

    @property
    def is_advice(self) -> bool:
        return self.max_points == 0

    @property
    def lacks_evidence(self) -> bool:
        return self.status is Status.SKIP and (self.actual or "").startswith(NO_EVIDENCE)

    @property
    def is_judged(self) -> bool:
        """Whether its marks were decided. A check that needs a failed check is judged: its marks are lost."""
        return self.status is not Status.ERROR and not self.lacks_evidence


NO_EVIDENCE = "no evidence: "
NOT_JUDGED = "not judged: "
DID_NOT_END = "the grading did not end: "


@dataclass(frozen=True)
class Report:
    """A graded submission.

    - `assumptions`: what the grader assumed, such as where the lake is.
    - `rollnumber`: from the config; None if there is none.
    - `unjudged`: the rubric's rule for marks that could not be judged. `score` and `max_score` follow it.
    """

    submission: str
    kit_version: str
    rubric_sha256: str
    facts: Mapping[str, Fact]
    findings: tuple[Finding, ...]
    assumptions: tuple[str, ...] = ()
    rollnumber: str | None = None
    unjudged: Unjudged = "scale"

    @property
    def verdict(self) -> Literal["pass", "fail", "error"]:
        """`error` if a check with marks could not finish, else `fail` or `pass`. Advice decides nothing."""
        marked = [finding.status for finding in self.findings if not finding.is_advice]
        if Status.ERROR in marked:
            return "error"
        return "fail" if Status.FAIL in marked else "pass"

    @property
    def total(self) -> float:
        """The marks of all checks."""
        return sum(finding.max_points for finding in self.findings)

    @property
    def judged_score(self) -> float:
        """The marks earned."""
        return sum(finding.points for finding in self.findings)

    @property
    def judged_max_score(self) -> float:
        """The marks that could be judged. Checks without evidence and checks in status ERROR do not count."""
        return sum(finding.max_points for finding in self.findings if finding.is_judged)

    @property
    def score(self) -> float:
        """The mark, of `max_score`."""
        earned, counted = self.judged_score, self._counted
        if counted == self.max_score:
            return earned
        if earned == counted:
            return self.max_score
        # Cut, not rounded, to hundredths: a lost mark is never rounded away.
        return math.floor(earned * self.max_score / counted * 100 + 1e-9) / 100

    @property
    def max_score(self) -> float:
        """The full total, or with `exclude` only the marks that could be judged. If nothing counts it is 0."""
        return self.total if self._counted and self.unjudged != "exclude" else self._counted

    def is_counted(self, finding: Finding) -> bool:
        """Whether the finding's marks count in the mark. With `zero` a lack of evidence counts, with no points.

        A check in status ERROR never counts.
        """
        return finding.is_judged or (self.unjudged == "zero" and finding.lacks_evidence)

    @property
    def _counted(self) -> float:
        return sum(finding.max_points for finding in self.findings if self.is_counted(finding))

    @property
    def exit_code(self) -> int:
        return {"pass": 0, "fail": 1, "error": 2}[self.verdict]
