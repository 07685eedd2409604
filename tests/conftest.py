"""What holds for every test: no setting of the caller's environment reaches it."""

from __future__ import annotations

import os

import pytest

from configs.settings import ENVIRONMENT_PREFIX


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> None:
    for name in list(os.environ):
        if name in ("CONFIG", "ROLLNUMBER", "SPARK_MASTER", "SERVICES") or name.startswith(ENVIRONMENT_PREFIX):
            del os.environ[name]
