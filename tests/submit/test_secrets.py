"""Passwords and keys are seen, and what only looks like one is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.settings import PROJECT
from scripts.submit.secrets import PRACTICE_PASSWORD, is_source, secrets_in

# In two parts, so that this file has no key.
AWS_KEY = "AKIA" + "1234567890ABCDEF"
AWS_SECRET = "abcdefghij" * 4
PRIVATE_KEY = "-----BEGIN RSA PRIVATE" + " KEY-----"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.py", f'key = "{AWS_KEY}"'),
        ("a.py", f'"aws_secret_access_key": "{AWS_SECRET}"'),
        ("run.sh", f"export AWS_SECRET_ACCESS_KEY={AWS_SECRET}"),
        ("a.py", PRIVATE_KEY),
        ("a.py", 'connect(user="me", password="hunter2")'),
        ("a.py", '    "password": "hunter2",'),
        ("a.py", 'DB_PASSWORD = "hunter2"'),
        ("a.py", '.option("password", "hunter2")'),
        ("a.py", 'url = "jdbc:postgresql://h:1/d?user=me&password=hunter2"'),
        ("a.yml", "  password: hunter2"),
        ("a.sh", "export PGPASSWORD=hunter2"),
    ],
)
def test_a_secret_is_seen(name: str, line: str) -> None:
    assert list(secrets_in(name, f"\n{line}\n".encode())) != []


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.py", f'password="{PRACTICE_PASSWORD}"'),
        ("a.py", 'password=pg["password"]'),
        ("a.py", 'password = config["postgres"]["password"]'),
        ("a.py", '.option("password", pg["password"])'),
        ("a.py", '("jdbc_url", "host", "port", "db", "user", "password", "table")'),
        ("a.py", 'password=os.environ["PGPASSWORD"]'),
        ("a.py", "def connect(user: str, password: str) -> None:"),
        ("a.py", 'f"jdbc:postgresql://{host}/{db}?user={user}&password={password}"'),
        ("a.yml", "  password: ${POSTGRES_PASSWORD}"),
        ("a.yml", "  password: postgres   # of the container"),
        ("a.yml", "  password:"),
        ("a.sh", 'PGPASSWORD="$PASSWORD" psql'),
        ("README.md", "Set `password: <your password>` in the config."),
        ("README.md", "password: the one of the database"),
        ("a.py", 'key = "AKIAIOSFODNN7EXAMPLE"'),
        ("a.parquet", "password: hunter2"),
    ],
)
def test_what_is_no_secret_is_not(name: str, line: str) -> None:
    assert not is_source(name) or list(secrets_in(name, line.encode())) == []


@pytest.mark.parametrize("folder", ["configs", "producers", "consumers", "db", "scripts"])
def test_the_kit_has_none(folder: str) -> None:
    files = [path for path in (PROJECT / folder).rglob("*") if path.is_file() and is_source(path.name)]
    assert files
    assert [(path, found) for path in files for found in secrets_in(path.name, path.read_bytes())] == []


def test_the_line_is_named(tmp_path: Path) -> None:
    assert list(secrets_in("a.yml", b"a: 1\npassword: hunter2\n")) == [
        (2, "a password other than that of the practice database")
    ]
