"""A class on a Dask cluster gets the verdicts that it gets here, also when a worker is killed in the middle."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from configs.errors import KitError
from configs.settings import PROJECT
from grader.builder import CONFIG, ROLLNUMBER, Submission
from grader.class_run.evidence_workers import EvidenceOptions
from grader.rubric import DEFAULT_RUBRIC
from scripts.classroom.__main__ import grade_class
from scripts.classroom.cluster import RESOURCE, cluster_mode
from scripts.classroom.live_mode import LiveOptions

COUNT = 12
START_SECONDS = 60.0
RUN_SECONDS = 300.0


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what requirements-cluster.txt names."""
    folder = tmp_path_factory.mktemp("packages")
    requirements = ["-r", str(PROJECT / "requirements-cluster.txt")]
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def class_(tmp_path: Path) -> Path:
    for number in range(COUNT):
        submission = Submission(tmp_path / "class" / f"2025em1100{number:02}")
        if number % 3 == 0:
            submission.lose(4)
        config = submission.build() / CONFIG
        config.write_text(config.read_text().replace(f"rollnumber: {ROLLNUMBER}", f"rollnumber: 2025em1100{number:02}"))
    return tmp_path / "class"


class Cluster:
    """A scheduler and its workers, which are ended with the block."""

    def __init__(self, packages: Path, folder: Path) -> None:
        # A worker that is killed leaves its temporary folder.
        paths = {"PYTHONPATH": os.pathsep.join([str(packages), str(PROJECT)]), "TMPDIR": str(folder)}
        self.environment = {**os.environ, **paths}
        self._folder = folder
        self._file = folder / "scheduler.json"
        self._processes = [self._start("dask_scheduler", "--port", "0", "--no-dashboard")]
        wait_for(self._file.exists)
        self.address = json.loads(self._file.read_text())["address"]

    def add_worker(self, name: str, *, has_places: bool = True) -> subprocess.Popen[bytes]:
        options = ["--nworkers", "1", "--nthreads", "2", "--no-nanny", "--no-dashboard", "--name", name]
        places = ["--resources", f"{RESOURCE}=1"] if has_places else []
        worker = self._start("dask_worker", *options, *places)
        self._processes.append(worker)
        return worker

    def _start(self, module: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--scheduler-file", str(self._file), *options]
        with (self._folder / f"{module}.log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment, cwd=self._folder, stdout=log, stderr=log)

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(packages: Path, tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    cluster = Cluster(packages, tmp_path / "cluster")
    try:
        yield cluster
    finally:
        cluster.end()


def wait_for(condition: object, seconds: float = START_SECONDS) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def marks(out: Path) -> list[Mapping[str, str]]:
    with (out / "gradebook.csv").open(encoding="utf-8-sig", newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


@pytest.mark.venv
def test_a_worker_that_is_killed_costs_no_mark(cluster: Cluster, class_: Path, tmp_path: Path) -> None:
    first = cluster.add_worker("first")
    cluster.add_worker("second")
    here, there = tmp_path / "here", tmp_path / "there"
    assert grade_class({"SUBMISSIONS": str(class_), "OUT": str(here)}) == 0
    variables = {"SUBMISSIONS": str(class_), "OUT": str(there), "SCHEDULER": cluster.address}
    command = [sys.executable, "-m", "scripts.classroom"]
    run = subprocess.Popen(command, env={**cluster.environment, **variables}, cwd=PROJECT, stdout=subprocess.PIPE)
    results = there / ".class" / "results"
    wait_for(lambda: len(list(results.glob("*.json"))) >= 2 or run.poll() is not None)
    assert run.poll() is None
    first.kill()
    output, _ = run.communicate(timeout=RUN_SECONDS)
    assert run.returncode == 0, output
    assert marks(there) == marks(here)
    assert len(marks(there)) == COUNT
    assert all((there / row["submission"] / "report.html").is_file() for row in marks(there))


@pytest.mark.venv
def test_a_worker_without_places_is_named_with_the_remedy(cluster: Cluster, class_: Path, tmp_path: Path) -> None:
    cluster.add_worker("without places", has_places=False)
    variables = {"SUBMISSIONS": str(class_), "OUT": str(tmp_path / "out"), "SCHEDULER": cluster.address}
    command = [sys.executable, "-m", "scripts.classroom"]
    environment = {**cluster.environment, **variables}
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"--resources {RESOURCE}=N" in done.stderr


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(KitError, match=r"scripts/kit pip install -r requirements-cluster\.txt"):
        cluster_mode("tcp://127.0.0.1:1", LiveOptions(EvidenceOptions(DEFAULT_RUBRIC), "none"), is_live=False)
