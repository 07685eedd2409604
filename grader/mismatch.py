"""What evidence and checks raise if something is wrong, or cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Row: TypeAlias = Mapping[str, object]  # one example row of a finding: column or label -> a JSON value
Fact: TypeAlias = "int | str | Mapping[str, int] | None"


class Mismatch(Exception):  # noqa: N818 - a verdict on the submission, not an error
    """The check fails: what was expected, what was found, and a few rows that show it.

    If the check counts something, `right` of `total` is correct. The rubric may give this share of a part of the marks.
    `hint` is the next step if the evidence shows a cause; None: the check's own hint.
    """

    def __init__(
        self,
        expected: str,
        actual: str,
        samples: tuple[Row, ...] = (),
        *,
        right: int | None = None,
        total: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(f"expected {expected}, found {actual}")
        self.expected = expected
        self.actual = actual
        self.samples = samples
        self.hint = hint
        self.share = 0.0 if right is None or not total else min(max(right / total, 0.0), 1.0)


class NoEvidence(Exception):  # noqa: N818 - a verdict on the submission, not an error
    """The check cannot be judged, because its evidence is not there. Never a pass and never a fail."""


class Undecided(NoEvidence):
    """The evidence is there, and correct work could have left it as well as wrong work. `--strict` does not fail it."""
