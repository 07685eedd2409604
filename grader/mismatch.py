"""What evidence and checks answer with when something is not as it should be, or cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Row: TypeAlias = Mapping[str, object]  # one example row of a finding: column or label -> a JSON value
Fact: TypeAlias = "int | str | Mapping[str, int] | None"


class Mismatch(Exception):  # noqa: N818 - a verdict on the submission, not an error
    """The evidence contradicts the check: what was expected, what was found, and up to a few rows that show it.

    `right` of `total` says how much of what was counted is as it should be, where the check counts something: the
    rubric may give that share of a part of the marks.
    """

    def __init__(
        self,
        expected: str,
        actual: str,
        samples: tuple[Row, ...] = (),
        *,
        right: int | None = None,
        total: int | None = None,
    ) -> None:
        super().__init__(f"expected {expected}, found {actual}")
        self.expected = expected
        self.actual = actual
        self.samples = samples
        self.share = 0.0 if right is None or not total else min(max(right / total, 0.0), 1.0)


class NoEvidence(Exception):  # noqa: N818 - a verdict on the submission, not an error
    """The check cannot be judged, because what it would look at is not there. Never a pass and never a fail."""
