"""psql scripts that run without psql."""

from __future__ import annotations

from pathlib import Path

import psycopg2.extensions
import pytest
from psycopg2 import sql

from configs.errors import KitError
from configs.settings import DEFAULT_CONFIG, PROJECT, load_settings
from scripts.pipeline.psql_script import read_psql_script


class Literal:
    """In the place of psycopg2's, which asks the server's connection for its way to quote."""

    def __init__(self, value: object) -> None:
        self.value = value

    def as_string(self, _: object) -> str:
        return "'" + str(self.value).replace("'", "''") + "'"


@pytest.fixture(autouse=True)
def _without_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "Literal", Literal)


def read(tmp_path: Path, text: str, **values: object) -> str:
    path = tmp_path / "script.sql"
    path.write_text(text, encoding="utf-8")
    connection: psycopg2.extensions.connection = None  # type: ignore[assignment]
    return read_psql_script(path, connection, {"table": 'sales."X_orders"'}, values)


def test_commands_are_left_out_and_variables_filled_in(tmp_path: Path) -> None:
    text = "\\if :{?table}\n\\else\n  \\set table a\n\\endif\nSELECT :'item', '10:05' FROM :\"table\";\n"
    assert read(tmp_path, text, item="Baker's") == "SELECT 'Baker''s', '10:05' FROM sales.\"X_orders\";"


def test_a_value_that_looks_like_a_variable_stays_as_it_is(tmp_path: Path) -> None:
    assert read(tmp_path, "SELECT :'item'", item=':"table"') == "SELECT ':\"table\"'"


def test_a_cast_is_no_variable(tmp_path: Path) -> None:
    assert read(tmp_path, "SELECT 1::\"char\", '5'::int") == "SELECT 1::\"char\", '5'::int"


def test_an_unknown_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(KitError, match=":'colour'"):
        read(tmp_path, "SELECT :'colour'")


@pytest.mark.parametrize("script", ["db/orders.sql", "scripts/insert_test_orders.sql"])
def test_the_default_table_is_that_of_the_default_config(script: str) -> None:
    table = load_settings(DEFAULT_CONFIG, environment={}).postgres.table
    assert f"    \\set table {table}\n" in (PROJECT / script).read_text(encoding="utf-8")
