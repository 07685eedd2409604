"""The config that a program of somebody else gets: literal values, this stack's places, its owner's own keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.settings import HAND_OUT, PROJECT
from scripts.pipeline.rendered_config import render_config, rendered
from scripts.pipeline.student_programs import find_programs
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.services.stack import Stack

STUDENTS = PROJECT / "tests" / "students"


@pytest.fixture
def stack() -> Iterator[Stack]:
    with temporary_stack(rollnumber="2025em01") as running:
        yield replace(running, programs=find_programs(STUDENTS / "pyspark_jdbc"))


def everything(values: Any) -> Iterator[Any]:
    if isinstance(values, dict):
        for value in values.values():
            yield from everything(value)
    else:
        yield values


def test_the_file_is_for_its_user_alone_and_has_the_14_keys(stack: Stack) -> None:
    path = render_config(stack)
    assert path.stat().st_mode & 0o777 == 0o600
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {section: set(keys) - set(values[section]) for section, keys in HAND_OUT.items()} == {
        section: set() for section in HAND_OUT
    }
    assert not [value for value in everything(values) if isinstance(value, str) and "{" in value]


def test_addresses_and_folders_are_this_stacks_and_other_keys_the_owners(stack: Stack) -> None:
    values = yaml.safe_load(render_config(stack).read_text(encoding="utf-8"))
    settings = stack.settings
    assert values["postgres"]["host"] == "127.0.0.1"
    assert values["postgres"]["table"] == settings.postgres.table == "2025em01_orders"
    assert values["kafka"]["brokers"] == settings.kafka.brokers
    for location in (values["datalake"]["path"], values["streaming"]["checkpoint_location"]):
        assert Path(location).is_relative_to(settings.root)
    assert values["postgres"]["driver"] == "org.postgresql.Driver"
    assert values["logging"] == {"level": "WARN"}
    assert values["streaming"]["batch_interval"] == 2


@pytest.mark.parametrize(
    ("own", "seconds"),
    [(None, 1), (10, 10), ("10", 10), (1.5, 2), ("soon", 1), ("5 seconds", "5 seconds"), ("200 ms", "200 ms")],
)
def test_seconds_are_whole_numbers_or_have_the_owners_unit(stack: Stack, own: object, seconds: object) -> None:
    values = rendered(stack.settings, {} if own is None else {"streaming": {"batch_interval": own}})
    assert values["streaming"]["batch_interval"] == seconds
    assert isinstance(values["cdc"]["poll_interval_sec"], int)


def test_the_folder_of_the_state_is_there(stack: Stack) -> None:
    values = yaml.safe_load(render_config(stack).read_text(encoding="utf-8"))
    assert Path(values["streaming"]["last_processed_timestamp_location"]).parent.is_dir()


@pytest.mark.parametrize("own", ["- a list\n", "postgres: text\ncdc: [1]\nstreaming:\n", "{", ""])
def test_a_strange_config_of_theirs_still_gives_a_whole_one(stack: Stack, tmp_path: Path, own: str) -> None:
    programs = stack.programs
    (tmp_path / "orders_stream.yml").write_text(own, encoding="utf-8")
    values = yaml.safe_load(
        render_config(replace(stack, programs=replace(programs, folder=tmp_path))).read_text(encoding="utf-8")
    )
    assert set(HAND_OUT) <= set(values)
    assert values["cdc"]["poll_interval_sec"] >= 1


@pytest.mark.parametrize(
    ("own", "poll"),
    [("5 seconds", 10), (0.2, 0.5), (30, "soon"), (None, "1 minute")],
)
def test_a_longest_interval_holds_for_batch_and_poll_and_nothing_else(stack: Stack, own: object, poll: object) -> None:
    theirs = {
        "streaming": {"batch_interval": own},
        "cdc": {"poll_interval_sec": poll, "batch_limit": 500, "max_lag_sec": 60},
    }
    values = rendered(stack.settings, theirs, longest_interval_sec=1)
    assert values["streaming"]["batch_interval"] in (1, "1 seconds")
    assert values["cdc"]["poll_interval_sec"] == 1
    assert (values["cdc"]["batch_limit"], values["cdc"]["max_lag_sec"]) == (500, 60)
