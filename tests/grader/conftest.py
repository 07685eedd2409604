"""The corpus, graded once for all tests that look at its outcomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from grader.selftest.corpus import Outcome, grade_corpus

_Test = TypeVar("_Test", bound=Callable[..., Any])


def of_the_corpus(test: _Test) -> _Test:
    """Mark a test that asks for `outcomes`: slow. tests/conftest.py gives its file to one worker with the others."""
    marked: _Test = pytest.mark.slow(test)
    return marked


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> list[Outcome]:
    """Of every example; where only some examples are tested, as with `pytest -k`, of those."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    asking = [item for item in items if "outcomes" in item.fixturenames]
    named = [str(item.callspec.params["example"]) for item in asking if hasattr(item, "callspec")]
    return grade_corpus(named if len(named) == len(asking) else None)
