"""What holds for every test: no setting of the caller's environment reaches it, and it starts what its markers name."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from configs.settings import ENVIRONMENT_PREFIX
from tests.starts.sitecustomize import KINDS, MAY_START, STARTED


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> None:
    for name in list(os.environ):
        if name in ("CONFIG", "ROLLNUMBER", "SPARK_MASTER", "SERVICES") or name.startswith(ENVIRONMENT_PREFIX):
            del os.environ[name]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with services run one after the other, whatever else is tested meanwhile."""
    for item in items:
        if item.get_closest_marker("services"):
            item.add_marker(pytest.mark.xdist_group("services"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    os.environ[MAY_START] = ",".join(kind for kind in KINDS if item.get_closest_marker(kind))
    return (yield)


@pytest.fixture(autouse=True, scope="session")
def _started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("started") / "unmarked.txt"
    file.touch()
    os.environ[STARTED] = str(file)
    folder = str(Path(__file__).parent / "starts")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
    return file


@pytest.fixture(autouse=True)
def _starts_what_its_markers_name(_started: Path) -> Iterator[None]:
    yield
    said = _started.read_text(encoding="utf-8")
    _started.write_text("", encoding="utf-8")
    assert not said, f"a test {said}"
