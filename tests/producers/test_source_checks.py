"""What the producer refuses at its connect, each with a real server that is so."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from configs.program import ProgramError
from configs.settings import Postgres
from configs.spark_session import start_session
from producers.horizon import Margins, take_horizon
from producers.prepared_transactions import PreparedTransactions
from producers.source_checks import (
    read_columns,
    require_primary,
    require_same_table,
    require_utc_default,
    rounding_of,
)
from scripts.pipeline.temporary_stack import held_ports
from scripts.services import postgres
from scripts.services.jars import jar_paths
from scripts.services.java import require_java
from scripts.services.processes import begin_stop, wait_until
from scripts.services.stack import Stack
from tests.producers.conftest import Table

pytestmark = pytest.mark.services

BARE_DEFAULTS = ["now()", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP", "current_timestamp(3)", "clock_timestamp()"]


def default(table: Table, text: str) -> None:
    table.execute(f"ALTER TABLE {table.name} ALTER COLUMN created_at SET DEFAULT {text}")


def check_default(table: Table, log: logging.Logger) -> None:
    require_utc_default(table.settings, table.name, read_columns(table.connection, table.name)["created_at"], log)


@pytest.fixture
def zone(table: Table) -> Iterator[str]:
    """The database's, for other sessions; 5 hours behind UTC all year."""
    database = f'"{table.settings.db}"'
    table.execute(f"ALTER DATABASE {database} SET timezone = 'America/Panama'")
    yield "America/Panama"
    table.execute(f"ALTER DATABASE {database} RESET timezone")


@pytest.mark.parametrize(("digits", "seconds"), [("(0)", 0.5), ("(3)", 0.0005), ("(6)", 0.0), ("", 0.0)])
@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
def test_what_a_type_rounds(table: Table, kind: str, digits: str, seconds: float) -> None:
    table.execute(f"ALTER TABLE {table.name} ALTER COLUMN created_at TYPE {kind}{digits}")
    assert rounding_of(table.name, read_columns(table.connection, table.name)["created_at"]) == seconds


def test_a_domain_is_what_it_is_made_from(table: Table) -> None:
    table.execute("CREATE DOMAIN moment AS timestamp(0)")
    table.execute(f"ALTER TABLE {table.name} ALTER COLUMN created_at TYPE moment")
    assert rounding_of(table.name, read_columns(table.connection, table.name)["created_at"]) == 0.5
    table.execute(f"ALTER TABLE {table.name} ALTER COLUMN created_at TYPE timestamp")
    table.execute("DROP DOMAIN moment")


@pytest.mark.parametrize("kind", ["date", "text", "time"])
def test_a_created_at_that_is_no_timestamp_is_refused(table: Table, kind: str) -> None:
    table.execute(f"ALTER TABLE {table.name} ALTER COLUMN created_at DROP DEFAULT")
    table.execute(f"ALTER TABLE {table.name} ALTER COLUMN created_at TYPE {kind}")
    with pytest.raises(ProgramError, match="must be timestamp or timestamptz"):
        rounding_of(table.name, read_columns(table.connection, table.name)["created_at"])


def test_a_table_without_created_at_is_refused(table: Table) -> None:
    table.execute(f"ALTER TABLE {table.name} DROP COLUMN created_at")
    with pytest.raises(ProgramError, match="has no column created_at"):
        rounding_of(table.name, read_columns(table.connection, table.name).get("created_at"))


@pytest.mark.parametrize("text", BARE_DEFAULTS)
def test_a_local_default_west_of_utc_is_refused(
    table: Table, zone: str, text: str, log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    default(table, text)
    monkeypatch.setenv("PGTZ", "UTC")  # of this process, which nobody else has
    with pytest.raises(ProgramError, match=rf"the zone {zone}, 5 h behind UTC") as refused:
        check_default(table, log)
    assert f"ALTER DATABASE \"{table.settings.db}\" SET timezone = 'UTC'" in str(refused.value)
    assert os.environ["PGTZ"] == "UTC"


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("text", ["(now() AT TIME ZONE 'UTC')", "timezone('utc', now())", "'2025-11-20 10:00:00'"])
def test_a_default_in_utc_is_accepted_in_any_zone(
    table: Table, text: str, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    default(table, text)
    check_default(table, log)
    assert not caplog.records


@pytest.mark.usefixtures("zone")
def test_a_column_with_a_time_zone_is_accepted(table: Table, log: logging.Logger) -> None:
    table.execute(f"ALTER TABLE {table.name} ALTER COLUMN created_at TYPE timestamptz")
    default(table, "now()")
    check_default(table, log)


def test_a_local_default_east_of_utc_is_a_warning(
    table: Table, log: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    default(table, "now()")
    check_default(table, log)
    assert not caplog.records, "the server's zone is UTC"
    role = f'"{table.settings.user}"'
    table.execute(f"ALTER ROLE {role} SET timezone = 'Asia/Kolkata'")
    try:
        check_default(table, log)
    finally:
        table.execute(f"ALTER ROLE {role} RESET timezone")
    assert "Asia/Kolkata, 5.5 h ahead of UTC" in caplog.text


@pytest.fixture(scope="module")
def standby(server: Stack) -> Iterator[Postgres]:
    """A hot standby of the server, made by pg_basebackup."""
    settings = server.settings.postgres
    uid_gid = postgres._server_user() if os.getuid() == 0 else None
    binaries = postgres._binaries(uid_gid)
    data = (server.home / postgres.NAME).resolve() / "standby"
    command = [binaries / "pg_basebackup", "-D", data, "-R", "-X", "stream", "-c", "fast", "-h", settings.host]
    identity = {} if uid_gid is None else {"user": uid_gid[0], "group": uid_gid[1], "extra_groups": []}
    subprocess.run(  # type: ignore[call-overload]
        [*map(str, command), "-p", str(settings.port), "-U", settings.user],
        check=True,
        cwd="/",
        env={**os.environ, "PGPASSWORD": settings.password},
        **identity,
    )
    with held_ports(1) as port:
        url = settings.jdbc_url.replace(str(settings.port), str(port))
        replica = settings.model_copy(update={"port": port, "jdbc_url": url})
        options = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        start: list[str | Path] = [
            binaries / "postgres",
            "-D",
            data,
            *(f"--{key}={value}" for key, value in options.items()),
        ]
        pid_file, log = server.pid_file("standby"), server.log("standby")
        server.launcher.launch(start, pid_file=pid_file, log=log, folder=data.parent.parent, uid_gid=uid_gid)

        def answers() -> bool:
            with contextlib.suppress(Exception), contextlib.closing(postgres.connect(replica)):
                return True
            return False

        try:
            assert wait_until(answers, timeout=60), log.read_text(encoding="utf-8")
            yield replica
        finally:
            begin_stop(pid_file, timeout=30, signum=signal.SIGINT)()


def test_a_standby_is_refused_and_the_primary_named(table: Table, standby: Postgres) -> None:
    require_primary(table.connection, table.settings)
    shown = rf"its primary, 127\.0\.0\.1:{table.settings.port},"
    with contextlib.closing(postgres.connect(standby)) as connection, pytest.raises(ProgramError, match=shown):
        require_primary(connection, standby)


def test_each_poll_sees_that_its_server_has_become_a_standby(table: Table, standby: Postgres) -> None:
    margins = Margins(0.05, 5.0)
    assert not take_horizon(table.connection, margins).is_standby
    with contextlib.closing(postgres.connect(standby)) as connection:
        horizon = take_horizon(connection, margins)
        assert horizon.is_standby
        assert PreparedTransactions().take(connection, horizon, horizon.limit) is None


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    patch = pytest.MonkeyPatch()
    patch.setenv("JAVA_HOME", str(require_java().home))
    patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    (driver,) = [jar for jar in jar_paths("spark") if jar.name.startswith("postgresql-")]
    options = {"spark.master": "local[1]", "spark.ui.enabled": "false", "spark.driver.extraClassPath": str(driver)}
    session = start_session("tests", options)
    yield session
    session.stop()
    patch.undo()


@pytest.mark.jvm
def test_the_url_must_lead_to_the_same_table(table: Table, spark: SparkSession, standby: Postgres) -> None:
    settings = table.settings
    require_same_table(table.connection, spark, settings)
    table.execute("CREATE SCHEMA other")
    table.execute(f"CREATE TABLE other.{table.name} (LIKE {table.name})")
    wrong = {
        "in the schema other": f"{settings.jdbc_url}?currentSchema=other",
        "database postgres, table no such table": settings.jdbc_url.replace(settings.db, "postgres"),
        f"127.0.0.1:{standby.port}, a standby": standby.jdbc_url,
    }
    for shown, url in wrong.items():
        with pytest.raises(ProgramError) as refused:
            require_same_table(table.connection, spark, settings.model_copy(update={"jdbc_url": url}))
        assert shown in str(refused.value)
        assert f"By the other keys: 127.0.0.1:{settings.port}, a primary, database {settings.db}" in str(refused.value)
    table.execute("DROP SCHEMA other CASCADE")


@pytest.mark.jvm
def test_a_url_that_postgres_refuses_ends_the_producer(table: Table, spark: SparkSession) -> None:
    unknown = table.settings.model_copy(update={"jdbc_url": f"{table.settings.jdbc_url}_2"})
    with pytest.raises(ProgramError, match=r"by postgres\.jdbc_url: FATAL: database .* does not exist"):
        require_same_table(table.connection, spark, unknown)
