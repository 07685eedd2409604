"""One stack with everything running, for the tests that only look at it or add to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.pipeline.temporary_stack import temporary_stack
from scripts.services.stack import Stack

# A roll number that begins with a digit and has upper case: only quotes keep it as it is.
ROLLNUMBER = "2025EM1100999"


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with temporary_stack(rollnumber=ROLLNUMBER) as running:
        yield running
