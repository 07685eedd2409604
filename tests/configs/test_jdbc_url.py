"""The same answers as PgJDBC 42.7.4: each was recorded from org.postgresql.Driver.parseURL."""

from __future__ import annotations

import re

import pytest

from configs.jdbc_url import blank_in_jdbc_url, read_jdbc_url


@pytest.mark.parametrize(
    ("url", "hosts", "ports", "database"),
    [
        ("jdbc:postgresql://host:5433/db", ("host",), (5433,), "db"),
        ("jdbc:postgresql://host/db", ("host",), (5432,), "db"),
        ("jdbc:postgresql://host/", ("host",), (5432,), "student"),
        ("jdbc:postgresql://:5433/db", ("localhost",), (5433,), "db"),
        ("jdbc:postgresql:db", ("localhost",), (5432,), "db"),
        ("jdbc:postgresql:", ("localhost",), (5432,), "student"),
        ("jdbc:postgresql://", ("localhost",), (5432,), "student"),
        ("jdbc:postgresql:///", ("localhost",), (5432,), "student"),
        ("jdbc:postgresql:///db", ("",), (5432,), "db"),
        ("jdbc:postgresql:db?port=5433", ("localhost",), (5433,), "db"),
        ("jdbc:postgresql://host:1/db?PGPORT=5433&host=other&dbName=x", ("other",), (5433,), "x"),
        ("jdbc:postgresql://host/db?port", ("host",), (5432,), "db"),
        ("jdbc:postgresql://host/?user=other", ("host",), (5432,), "other"),
        ("jdbc:postgresql://h1:1,h2/db", ("h1", "h2"), (1, 5432), "db"),
        ("jdbc:postgresql://h1:1,/db", ("h1",), (1,), "db"),
        ("jdbc:postgresql://,h2:2/db", ("", "h2"), (5432, 2), "db"),
        ("jdbc:postgresql://[::1]:5433/db", ("[::1]",), (5433,), "db"),
        ("jdbc:postgresql://[::1]/db", ("[::1]",), (5432,), "db"),
        ("jdbc:postgresql://user:pw@host:5432/db", ("user:pw@host",), (5432,), "db"),
        ("jdbc:postgresql://host:05432/a%20b+c", ("host",), (5432,), "a b c"),
        ("jdbc:postgresql://host/db?a=b=c&&x", ("host",), (5432,), "db"),
    ],
)
def test_where_a_url_leads(url: str, hosts: tuple[str, ...], ports: tuple[int, ...], database: str) -> None:
    found = read_jdbc_url(url, "student")
    assert (found.hosts, found.ports, found.database) == (hosts, ports, database)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("jdbc:mysql://host/db", "does not begin with jdbc:postgresql:"),
        ("JDBC:postgresql://host/db", "does not begin with jdbc:postgresql:"),
        ("jdbc:postgresql//host/db", "does not begin with jdbc:postgresql:"),
        ("jdbc:postgresql://host", "has no / after its address"),
        ("jdbc:postgresql://host:5432?user=x", "has no / after its address"),
        ("jdbc:postgresql://host/db/x", "has more than one / after its address"),
        ("jdbc:postgresql:/db", "has a single / before its address"),
        ("jdbc:postgresql://host:/db", "has the port ''"),
        ("jdbc:postgresql://host:abc/db", "has the port 'abc'"),
        ("jdbc:postgresql://host:65536/db", "has the port '65536'"),
        ("jdbc:postgresql://host:5432 /db", "has the port '5432 '"),
        ("jdbc:postgresql://host/a%zz", "has a % in 'a%zz'"),
        ("jdbc:postgresql://host/db?host=a,b", "has 2 hosts and 1 port"),
        ("jdbc:postgresql://,/db", "has the port ''"),
        ("jdbc:postgresql://host/db?service=mine", "names a service"),
    ],
)
def test_what_pgjdbc_does_not_accept(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}"):
        read_jdbc_url(url, "student")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("jdbc:postgresql://host:5433/db", "port 5433 and database 'db'"),
        ("jdbc:postgresql:db", "port 5432 (the default, because it names no port) and database 'db'"),
        (
            "jdbc:postgresql://host:5432/",
            "port 5432 and database 'student' (the user's name, because it names no database)",
        ),
    ],
)
def test_a_default_is_named_as_one(url: str, shown: str) -> None:
    assert str(read_jdbc_url(url, "student")) == shown


@pytest.mark.parametrize(
    ("url", "what"),
    [
        (" jdbc:postgresql://host/db", "begins with a blank"),
        ("jdbc:postgresql://host/db ", "asks for a database 'db '"),
        ("jdbc:postgresql: db", "asks for a database ' db'"),
        ("jdbc:postgresql://host :5432/db", "a blank in 'host :5432'"),
        ("jdbc:postgresql://host/db?sslmode=disable ", "a blank at its sslmode"),
        ("jdbc:postgresql://host/db?port=5433 ", "a blank at its PGPORT"),
        ("jdbc:postgresql://host/db?ApplicationName=my program", ""),
        ("jdbc:postgresql:food_delivery", ""),
    ],
)
def test_a_blank_that_does_harm(url: str, what: str) -> None:
    assert what in blank_in_jdbc_url(url)
    assert bool(what) == bool(blank_in_jdbc_url(url))
