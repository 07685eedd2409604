"""Passwords and keys that must not be handed in. Only what is certain is reported: a false alarm stops a student."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

PRACTICE_PASSWORD = "food_delivery_password"  # of the database that `make up` starts
# No secrets: the practice one, and what the documentation of Postgres' images and of Java has.
_PUBLIC = frozenset({PRACTICE_PASSWORD, "postgres", "password", "changeme", "changeit", "example"})
_SOURCES = frozenset({".py", ".sh", ".sql", ".md", ".txt", ".yml", ".yaml", ".json", ".toml", ".ini", ".conf", ".cfg"})
_UNQUOTED = frozenset({".sh", ".yml", ".yaml", ".ini", ".conf", ".cfg"})  # where a text needs no quotes
_MAX_BYTES = 1 << 20
_PLACEHOLDER = re.compile(r"[{}<>$%*()\[\]]|\.\.\.|your|example", re.IGNORECASE)

_KEYS = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "an AWS secret key": re.compile(r"(?i)aws_?secret_?access_?key[\"']?\s*[=:,]\s*[\"']?([A-Za-z0-9/+]{40})\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
_QUOTED_PASSWORD = re.compile(r"(?i)passw(?:or)?d[\"']?\s*[=:]\s*([\"'])([^\"'\s]{3,})\1")
_OPTION = re.compile(r"(?i)option\(\s*[\"']password[\"']\s*,\s*([\"'])([^\"'\s]{3,})\1")
_PLAIN_PASSWORD = re.compile(r"(?i)^\s*(?:export\s+)?[\w.-]*passw(?:or)?d\s*[:=]\s*[\"']?([^\s\"'#]{3,})")
_IN_URL = re.compile(r"(?i)[?&]password=([^\s&\"']{3,})")


def is_source(name: str) -> bool:
    """Whether a file with this name is text that somebody writes."""
    return PurePosixPath(name).suffix.lower() in _SOURCES


def secrets_in(name: str, content: bytes) -> Iterator[tuple[int, str]]:
    """(line, what it is) of each secret in a file with this name. Large files are not searched."""
    if len(content) > _MAX_BYTES:
        return
    suffix = PurePosixPath(name).suffix.lower()
    for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), start=1):
        what = _in_line(line, is_unquoted=suffix in _UNQUOTED)
        if what:
            yield number, what


def _in_line(line: str, *, is_unquoted: bool) -> str | None:
    for what, pattern in _KEYS.items():
        found = pattern.search(line)
        if found and "EXAMPLE" not in found[0]:  # AWS' documentation ends its keys with it
            return what
    patterns = (_QUOTED_PASSWORD, _OPTION, _IN_URL, *([_PLAIN_PASSWORD] if is_unquoted else []))
    for pattern in patterns:
        for found in pattern.finditer(line):
            value = found[found.lastindex or 0]
            if value.lower() not in _PUBLIC and not _PLACEHOLDER.search(value):
                return "a password other than that of the practice database"
    return None
