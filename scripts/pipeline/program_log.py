"""What a program's log says went wrong: the last error since this start, its innermost cause, and what that means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from scripts.pipeline.student_programs import PACKAGES

_MAX_BYTES = 4 << 20  # of a log's end that are looked through
_LONGEST = 300
_TRACEBACK = "Traceback (most recent call last)"
_CAUSE = re.compile(r"^\s*Caused by: (.+)$")
_JAVA = re.compile(r"^: (\S.+)$")  # what py4j puts below its own error
_PYTHON = re.compile(r"^((?:[A-Za-z_]\w*\.)*\w*(?:Error|Exception|Interrupt|Exit|NotFound|Timeout)\b.*)$")
_LOGGED = re.compile(r"\b(?:ERROR|FATAL|WARNING)\b\s+[\w.$]+: (.+)$")
_OTHER = re.compile(r"^((?:Error|error|Exception in thread|python3?: can't open).+)$")
# Words of an error -> what it means and what to do. The first that is found counts.
_MEANINGS = (
    (
        r"Bad value for type BigDecimal : NaN|NumericException.*NaN",
        "The table holds an amount that is NaN, which JDBC cannot read. Delete that row, or read the amount as text",
    ),
    (
        r'(?:syntax error at or near|trailing junk after numeric literal at or near) "\d',
        "A table name that begins with a digit needs double quotes in SQL",
    ),
    (
        r'syntax error at or near "\{',
        "The config has a value that is to be filled in, such as {rollnumber}: PROGRAMS=folder gives the program one "
        "with every value written out",
    ),
    (r"UnknownTopicOrPartition|unknown topic|no topic", "Kafka has no such topic: run `make topic`"),
    (r"password authentication failed", "Postgres refuses the password: take user and password from the config"),
    (
        r'database "[^"]* " does not exist',
        "The JDBC URL ends with a blank, and PgJDBC looks for a database of that name: remove it",
    ),
    (
        r'relation "[^"]+" does not exist',
        "The program reads a table that is not there: use postgres.table of the config, in double quotes",
    ),
    (r"Connection (?:to \S+ )?refused|Connection refused", "A service does not answer at that address: run `make up`"),
    (
        r"processingTime` must be a non empty string|Error parsing '[^']*' to interval, expect a unit",
        "Spark wants an interval with its unit: write batch_interval as `5 seconds` into the config, or add the unit "
        "in the program",
    ),
    (
        r"Error parsing '[^']*' to interval, unrecognized number",
        "The interval has two units: write batch_interval as a plain number into the config, or add none yourself",
    ),
    (r"OutOfMemoryError|Java heap space", "The program needs more memory: raise spark.driver_memory in the config"),
    (
        r"Failed to find data source: kafka|ClassNotFoundException: org\.postgresql\.Driver",
        "Spark has not got its connectors: start the program with the kit's verbs, which hand it the jars",
    ),
)
_MISSING_MODULE = re.compile(r"No module named '([^'.]+)")


@dataclass(frozen=True)
class ProgramError:
    """The innermost cause of an error, on one line, and what it means where that is known."""

    cause: str
    meaning: str | None

    def __str__(self) -> str:
        return self.cause if self.meaning is None else f"{self.cause}\n  {self.meaning}."


def read_log(log: Path, start: int) -> str:
    """The log from byte `start` on, which is where this start of the program began; its end, where that is long."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(min(start, size), size - _MAX_BYTES))
            return stream.read().decode("utf-8", errors="replace")
    except OSError:
        return ""


def last_error(text: str) -> ProgramError | None:
    """The last error in a log; None where it has none."""
    lines = text.splitlines()
    begin = max((at for at, line in enumerate(lines) if _is_beginning(line)), default=None)
    if begin is None:
        return None
    cause = _innermost(lines[begin:])
    return None if cause is None else ProgramError(cause[:_LONGEST], meaning_of(cause))


def _is_beginning(line: str) -> bool:
    return line.startswith(_TRACEBACK) or bool(_LOGGED.search(line) or _OTHER.match(line) or _PYTHON.match(line))


def _innermost(lines: list[str]) -> str | None:
    """Of one error's lines: Java's innermost cause, else Java's error, else Python's last line."""
    for pattern, which in ((_CAUSE, -1), (_JAVA, 0), (_PYTHON, -1), (_OTHER, -1)):
        hits = [found[1].strip() for line in lines if (found := pattern.match(line))]
        if hits:
            return hits[which]
    logged = [found[1].strip() for line in lines if (found := _LOGGED.search(line))]
    return logged[-1] if logged else None


def meaning_of(cause: str) -> str | None:
    """What an error means and what to do about it, without a full stop; None where nobody knows."""
    module = _MISSING_MODULE.search(cause)
    if module:
        package = PACKAGES.get(module[1])
        where = f"Install it: scripts/kit pip install {package}" if package else "The kit has no package for it"
        return f"The kit's Python has no module {module[1]}. {where}"
    return next((text for words, text in _MEANINGS if re.search(words, cause)), None)
