"""`make pyspark`: a session in which the assignment's checks can be typed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from configs.settings import PROJECT, load_settings, local_path
from grader.builder import LAKE, Submission
from scripts.pipeline.temporary_stack import write_config

LINES = """
sql("SELECT count(*) AS found, count(DISTINCT order_id) AS orders FROM orders").collect()
spark.read.parquet(LAKE).count() * 1000
view_orders()
"""


def shell(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts", "pyspark", "--config", str(config)]
    return subprocess.run(command, input=LINES, capture_output=True, text=True, check=False, cwd=PROJECT, timeout=120)


def test_a_lake_without_rows_is_reported(tmp_path: Path) -> None:
    done = shell(write_config(tmp_path, {}, "2025em01"))
    assert done.returncode == 1
    assert "There is nothing in" in done.stderr


@pytest.mark.jvm
def test_lines_from_a_pipe_see_the_lake_as_the_view_orders(tmp_path: Path) -> None:
    config = write_config(tmp_path / "project", {}, "2025em01")
    lake = local_path(load_settings(config, environment={}).datalake.path)
    shutil.copytree(Submission(tmp_path / "submission").build() / LAKE, lake)
    done = shell(config)
    assert done.returncode == 0, done.stderr
    assert "[Row(found=20, orders=20)]" in done.stdout, done.stdout + done.stderr
    assert "20000" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert str(lake) in done.stdout
    assert not any((PROJECT / name).exists() for name in ("metastore_db", "derby.log", "spark-warehouse"))
