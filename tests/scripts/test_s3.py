"""A lake on S3, without a server: its keys, jars, options, addresses, and what a killed server leaves."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from configs.errors import KitError
from configs.settings import Settings, load_settings
from configs.storage import Keys, keys_of
from consumers.start_checks import check_file_manager
from scripts import status
from scripts.pipeline.services import explain_foreign, services_of
from scripts.pipeline.temporary_stack import write_config
from scripts.services import jars, optional_jars, s3
from scripts.services.ports import Listener
from scripts.services.properties_file import write_properties
from scripts.services.s3a import s3a_jars, s3a_options, s3a_variables
from scripts.services.stack import Stack, has_own_s3

KEYS = {"access_key": "mine", "secret_key": "hidden"}
LOCAL = {"endpoint": "http://127.0.0.1:9000", **KEYS}


def lake_at(path: str) -> dict[str, Any]:
    return {"path": path, "quarantine_path": f"{path}_quarantine"}


LAKE = lake_at("s3a://food-delivery/{rollnumber}/orders")


def settings_of(folder: Path, **changes: dict[str, Any]) -> Settings:
    sections: dict[str, dict[str, Any]] = {"datalake": LAKE, "s3": LOCAL, **changes}
    return load_settings(write_config(folder, sections, "2025test01", ports=(5432, 9092)), environment={})


@pytest.fixture
def no_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def all_jars(no_jars: None) -> None:
    for path in jars.pinned([*jars.DEFAULT, jars.S3PROXY, jars.S3A]):
        (jars.cache_folder() / path).parent.mkdir(parents=True, exist_ok=True)
        (jars.cache_folder() / path).touch()


def test_the_keys_of_the_config_come_before_those_of_the_environment(tmp_path: Path) -> None:
    environment = {"AWS_ACCESS_KEY_ID": "theirs", "AWS_SECRET_ACCESS_KEY": "other", "AWS_SESSION_TOKEN": "token"}
    assert keys_of(settings_of(tmp_path).s3, environment) == Keys("mine", "hidden")


def test_without_keys_in_the_config_those_of_the_environment_are_used(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, s3={"endpoint": "", "access_key": None, "secret_key": ""})
    environment = {"AWS_ACCESS_KEY_ID": "theirs", "AWS_SECRET_ACCESS_KEY": "other", "AWS_SESSION_TOKEN": "token"}
    assert keys_of(settings.s3, environment) == Keys("theirs", "other", "token")
    with pytest.raises(KitError, match=r"no keys for S3: .* AWS_SECRET_ACCESS_KEY"):
        keys_of(settings.s3, {"AWS_ACCESS_KEY_ID": "theirs"})


def test_buckets_of_lake_and_quarantine(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, datalake={**LAKE, "quarantine_path": "s3a://other/q"})
    assert s3.buckets(settings) == ("food-delivery", "other")


@pytest.mark.parametrize(
    ("lake", "endpoint", "groups"),
    [
        ("datalake/orders", "http://127.0.0.1:9000", ()),
        ("s3a://b/orders", "http://127.0.0.1:9000", ("s3proxy", "s3a")),
        ("s3a://b/orders", "http://localhost:9000", ("s3proxy", "s3a")),
        ("s3a://b/orders", "https://s3.example.org", ("s3a",)),
        ("s3a://b/orders", "", ("s3a",)),
    ],
)
def test_a_config_asks_for_the_jars_that_it_needs(
    tmp_path: Path, lake: str, endpoint: str, groups: tuple[str, ...]
) -> None:
    settings = settings_of(tmp_path, datalake=lake_at(lake), s3={"endpoint": endpoint, **KEYS})
    assert optional_jars.optional_groups(settings) == groups
    assert has_own_s3(settings) == ("s3proxy" in groups)


def test_missing_jars_name_the_setup_of_this_config(tmp_path: Path, no_jars: None) -> None:
    settings = settings_of(tmp_path / "a folder")
    with pytest.raises(KitError, match=r"22 more jars. Run `make setup CONFIG='.*a folder/configs/orders_stream.yml'`"):
        optional_jars.require_optional_jars(settings)
    with pytest.raises(KitError, match="make setup CONFIG="):
        services_of(Stack(settings)).up()
    assert not (settings.root / ".kit" / "run").exists()


def test_a_local_lake_gets_nothing_of_s3(tmp_path: Path, no_jars: None) -> None:
    settings = settings_of(tmp_path, datalake=lake_at("datalake/orders"))
    assert (s3a_variables(settings), s3a_options(settings), s3a_jars(settings)) == ({}, {}, [])
    assert "S3" not in {port.service for port in services_of(Stack(settings)).ports()}
    assert "s3" not in status.names(Stack(settings))


def test_spark_gets_options_without_keys_and_the_keys_in_its_environment(tmp_path: Path, all_jars: None) -> None:
    values, options = s3a_variables(settings_of(tmp_path)), s3a_options(settings_of(tmp_path / "again"))
    assert options["spark.hadoop.fs.s3a.endpoint"] == "http://127.0.0.1:9000"
    assert options["spark.hadoop.fs.s3a.endpoint.region"] == "us-east-1"
    assert options["spark.hadoop.fs.s3a.connection.ssl.enabled"] == "false"
    assert options["spark.hadoop.fs.s3a.path.style.access"] == "true"
    assert not {"mine", "hidden"} & set(options.values())
    assert [Path(jar).parent.name for jar in values["PROGRAM_S3A_JARS"].split(":")] == ["s3a", "s3a"]
    assert (values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"]) == ("mine", "hidden")
    assert values["AWS_SESSION_TOKEN"] == ""  # one of the caller's environment does not belong to these keys


def test_an_endpoint_of_aws_is_left_to_the_connector(tmp_path: Path) -> None:
    options = s3a_options(settings_of(tmp_path, s3={"endpoint": "", "region": "eu-west-1", **KEYS}))
    assert "spark.hadoop.fs.s3a.endpoint" not in options
    assert options["spark.hadoop.fs.s3a.endpoint.region"] == "eu-west-1"


def test_the_file_manager_that_loses_rows_on_s3_is_refused(tmp_path: Path) -> None:
    abortable = "org.apache.spark.internal.io.cloud.AbortableStreamBasedCheckpointFileManager"
    settings = settings_of(tmp_path)
    with pytest.raises(KitError, match=r"checkpointFileManagerClass is .*Abortable.* loses rows"):
        check_file_manager(settings, abortable)
    check_file_manager(settings, "")
    check_file_manager(settings_of(tmp_path / "local", datalake=lake_at("datalake/orders")), abortable)


def test_the_kits_own_s3_needs_http(tmp_path: Path, all_jars: None) -> None:
    with pytest.raises(KitError, match=r"has no TLS. Write http://"):
        s3.require_startable(Stack(settings_of(tmp_path, s3={**LOCAL, "endpoint": "https://127.0.0.1:9000"})))


def test_a_port_of_another_program_gets_a_proposal_for_the_config(tmp_path: Path) -> None:
    stack = Stack(settings_of(tmp_path))
    port = next(port for port in services_of(stack).ports() if port.service == "S3")
    assert (port.name, port.number, port.key) == ("s3", 9000, "s3.endpoint")
    assert "  s3:\n    endpoint: http://127.0.0.1:" in explain_foreign(stack, [(port, Listener("java", 7))])
    assert "s3" in status.names(stack)


def test_an_s3_elsewhere_is_neither_started_nor_stopped(tmp_path: Path) -> None:
    stack = Stack(settings_of(tmp_path, s3={"endpoint": "https://s3.example.org", **KEYS}))
    services = services_of(stack)
    assert "S3" not in {port.service for port in services.ports()}
    assert [(one.state, one.address) for one in services.status() if one.name == "s3"] == [
        ("external", "https://s3.example.org")
    ]
    assert not [line for line in services.down() if line.startswith("S3")]


def test_only_what_a_killed_server_left_counts_as_unfinished(tmp_path: Path) -> None:
    half = tmp_path / "bucket" / f"orders.parquet-{uuid.uuid4()}"
    whole = tmp_path / "bucket" / f"named by its owner-{uuid.uuid4()}"
    spark = tmp_path / "bucket" / f"part-00000-{uuid.uuid4()}-c000.snappy.parquet"
    half.parent.mkdir()
    for path in (half, whole, spark):
        path.touch()
    try:
        os.setxattr(whole, "user.user.content-md5", b"16 bytes of MD5.")
    except (AttributeError, OSError):
        pytest.skip("this file system keeps no attributes")
    assert list(s3.unfinished_files(tmp_path)) == [half]


def test_a_file_with_a_password_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "a.properties"
    path.touch(mode=0o644)
    write_properties(path, {"key": "Ü\\ 😀"}, mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text(encoding="ascii") == "key=\\u00dc\\\\ \\ud83d\\ude00\n"
