"""configs/settings.py: what a config may say, and what its reader sees when it says something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.settings import (
    DEFAULT_CONFIG,
    Settings,
    SettingsError,
    load_handed_in,
    load_settings,
    local_path,
)
from configs.settings import HAND_OUT as PRESCRIBED

# The 14 keys of the hand-out and nothing else, as a student's own file has them.
HAND_OUT: dict[str, dict[str, Any]] = {
    "postgres": {
        "jdbc_url": "jdbc:postgresql://localhost:5432/food_delivery_db",
        "host": "localhost",
        "port": 5432,
        "db": "food_delivery_db",
        "user": "student",
        "password": "student123",
        "table": "2025em1100471_orders",
    },
    "kafka": {"brokers": "localhost:9092", "topic": "2025em1100471_food_orders_raw"},
    "datalake": {"path": "/datalake/food/2025em1100471/output/orders", "format": "parquet"},
    "streaming": {
        "checkpoint_location": "/datalake/food/2025em1100471/checkpoints/orders",
        "last_processed_timestamp_location": "/datalake/food/2025em1100471/lastprocess/orders",
        "batch_interval": 5,
    },
}

Write = Callable[[dict[str, Any]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_config(values: dict[str, Any]) -> Path:
        path = tmp_path / "configs" / "mine.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(values), encoding="utf-8")
        return path

    return write_config


def changed(section: str, key: str, value: object) -> dict[str, Any]:
    return {**HAND_OUT, section: {**HAND_OUT[section], key: value}}


def without(section: str, key: str) -> dict[str, Any]:
    return {**HAND_OUT, section: {name: value for name, value in HAND_OUT[section].items() if name != key}}


def test_the_hand_outs_fourteen_keys_are_enough(write: Write) -> None:
    settings = load_settings(write(HAND_OUT), environment={})
    assert settings.rollnumber == "2025em1100471"
    assert settings.streaming.batch_interval == 5
    assert settings.datalake.path == "/datalake/food/2025em1100471/output/orders"
    assert settings.cdc.poll_interval_sec == 2
    assert sum(len(keys) for keys in HAND_OUT.values()) == 14


def test_the_kits_own_config_fills_in_the_roll_number() -> None:
    settings = load_settings(environment={"ROLLNUMBER": "b21cs007"})
    assert settings.postgres.table == "b21cs007_orders"
    assert settings.kafka.topic == "b21cs007_food_orders_raw"
    assert settings.datalake.path.endswith("/datalake/food/b21cs007/output/orders")


def test_every_key_of_the_kits_config_is_read() -> None:
    def keys(values: dict[str, Any], prefix: str = "") -> set[str]:
        return {
            f"{prefix}{key}" if not isinstance(value, dict) else f"{prefix}{key}." for key, value in values.items()
        } | {
            inner
            for key, value in values.items()
            if isinstance(value, dict)
            for inner in keys(value, f"{prefix}{key}.")
        }

    written = {key for key in keys(yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))) if not key.endswith(".")}
    dumped = load_settings(environment={}).model_dump(exclude={"source", "root"})
    assert written <= {key for key in keys(dumped) if not key.endswith(".")}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (5, 5),
        (0.5, 0.5),
        ("5", 5),
        ("5 seconds", 5),
        ("1 second", 1),
        ("500 ms", 0.5),
        ("500 milliseconds", 0.5),
        ("2 Minutes", 120),
        ("1 hour", 3600),
        ("1 minute 30 seconds", 90),
        ("interval 10 seconds", 10),
    ],
)
def test_batch_interval_is_a_number_or_text(write: Write, written: object, seconds: float) -> None:
    settings = load_settings(write(changed("streaming", "batch_interval", written)), environment={})
    assert settings.streaming.batch_interval == seconds


@pytest.mark.parametrize(
    ("section", "key", "value", "told"),
    [
        ("postgres", "port", "many", "postgres.port is 'many'"),
        ("postgres", "port", 70000, "65535"),
        ("postgres", "jdbc_url", "jdbc:mysql://localhost/x", "allowed is jdbc:postgresql://host:port/database"),
        ("postgres", "jdbc_url", "jdbc:postgresql://localhost:5433/food_delivery_db", "leads to port 5433"),
        ("postgres", "jdbc_url", "jdbc:postgresql://localhost:5432/food_delivery_db ", "has a blank at its database"),
        (
            "postgres",
            "jdbc_url",
            "jdbc:postgresql://localhost :5432/food_delivery_db",
            "has a blank in 'localhost :5432'",
        ),
        ("postgres", "jdbc_url", "jdbc:postgresql://a:1,b:2/food_delivery_db", "leads to port 1 or 2"),
        (
            "postgres",
            "jdbc_url",
            "jdbc:postgresql:food_delivery",
            "leads to port 5432 (the default, because it names no",
        ),
        ("postgres", "jdbc_url", "jdbc:postgresql://localhost/", "database 'student' (the user's name, because it"),
        ("kafka", "brokers", "localhost", "allowed: host:port"),
        ("kafka", "topic", "my topic", "letters, digits"),
        ("datalake", "format", "delta", "allowed: parquet"),
        ("streaming", "batch_interval", "often", '"5 seconds"'),
        ("streaming", "batch_interval", "5 5", '"5 seconds"'),
        ("streaming", "batch_interval", "", '"5 seconds"'),
        ("streaming", "batch_interval", -1, "a number, at least 0"),
    ],
)
def test_a_wrong_value_is_named_with_file_key_and_what_is_allowed(
    write: Write, section: str, key: str, value: object, told: str
) -> None:
    path = write(changed(section, key, value))
    with pytest.raises(SettingsError) as raised:
        load_settings(path, environment={})
    assert str(path) in str(raised.value)
    assert told in str(raised.value)
    assert section in str(raised.value)


def test_every_wrong_value_is_named_at_once(write: Write) -> None:
    values = changed("postgres", "port", 0)
    values["kafka"] = {"brokers": "x", "topic": "t"}
    with pytest.raises(SettingsError) as raised:
        load_settings(write(values), environment={})
    assert len(str(raised.value).splitlines()) == 2


def test_a_missing_key_is_named_with_its_misspelling(write: Write) -> None:
    values = without("postgres", "password")
    values["postgres"]["pasword"] = "x"
    with pytest.raises(SettingsError, match=r"postgres.password is missing \(did you mean 'pasword'"):
        load_settings(write(values), environment={})


def test_a_misspelt_optional_key_is_an_error_and_a_students_own_key_is_not(write: Write) -> None:
    load_settings(write({**HAND_OUT, "cdc": {"watermark_column": "created_at"}, "mine": 1}), environment={})
    with pytest.raises(SettingsError, match=r"did you mean cdc.poll_interval_sec\?"):
        load_settings(write({**HAND_OUT, "cdc": {"poll_interval_secs": 3}}), environment={})


@pytest.mark.parametrize(
    "mine",
    [
        {"cdc": None},
        {"cdc": {"poll_interval_seconds": 5, "batch_limit": 0, "default_start_timestamp": "1970-01-01"}},
        {"spark": "local[*]"},
        {"spark": {"driver_memory": "2G"}},
        {"rounds": 3},
        {"kafka": HAND_OUT["kafka"] | {"partition": 3, "partitions": "three"}},
        {"datalake": HAND_OUT["datalake"] | {"quarantine_path": ["a", "list"]}},
        {"rollnumber": "2025-em-1100471"},
        {"rollnumber": ["a", "list"]},
        {"rollnumber": ""},
        {5: 5},
    ],
)
def test_keys_that_the_hand_out_lacks_are_a_students_own_business(write: Write, mine: dict[str, Any]) -> None:
    settings = load_handed_in(write({**HAND_OUT, **mine}))
    assert settings.kafka.topic == "2025em1100471_food_orders_raw"


def test_a_submission_needs_every_key_of_the_hand_out(write: Write) -> None:
    for section, keys in HAND_OUT.items():
        for key in keys:
            with pytest.raises(SettingsError, match=rf"{section}\.{key} is missing"):
                load_handed_in(write(without(section, key)))


def test_a_submission_fills_in_the_roll_number_and_keeps_a_place_of_the_quarantine(write: Write) -> None:
    values = changed("datalake", "quarantine_path", "/elsewhere/{rollnumber}")
    assert load_handed_in(write({**values, "rollnumber": 7})).datalake.quarantine_path == "/elsewhere/7"
    assert load_handed_in(write(values)).rollnumber == "2025em1100471"


def test_a_password_may_be_empty_and_a_format_in_capitals(write: Write) -> None:
    for empty in ("", None):
        values = changed("postgres", "password", empty)
        values["datalake"] = HAND_OUT["datalake"] | {"format": "PARQUET"}
        settings = load_settings(write(values), environment={})
        assert (settings.postgres.password, settings.datalake.format) == ("", "parquet")


def test_a_password_is_never_shown(write: Write) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(write(changed("postgres", "password", ["secret-word"])), environment={})
    assert "secret-word" not in str(raised.value)


@pytest.mark.parametrize("rollnumber", ["", "has space", "-dash", 'quote"', "x" * 60, "a/b"])
def test_an_unknown_shape_of_roll_number_is_refused(write: Write, rollnumber: str) -> None:
    with pytest.raises(SettingsError, match="rollnumber"):
        load_settings(write({**HAND_OUT, "rollnumber": rollnumber}), environment={})


def test_the_environment_overrides_the_file(write: Write) -> None:
    environment = {"ORDERS_POSTGRES__PASSWORD": "from-outside", "SPARK_MASTER": "spark://127.0.0.1:7077"}
    settings = load_settings(write(HAND_OUT), environment)
    assert settings.postgres.password == "from-outside"
    assert settings.spark.master == "spark://127.0.0.1:7077"


def test_relative_paths_count_from_the_folder_above_configs(write: Write, tmp_path: Path) -> None:
    settings = load_settings(write(changed("datalake", "path", "lake/orders")), environment={})
    assert settings.datalake.path == str(tmp_path / "lake" / "orders")
    assert settings.root == tmp_path


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        (
            "datalake",
            "path",
            "s3://bucket/orders",
            r"line \d+: datalake.path is .* Spark's name .* s3a://bucket/orders",
        ),
        ("datalake", "path", "s3n://bucket/orders", "s3a://bucket/orders"),
        ("datalake", "path", "s3a://bucket", "a bucket and a prefix"),
        ("datalake", "path", "s3a:///orders", "a bucket and a prefix"),
        ("datalake", "quarantine_path", "quarantine", "is not on S3, and datalake.path is on S3"),
        ("streaming", "checkpoint_location", "s3a://bucket/checkpoint", "Spark 3.5 can lose rows there"),
        ("streaming", "last_processed_timestamp_location", "s3a://bucket/state", "Spark 3.5 can lose rows there"),
        ("streaming", "quarantine_checkpoint_location", "s3a://bucket/c", "Spark 3.5 can lose rows there"),
        ("s3", "path_style", False, "no host such as bucket.127.0.0.1"),
    ],
)
def test_what_cannot_be_on_s3_is_refused(write: Write, section: str, key: str, value: object, said: str) -> None:
    values: dict[str, Any] = {
        **changed("datalake", "path", "s3a://bucket/orders"),
        "s3": {"endpoint": "http://127.0.0.1:9000"},
    }
    values[section] = {**values[section], key: value}
    with pytest.raises(SettingsError, match=said):
        load_settings(write(values), environment={})


def test_a_quarantine_alone_is_not_on_s3(write: Write) -> None:
    with pytest.raises(SettingsError, match=r"is on S3, and datalake.path is not on S3"):
        load_settings(write(changed("datalake", "quarantine_path", "s3a://bucket/quarantine")), environment={})


def test_a_uri_stays_as_it_is_and_is_refused_where_a_local_folder_is_needed(write: Write) -> None:
    settings: Settings = load_settings(write(changed("datalake", "path", "s3a://bucket/orders")), environment={})
    assert settings.datalake.path == "s3a://bucket/orders"
    with pytest.raises(SettingsError, match="only local folders"):
        local_path(settings.datalake.path)
    assert local_path("file:///tmp/a%20lake") == Path("/tmp/a lake")


def test_a_config_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such config file"):
        load_settings(tmp_path / "none.yml", environment={})
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path, environment={})
    broken = tmp_path / "broken.yml"
    broken.write_text("postgres:\n  port: [1,\nkafka: }", encoding="utf-8")
    with pytest.raises(SettingsError, match="line 3: not valid YAML"):
        load_settings(broken, environment={})
    broken.write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match="holds no settings"):
        load_settings(broken, environment={})
    broken.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(broken, environment={})


def test_each_roll_number_has_rounds_of_its_own(tmp_path: Path) -> None:
    folders = {load_settings(environment={"ROLLNUMBER": roll}).rounds_folder for roll in ("2025em01", "2025em02")}
    assert len(folders) == 2


def test_a_config_without_the_optional_keys_has_the_values_of_the_kits_own(tmp_path: Path) -> None:
    """What is written in configs/orders_stream.yml and what stands in the code are one and the same."""
    values = yaml.safe_load(DEFAULT_CONFIG.read_text(encoding="utf-8"))
    kept = {section: {key: values[section][key] for key in keys} for section, keys in PRESCRIBED.items()}
    short = tmp_path / "configs" / "orders_stream.yml"
    short.parent.mkdir()
    short.write_text(yaml.safe_dump({"rollnumber": values["rollnumber"], **kept}), encoding="utf-8")
    whole, bare = load_settings(environment={}), load_settings(short, environment={})
    for section in ("cdc", "spark", "rounds"):
        assert getattr(bare, section) == getattr(whole, section)
    assert bare.kafka.partitions == whole.kafka.partitions
    for key in ("max_offsets_per_trigger", "state_partitions", "duplicates_window"):
        assert getattr(bare.streaming, key) == getattr(whole.streaming, key)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("  topic: ", "  topic: t\n  topic: ", r"line 7: kafka.topic is there twice, first in line 6"),
        (
            "table: ",
            "table: '{rolnumber}_orders' # ",
            r"line 13: postgres.table has \{rolnumber\};",
        ),
        (
            "datalake:",
            "roundz:\n  timeout_sec: 1\ndatalake:",
            r"line \d+: roundz is an unknown section; did you mean rounds",
        ),
        (
            "datalake:",
            "spark:\n  master: lcal[2]\ndatalake:",
            r"spark.master is 'lcal\[2\]'; allowed: local, ",
        ),
        ("brokers: ", "brokers: http://127.0.0.1:9092 # ", r"line \d+: kafka.brokers is 'http.*allowed: host:port"),
        ("port: ", "port: five # ", r"postgres.port is 'five'; allowed: a whole number"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_line(write: Write, old: str, new: str, says: str) -> None:
    path = write(changed("postgres", "table", "orders"))
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError, match=says):
        load_settings(path, environment={})


def test_a_checkpoint_in_the_folder_of_the_lake_is_refused(write: Write) -> None:
    path = write(changed("streaming", "checkpoint_location", changed("postgres", "table", "o")["datalake"]["path"]))
    with pytest.raises(SettingsError, match=r"the same folder as datalake\.path"):
        load_settings(path, environment={})


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ORDERS_POSTGRES_PORT", "did you mean ORDERS_POSTGRES__PORT"),
        ("ORDERS_POSTGRES__PORTT", "did you mean ORDERS_POSTGRES__PORT"),
        ("ORDERS_LAKE__X", "sets no key"),
    ],
)
def test_a_variable_that_sets_nothing_is_named(write: Write, name: str, says: str) -> None:
    path = write(changed("postgres", "table", "orders"))
    with pytest.raises(SettingsError, match=rf"{name} in the environment .*{says}"):
        load_settings(path, environment={name: "5"})


def test_a_variable_of_another_program_is_left_alone(write: Write) -> None:
    load_settings(write(changed("postgres", "table", "orders")), environment={"ORDERS_HOME": "/x"})


def test_a_roll_number_keeps_its_zeros(write: Write) -> None:
    path = write(changed("postgres", "table", "orders"))
    path.write_text("rollnumber: 007\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_settings(path, environment={}).rollnumber == "007"
