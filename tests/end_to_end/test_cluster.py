"""Three brokers, a Spark cluster and a lake on S3, in a folder with a blank: rounds, verdict, what is shown, reset."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.storage import S3Path, lake_place
from grader.api import grade
from grader.model import Status
from scripts import show, status
from scripts.pipeline import position, remove
from scripts.pipeline.services import services_of
from scripts.pipeline.temporary_stack import temporary_cluster
from scripts.rounds import run as rounds
from scripts.services.stack import Stack

pytestmark = pytest.mark.services


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    folder = tmp_path / "with a blank"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with temporary_cluster({"rounds": {"timeout_sec": 300}}) as made:
        yield made


def test_rounds_on_a_cluster_get_all_marks(stack: Stack) -> None:
    lines: list[str] = []
    for number in (1, 2, 3):
        run = rounds.run_round(stack, number, lines.append)
        assert run.complete, lines
        assert run.after.lake_rows - run.before.lake_rows == 5
    settings = stack.settings
    lake = lake_place(settings)
    assert isinstance(lake, S3Path)
    assert set(position.lake_id_counts(settings).values()) == {1}
    with grade(None, config=settings.source, database="on") as graded:
        report = graded.report
    found = {finding.id: finding for finding in report.findings}
    assert (report.verdict, report.score) == ("pass", report.max_score), [
        finding for finding in report.findings if finding.status is not Status.PASS
    ]
    assert found["lake_untouched"].status is Status.SKIP
    assert "no checksum files" in str(found["lake_untouched"].actual)
    assert found["quarantine_kept_all"].status is Status.PASS
    assert len(show.lake_rows(settings, 100)) == 25
    assert show.quarantine_rows(settings, 100)
    up = {one.name for one in services_of(stack).status() if one.state == "up"}
    assert up == {"postgres", "kafka", "kafka_2", "kafka_3", "spark_master", "spark_worker_1", "spark_worker_2", "s3"}
    shown = status.status(stack)
    assert "25 rows" in shown, shown
    remove.reset(stack)
    assert not stack.home.exists()
    assert not Path(settings.streaming.checkpoint_location).exists()
