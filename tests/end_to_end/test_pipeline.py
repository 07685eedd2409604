"""Orders through a real Postgres, a real Kafka and two real Spark programs, and the verdict on them.

The tests of this file follow each other on one stack, as a student's commands do.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from confluent_kafka import Producer

from configs.contract import RoundRun
from configs.errors import KitError
from configs.program import is_locked, lock_file
from configs.quarantine_position import read_position
from configs.settings import PROJECT, local_path
from scripts import show, status
from scripts.pipeline import position, programs
from scripts.pipeline.orders import insert_orders
from scripts.pipeline.services import services_of
from scripts.pipeline.table import make_table, require_table
from scripts.pipeline.topic import end_offsets, make_topic
from scripts.rounds import run as rounds
from scripts.services.postgres import connect
from scripts.services.processes import wait_until
from scripts.services.stack import OURS, PROGRAM_NAMES, Stack

pytestmark = pytest.mark.services

ROUND_SECONDS = 8.0  # from insert to lake, once both programs run; a loaded machine gets twice that here
MEMORY_LIMIT = 3 * 2**30


def grade(stack: Stack, root: Path | None = None) -> tuple[int, dict[str, Any], str]:
    """Exit code, report.json and terminal output of `python -m grader grade`."""
    out = stack.home / "graded"
    command = [sys.executable, "-m", "grader", "grade", "--config", str(stack.settings.source), "--out", str(out)]
    done = subprocess.run(
        command + ([str(root)] if root else []), capture_output=True, text=True, check=False, cwd=PROJECT, timeout=120
    )
    assert "Traceback" not in done.stdout + done.stderr
    report = out / "report.json"
    return done.returncode, json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}, done.stdout


def verb(stack: Stack, name: str) -> subprocess.CompletedProcess[str]:
    """A verb of the Makefile, as its line calls it."""
    command = [sys.executable, "-m", "scripts", name, "--config", str(stack.settings.source)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, timeout=300)


def failed(report: dict[str, Any]) -> set[str]:
    return {check["id"] for check in report["checks"] if check["status"] == "FAIL"}


def test_round_two_before_round_one_is_refused_and_inserts_nothing(stack: Stack) -> None:
    done = verb(stack, "round2")
    assert done.returncode == 1
    assert "Run `make round1` first" in done.stderr
    assert not stack.settings.rounds_folder.exists()


def test_grading_before_anything_ran_says_what_to_run(stack: Stack) -> None:
    code, report, _ = grade(stack)
    assert code == 2
    assert report == {}


def test_services_table_and_topic_can_be_asked_for_twice(stack: Stack) -> None:
    assert [outcome.changed for outcome in services_of(stack).up()] == [True, True]
    assert [outcome.changed for outcome in services_of(stack).up()] == [False, False]
    first, second = make_table(stack.settings), make_table(stack.settings)
    assert (first.changed, second.changed) == (True, False)
    assert "10 rows" in second.line
    make_topic(stack.settings.kafka)
    assert "already exists" in make_topic(stack.settings.kafka)
    assert end_offsets(stack.settings.kafka) == {0: 0, 1: 0, 2: 0}


def test_postgres_listens_on_loopback_only_and_wants_the_password(stack: Stack) -> None:
    settings = stack.settings.postgres
    process = stack.pid_file("postgres").process()
    assert process is not None
    listening = {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN and c.laddr}
    assert listening == {"127.0.0.1"}
    with pytest.raises(Exception, match="password authentication failed"):
        connect(settings.model_copy(update={"password": "wrong"}))
    with contextlib.closing(connect(settings)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT rolpassword LIKE 'SCRAM-SHA-256$%%' FROM pg_authid WHERE rolname = %s", [settings.user])
        assert cursor.fetchone() == (True,)


def test_rounds_one_and_two_add_their_rows_and_nothing_else(stack: Stack) -> None:
    runs: list[RoundRun] = []
    for number in (1, 2):
        lines: list[str] = []
        runs.append(rounds.run_round(stack, number, lines.append))
        assert any("all 5 rows are in the lake" in line for line in lines)
    for run in runs:
        assert run.complete
        assert run.after.postgres_rows - run.before.postgres_rows == 5
        assert run.after.lake_rows - run.before.lake_rows == 5
        assert set(run.before.lake_files) < set(run.after.lake_files)
        assert sum(run.after.topic_offsets.values()) - sum(run.before.topic_offsets.values()) == 5
        assert run.after.state == run.inserted[-1].created_at
    assert runs[0].after.lake_rows == runs[1].before.lake_rows == 15


def test_the_lake_holds_micros_and_not_int96(stack: Stack) -> None:
    lake = local_path(stack.settings.datalake.path)
    files = [lake / file.path for file in position.lake_files(stack.settings)]
    kinds = {str(pq.ParquetFile(file).schema_arrow.field("created_at").type) for file in files}
    assert kinds == {"timestamp[us, tz=UTC]"}
    assert {pq.ParquetFile(file).schema.column(6).physical_type for file in files} == {"INT64"}


def test_the_grade_is_a_pass_with_every_mark(stack: Stack) -> None:
    code, report, output = grade(stack)
    assert code == 0, output
    assert (report["verdict"], report["score"], report["max_score"]) == ("pass", 20, 20), output
    assert {check["status"] for check in report["checks"] if check["max_points"]} == {"PASS"}, output
    assert report["facts"]["rows"] == report["facts"]["database_rows"] == 20


def test_a_repeated_round_inserts_five_more_and_its_record_says_so(stack: Stack) -> None:
    rounds.run_round(stack, 1, lambda _: None)
    record = rounds.read_record(stack.settings.rounds_folder / "round1.json")
    assert record is not None
    assert len(record.runs) == 2
    ids = [order.order_id for run in record.runs for order in run.inserted]
    assert len(set(ids)) == 10


def test_round_three_lets_exactly_the_five_clean_rows_through(stack: Stack) -> None:
    run = rounds.run_round(stack, 3, lambda _: None)
    assert run.after.lake_rows - run.before.lake_rows == 5
    assert len(run.rejected) == 5
    quarantine = local_path(stack.settings.datalake.quarantine_path)
    kept = [row for file in quarantine.rglob("*.parquet") for row in pq.ParquetFile(file).read().to_pylist()]
    assert len(kept) == 5
    assert all(row["reason"] and row["topic"] == stack.settings.kafka.topic for row in kept)
    assert {row.raw for row in run.rejected if row.raw} < {row["raw"] for row in kept}
    code, report, output = grade(stack)
    assert (code, report["score"]) == (0, 20), output


@pytest.mark.parametrize("stage", show.STAGES)
def test_every_stage_can_be_shown(stack: Stack, stage: str) -> None:
    rows = show.STAGES[stage](stack.settings, 3)
    assert len(rows) == 3
    assert all(row.get("order_id") or row.get("message") or row.get("raw") for row in rows)


def test_all_of_it_fits_into_three_gibibytes(stack: Stack) -> None:
    families = [process for name in status.names(stack) if (process := stack.pid_file(name).process())]
    assert len(families) == len(status.names(stack))
    everyone = {member for process in families for member in [process, *process.children(recursive=True)]}
    assert sum(member.memory_info().rss for member in everyone) < MEMORY_LIMIT


def test_a_round_is_through_within_seconds_once_all_runs(stack: Stack) -> None:
    lines: list[str] = []
    rounds.run_round(stack, 2, lines.append)
    said = next(line for line in lines if "in the lake after" in line)
    assert float(said.partition("after ")[2].partition(" s")[0]) < 2 * ROUND_SECONDS


def test_a_second_producer_is_refused(stack: Stack) -> None:
    script = [str(OURS.producer), "--config", str(stack.settings.source)]
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "Another producer is running" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_status_and_logs_show_all_four(stack: Stack) -> None:
    shown = verb(stack, "status").stdout
    for name in status.names(stack):
        assert any(line.startswith(name) and " up " in line for line in shown.splitlines()), shown
    assert "published" in verb(stack, "logs").stdout


def test_one_row_put_in_by_hand_fails_the_grade_and_is_named(stack: Stack, tmp_path: Path) -> None:
    copy = tmp_path / "project"
    shutil.copytree(stack.settings.root, copy, symlinks=True, ignore=shutil.ignore_patterns("postgres", "kafka", "run"))
    lake = copy / local_path(stack.settings.datalake.path).relative_to(stack.settings.root)
    victim = min(lake.glob("date=*/*.parquet"))
    table = pq.ParquetFile(victim).read()
    order_id = table.column("order_id")[0].as_py()
    pq.write_table(table.slice(0, 1), victim.with_name("part-00000-by-hand.parquet"))
    code, report, output = grade(stack, copy)
    assert code == 1
    assert report["verdict"] == "fail"
    assert str(order_id) in json.dumps([check["samples"] for check in report["checks"] if check["status"] == "FAIL"])
    assert str(order_id) in output


def test_both_programs_stop_cleanly_and_leave_no_process(stack: Stack) -> None:
    families = {
        name: [process, *process.children(recursive=True)]
        for name in PROGRAM_NAMES
        if (process := stack.pid_file(name).process())
    }
    lines = programs.stop(stack)
    assert lines == ["The producer has stopped", "The consumer has stopped"]
    for name, family in families.items():
        assert len(family) >= 3, "the script, Spark's JVM and the program"
        assert not any(member.is_running() for member in family)
        log = stack.log(name).read_text(encoding="utf-8")
        assert log.rstrip().endswith("stopped"), log[-500:]
        assert "Traceback" not in log
        assert not is_locked(lock_file(stack.settings, name))
    assert programs.stop(stack) == ["The producer was not running", "The consumer was not running"]


def test_data_is_kept_across_down_and_up(stack: Stack) -> None:
    before = end_offsets(stack.settings.kafka)
    with contextlib.closing(connect(stack.settings.postgres)) as connection:
        rows = require_table(connection, stack.settings).rows
    services_of(stack).down()
    services_of(stack).up()
    assert end_offsets(stack.settings.kafka) == before
    with contextlib.closing(connect(stack.settings.postgres)) as connection:
        assert require_table(connection, stack.settings).rows == rows


def test_a_pipeline_that_was_stopped_goes_on_where_it_was(stack: Stack) -> None:
    before = position.lake_rows(stack.settings)
    run = rounds.run_round(stack, 1, lambda _: None)
    assert run.before.lake_rows == before
    assert run.after.lake_rows == before + 5
    assert grade(stack)[0] == 0


def test_rows_that_do_not_arrive_are_located(stack: Stack) -> None:
    impatient = Stack(
        stack.settings.model_copy(update={"rounds": stack.settings.rounds.model_copy(update={"timeout_sec": 6.0})})
    )
    consumer = stack.pid_file("consumer").process()
    assert consumer is not None
    family = [consumer, *consumer.children(recursive=True)]
    for member in family:
        member.suspend()
    try:
        with pytest.raises(KitError) as raised:
            rounds.run_round(impatient, 1, lambda _: None)
    finally:
        for member in family:
            member.resume()
    assert "0 of 5 rows are in the lake" in str(raised.value)
    assert "consumer" in str(raised.value)
    record = rounds.read_record(stack.settings.rounds_folder / "round1.json")
    assert record is not None
    late = record.runs[-1]
    assert not late.complete
    assert wait_until(lambda: set(late.expected_ids) <= position.lake_ids(stack.settings), timeout=60)


def test_a_round_does_not_wait_for_a_quarantine_that_nobody_keeps_up(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = local_path(stack.settings.streaming.quarantine_checkpoint_location)
    assert wait_until(lambda: rounds._has_live_quarantine(stack.settings, lambda _: None), timeout=60)
    left_behind = tmp_path / "left_behind"
    kept = read_position(live)
    assert kept is not None
    replace(kept, ends={partition: end - 1 for partition, end in kept.ends.items()}).store(left_behind)
    streaming = stack.settings.streaming.model_copy(update={"quarantine_checkpoint_location": str(left_behind)})
    monkeypatch.setattr(rounds, "QUARANTINE_PATIENCE", 0.5)
    said: list[str] = []
    assert not rounds._has_live_quarantine(stack.settings.model_copy(update={"streaming": streaming}), said.append)
    assert str(left_behind) in said[0]


def test_a_row_in_the_future_is_reported_and_waits(stack: Stack) -> None:
    log = stack.log("producer")
    with contextlib.closing(connect(stack.settings.postgres)) as connection, connection.cursor() as cursor:
        table = require_table(connection, stack.settings).name
        cursor.execute(
            f"INSERT INTO {table} (customer_name, restaurant_name, item, amount, order_status, created_at)"
            " SELECT customer_name, restaurant_name, item, amount, order_status,"
            f" now() AT TIME ZONE 'UTC' + interval '1 hour' FROM {table} LIMIT 1 RETURNING order_id"
        )
        (early,) = cursor.fetchone() or (None,)
        try:
            assert wait_until(lambda: "1 row of" in log.read_text() and "in the future" in log.read_text(), timeout=60)
            assert early not in position.lake_ids(stack.settings)
            with pytest.raises(KitError, match=rf"Order {early} has .* in the future"):
                rounds.run_round(stack, 1, lambda _: None)
        finally:
            cursor.execute(f"DELETE FROM {table} WHERE order_id = %s", (early,))


def test_rows_that_can_never_be_read_are_reported_and_stop_nothing(stack: Stack) -> None:
    producer = stack.pid_file("producer").process()
    log = stack.log("producer")
    never = {"infinity": "is infinity", "-infinity": "is -infinity", "20250-11-18": "is after the year 9999"}
    with contextlib.closing(connect(stack.settings.postgres)) as connection, connection.cursor() as cursor:
        table = require_table(connection, stack.settings).name
        ids = {}
        for moment in never:
            cursor.execute(
                f"INSERT INTO {table} (customer_name, restaurant_name, item, amount, order_status, created_at)"
                f" SELECT customer_name, restaurant_name, item, amount, order_status, %s FROM {table} LIMIT 1"
                " RETURNING order_id",
                [moment],
            )
            (ids[moment],) = cursor.fetchone() or (0,)
        try:
            for moment, said in never.items():
                shown = f"(order_id {ids[moment]}): created_at {said}"
                assert wait_until(lambda shown=shown: shown in log.read_text(), timeout=60), log.read_text()[-2000:]  # type: ignore[misc]
            with pytest.raises(KitError, match=rf"Order {ids['20250-11-18']} has the created_at 20250-11-18 .* in the"):
                rounds.run_round(stack, 1, lambda _: None)
            assert show.STAGES["table"](stack.settings, 3)
            cursor.execute(f"DELETE FROM {table} WHERE order_id = %s", [ids["20250-11-18"]])
            assert rounds.run_round(stack, 1, lambda _: None).complete
        finally:
            cursor.execute(f"DELETE FROM {table} WHERE order_id = ANY(%s)", [list(ids.values())])
    assert stack.pid_file("producer").process() == producer


def test_a_producer_whose_url_leads_to_another_table_does_not_start(stack: Stack) -> None:
    programs.stop(stack, ["producer"])
    script = [str(OURS.producer), "--config", str(stack.settings.source)]
    url = f"{stack.settings.postgres.jdbc_url}?currentSchema=pg_catalog"
    environment = {**os.environ, "ORDERS_POSTGRES__JDBC_URL": url}
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert done.returncode == 1
    assert "postgres.jdbc_url leads to another table" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_producer_that_does_not_get_what_was_counted_ends_and_keeps_its_state(stack: Stack) -> None:
    before = position.state_text(stack.settings)
    with contextlib.closing(connect(stack.settings.postgres)) as connection, connection.cursor() as cursor:
        table = require_table(connection, stack.settings).name
        cursor.execute(f"ALTER TABLE {table} RENAME TO behind_the_view")
        cursor.execute(
            f"CREATE VIEW {table} AS SELECT * FROM behind_the_view"
            " WHERE current_setting('application_name') NOT LIKE '%JDBC%' OR order_id % 2 = 0"
        )
        try:
            insert_orders(connection, table, 2)
            script = [str(OURS.producer), "--config", str(stack.settings.source)]
            done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=120)
        finally:
            cursor.execute(f"DROP VIEW {table}")
            cursor.execute(f"ALTER TABLE behind_the_view RENAME TO {table}")
    assert done.returncode == 1
    assert "Postgres has 2 rows of the batch, and 1 came to the topic, 3 times in a row" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert position.state_text(stack.settings) == before


def test_a_deleted_lake_with_its_checkpoint_kept_stops_the_consumer(stack: Stack) -> None:
    programs.stop(stack, ["consumer"])
    lake = local_path(stack.settings.datalake.path)
    away = lake.with_name("moved_away")
    lake.rename(away)
    try:
        script = [str(OURS.consumer), "--config", str(stack.settings.source)]
        done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=120)
    finally:
        shutil.rmtree(lake, ignore_errors=True)
        away.rename(lake)
    assert done.returncode == 1
    assert f"but its lake {lake} has no log" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_consumer_with_another_topic_does_not_start(stack: Stack) -> None:
    programs.stop(stack, ["consumer"])
    other = stack.settings.kafka.model_copy(update={"topic": f"{stack.settings.kafka.topic}_2"})
    make_topic(other)
    script = [str(OURS.consumer), "--config", str(stack.settings.source)]
    environment = {**os.environ, "ORDERS_KAFKA__TOPIC": other.topic}
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert done.returncode == 1
    assert f"has read the topic {stack.settings.kafka.topic}, the config says {other.topic}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_an_order_of_an_aborted_transaction_stays_out(stack: Stack) -> None:
    order = {
        "order_id": 900_001,
        "customer_name": "Nobody",
        "restaurant_name": "Nowhere",
        "item": "Nothing",
        "amount": 5.0,
        "order_status": "PLACED",
        "created_at": "2025-11-18T12:00:00.000000Z",
    }
    kafka = stack.settings.kafka
    producer = Producer({"bootstrap.servers": kafka.brokers, "transactional.id": "aborted"})
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce(kafka.topic, json.dumps(order).encode(), partition=0)
    producer.flush(60)
    producer.abort_transaction(60)
    run = rounds.run_round(stack, 1, lambda _: None)
    assert run.after.lake_rows == run.before.lake_rows + 5
    assert 900_001 not in position.lake_ids(stack.settings)
