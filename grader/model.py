"""The grader's vocabulary: Status, Check, Finding and Report."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias, overload

from grader.mismatch import Fact as Fact
from grader.mismatch import Mismatch as Mismatch
from grader.mismatch import NoEvidence as NoEvidence
from grader.mismatch import Row as Row

if TYPE_CHECKING:
    from grader.builder import Submission
    from grader.evidence import Evidence

Judge: TypeAlias = "Callable[[Evidence], None]"
Builder: TypeAlias = "Callable[[Submission], None]"


class Status(str, Enum):
    """What a check concluded. ERROR is the grader's own fault and scores nothing against anyone."""

    PASS = "PASS"
    FAIL = "FAIL"
    SKIP = "SKIP"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Example:
    """A small submission that a check must pass, or must fail.

    `also` names the other checks that fail with it, beside those whose own `also_fails` names it. `says` is what the
    check's finding must say, in `actual` or in an example row: the cause, where a check tells several apart.
    """

    name: str
    build: Builder
    also: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True)
class Check:
    """One promise of the assignment: `judge` returns, or raises Mismatch or NoEvidence.

    `needs` are the checks that must have passed before this one means anything; `hint` is the student's next step;
    `title` is the first line of the docstring and `doc` the rest of it. `also_fails` are the names of other checks'
    examples that this one does not pass either, so that a new check needs no change in their files.
    """

    id: str
    title: str
    doc: str
    hint: str
    needs: tuple[str, ...]
    also_fails: tuple[str, ...]
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
        """Register a submission, named for what is unusual in it, that this and every other check passes.

        `advice` names the checks without marks that have something to say about it.
        """
        return _register(self.passing, build, advice, "")

    @overload
    def fails(self, build: Builder) -> Builder: ...

    @overload
    def fails(self, *, also: tuple[str, ...] = (), says: str = "") -> Callable[[Builder], Builder]: ...

    def fails(
        self, build: Builder | None = None, *, also: tuple[str, ...] = (), says: str = ""
    ) -> Builder | Callable[[Builder], Builder]:
        """Register a submission, named for its mistake, that this check fails, and no other outside `also`.

        A check that names the example in its own `also_fails` may fail it too. The checks that need this one are
        skipped by it, and are not named in `also`.
        """
        return _register(self.failing, build, also, says)


def _register(
    examples: list[Example], build: Builder | None, also: tuple[str, ...], says: str
) -> Builder | Callable[[Builder], Builder]:
    def register(function: Builder) -> Builder:
        examples.append(Example(function.__name__, function, also, says))
        return function

    return register if build is None else register(build)


def check(
    *, hint: str, needs: tuple[str, ...] = (), title: str | None = None, also_fails: tuple[str, ...] = ()
) -> Callable[[Judge], Check]:
    """Make a check of a function: its name is the id, its docstring the documentation.

    `also_fails` names examples of other checks, mutants or variants, that this one does not pass either. The corpus
    (grader/selftest/corpus.py) says when there is no example of such a name.

    Raises:
        TypeError: the function has no docstring, or lies outside grader/checks/<category>/<id>.py.
    """

    def make(judge: Judge) -> Check:
        text = inspect.getdoc(judge)
        package, _, module = judge.__module__.rpartition(".")
        if not text:
            raise TypeError(f"check {judge.__name__} needs a docstring: its first line is what the student reads")
        if module != judge.__name__:
            raise TypeError(
                f"check {judge.__name__} is in {module}.py; put it in {judge.__name__}.py, one check a file"
            )
        first, _, rest = text.partition("\n")
        return Check(
            id=judge.__name__,
            title=title or first.strip(),
            doc=rest.strip(),
            hint=hint,
            needs=needs,
            also_fails=also_fails,
            category=package.rpartition(".")[2],
            judge=judge,
        )

    return make


@dataclass(frozen=True)
class Finding:
    """What one check found. Points are marks of the course; `max_points` 0 is advice, which no verdict depends on.

    `actual` holds the reason of a SKIP or ERROR.
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

    @property
    def is_advice(self) -> bool:
        return self.max_points == 0

    @property
    def lacks_evidence(self) -> bool:
        return self.status is Status.SKIP and (self.actual or "").startswith(NO_EVIDENCE)


NO_EVIDENCE = "no evidence: "
DID_NOT_END = "the grading did not end: "


@dataclass(frozen=True)
class Report:
    """A graded submission. `assumptions` say what was taken for granted, such as where the lake was found."""

    submission: str
    kit_version: str
    rubric_sha256: str
    facts: Mapping[str, Fact]
    findings: tuple[Finding, ...]
    assumptions: tuple[str, ...] = ()

    @property
    def verdict(self) -> Literal["pass", "fail", "error"]:
        """`error` when the grader broke at a check with marks, else `fail` or `pass`. Advice decides nothing."""
        marked = [finding.status for finding in self.findings if not finding.is_advice]
        if Status.ERROR in marked:
            return "error"
        return "fail" if Status.FAIL in marked else "pass"

    @property
    def score(self) -> float:
        return sum(finding.points for finding in self.findings)

    @property
    def max_score(self) -> float:
        """The marks that could be judged: those of a check without evidence, or that broke, do not count."""
        return sum(
            finding.max_points
            for finding in self.findings
            if finding.status is not Status.ERROR and not finding.lacks_evidence
        )

    @property
    def exit_code(self) -> int:
        return {"pass": 0, "fail": 1, "error": 2}[self.verdict]
