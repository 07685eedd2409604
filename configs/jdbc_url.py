"""Reads a jdbc_url as PgJDBC 42.7.4 does in org.postgresql.Driver.parseURL. Standard library only.

All of these are valid:

- jdbc:postgresql://host:port/database?option=value, also with several hosts
- jdbc:postgresql://host/database and jdbc:postgresql:///database: port 5432
- jdbc:postgresql:database: localhost, port 5432
- jdbc:postgresql://host/: the database that has the user's name

The options host, port and dbname replace what stands before the `?`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

from configs.wording import counted

_PREFIX = "jdbc:postgresql:"
_HOST, _PORT = "localhost", "5432"
_BROKEN_CODE = re.compile(r"%(?![0-9a-fA-F]{2})")
_SHORT = ("host", "port", "dbname")
_BLANKS_MATTER = ("sslmode", "PGHOST", "PGPORT", "PGDBNAME")


@dataclass(frozen=True)
class JdbcUrl:
    """Where a URL leads. PgJDBC tries the hosts in this order, each with the port at the same place.

    `default_port`, `default_database`: the URL names none, so PgJDBC takes 5432 and the user's name.
    """

    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    database: str
    default_port: bool
    default_database: bool

    def __str__(self) -> str:
        ports = " or ".join(map(str, dict.fromkeys(self.ports)))
        of_port = " (the default, because it names no port)" if self.default_port else ""
        of_database = " (the user's name, because it names no database)" if self.default_database else ""
        return f"port {ports}{of_port} and database {self.database!r}{of_database}"


def read_jdbc_url(url: str, user: str) -> JdbcUrl:
    """Where the URL leads if `user` connects.

    Raises:
        ValueError: PgJDBC does not accept the URL. The message says what is wrong with it.
    """
    server, _, rest = url.partition("?")
    if not server.startswith(_PREFIX):
        raise ValueError(f"does not begin with {_PREFIX}")
    options = {name: _decoded(value) for name, value in _options(rest)}
    if "service" in options:
        raise ValueError("names a service, which only the pg_service.conf of one machine knows")
    address, path = _address_and_database(server.removeprefix(_PREFIX))
    servers = [_host_and_port(one) for one in _items(address)]
    hosts = _items(options.get("PGHOST", ",".join(host for host, _ in servers)))
    ports = _items(options.get("PGPORT", ",".join(_PORT if port is None else port for _, port in servers)))
    numbers = tuple(_port_number(port) for port in ports)
    if len(hosts) != len(numbers):
        raise ValueError(f"has {counted(len(hosts), 'host')} and {counted(len(numbers), 'port')}")
    database = options.get("PGDBNAME", _decoded(path))
    return JdbcUrl(
        tuple(hosts),
        numbers,
        database or options.get("user", user),  # an empty name is that of the user, says the server
        default_port="PGPORT" not in options and all(port is None for _, port in servers),
        default_database=not database,
    )


def blank_in_jdbc_url(url: str) -> str:
    """What PgJDBC makes of a blank in the URL; empty if there is none, or if it does no harm."""
    server, _, rest = url.partition("?")
    if url != url.lstrip():
        return f"jdbc_url {url!r} begins with a blank, so PgJDBC does not accept it. Remove the blank"
    try:
        address, database = _address_and_database(server.removeprefix(_PREFIX))
    except ValueError:
        return ""
    if database != database.strip():
        return (
            f"jdbc_url {url!r} has a blank at its database: PgJDBC asks for a database {database!r}. Remove the blank"
        )
    if re.search(r"\s", address):
        return f"jdbc_url {url!r} has a blank in {address!r}, so PgJDBC finds no such host or port. Remove the blank"
    for name, value in _options(rest):
        if value != value.strip() and name in _BLANKS_MATTER:
            return f"jdbc_url {url!r} has a blank at its {name}: PgJDBC rejects the value {value!r}. Remove the blank"
    return ""


def _address_and_database(server: str) -> tuple[str, str]:
    """The two parts of what follows the prefix, as written. Without an address: the default host."""
    if server in ("//", "///"):
        return _HOST, ""
    if server.startswith("//"):
        address, slash, database = server[2:].partition("/")
        if not slash or "/" in database:
            raise ValueError(f"has {'more than one' if slash else 'no'} / after its address")
        return address, database
    if server.startswith("/"):
        raise ValueError("has a single / before its address")
    return _HOST, server


def _items(text: str) -> list[str]:
    """The parts between commas. Java's split leaves out the empty ones at the end."""
    return text.rstrip(",").split(",") if text.rstrip(",") or not text else []


def _host_and_port(server: str) -> tuple[str, str | None]:
    host, colon, port = server.rpartition(":")
    if not colon or "]" in port:  # a colon of an IPv6 address
        return server, None
    return host or _HOST, port


def _port_number(text: str) -> int:
    if not re.fullmatch(r"\+?\d+", text) or not 1 <= int(text) <= 65_535:
        raise ValueError(f"has the port {text!r}; allowed is 1 to 65535")
    return int(text)


def _options(text: str) -> list[tuple[str, str]]:
    """Each option's property and value. host, port and dbname mean PGHOST, PGPORT and PGDBNAME, if a = follows."""
    pairs = [option.partition("=") for option in text.split("&") if option]
    return [
        (f"PG{name.upper()}" if equals and name.lower() in _SHORT else name, value) for name, equals, value in pairs
    ]


def _decoded(text: str) -> str:
    if _BROKEN_CODE.search(text):
        raise ValueError(f"has a % in {text!r} without two hexadecimal digits; a % itself is %25")
    return unquote_plus(text)
