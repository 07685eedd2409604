"""Run a psql script without psql: db/orders.sql and scripts/insert_test_orders.sql are written for psql."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import psycopg2.extensions
from psycopg2 import sql

from configs.errors import KitError

# :"name" and :'name'. Not the second colon of a cast, such as ::"char".
_VARIABLE = re.compile(r"""(?<!:):(?:"(\w+)"|'(\w+)')""")


def read_psql_script(
    path: Path,
    connection: psycopg2.extensions.connection,
    identifiers: Mapping[str, str],
    values: Mapping[str, object] | None = None,
) -> str:
    """The SQL of a psql script, with its variables filled in.

    psql's own commands, the lines that begin with a backslash, are left out: with them the defaults of the variables.
    `identifiers` are what :"name" stands for, already quoted. `values` are what :'name' stands for.

    Raises:
        KitError: the script uses another variable.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("\\"))
    literals = {name: sql.Literal(value).as_string(connection) for name, value in (values or {}).items()}

    def fill(variable: re.Match[str]) -> str:
        identifier, value = variable.groups()
        found = identifiers.get(identifier) if identifier else literals.get(value)
        if found is None:
            raise KitError(f"{path} uses {variable[0]}, but the kit has no value for it. Write the value itself there.")
        return found

    return _VARIABLE.sub(fill, text)
