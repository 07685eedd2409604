"""What holds for every test: no setting of the caller's environment reaches it, and it starts what its markers name."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from configs.settings import ENVIRONMENT_PREFIX, PROJECT
from tests.starts.sitecustomize import KINDS, MAY_START, STARTED

# Services, because they need the cores for themselves; the corpus, because one grading is enough for all of it.
GROUPS = {"services": "pytestmark = pytest.mark.services", "corpus": "of_the_corpus"}  # and how its files are known


# What changes the settings; and what `make test` would hand down to a make that a test runs.
_NOT_OURS = ("CONFIG", "ROLLNUMBER", "SPARK_MASTER", "SERVICES", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")


@pytest.fixture(autouse=True, scope="session")
def _own_environment() -> None:
    for name in list(os.environ):
        if name in _NOT_OURS or name.startswith(ENVIRONMENT_PREFIX):
            del os.environ[name]


class OneWorkerAGroup(LoadScopeScheduling):  # type: ignore[misc]
    """Of --dist loadfile: a file's tests run on one worker, and so do those of all the files of a group.

    xdist's own groups, --dist loadgroup, have no effect with pytest 9.2: it knows no Item._nodeid any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return _group(file) or file


@cache
def _group(file: str) -> str | None:
    text = (PROJECT / file).read_text(encoding="utf-8")
    return next((group for group, sign in GROUPS.items() if sign in text), None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneWorkerAGroup | None:
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return OneWorkerAGroup(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest is begun first where something else can be tested meanwhile."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _group(item.nodeid.partition("::")[0]) != "services")


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
