"""The quarantine (dead-letter queue): messages that the consumer rejected, each with the reason.

It is a part of this kit; the assignment does not ask for one. It is Parquet next to the lake with the columns reason,
topic, partition, offset and raw (the message's text). The kit's consumer adds a column bytes, for a message that is not
UTF-8. It writes no sink log; if there is one, it says which files count.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from configs.settings import SettingsError
from configs.storage import Place, S3Path, place
from grader.evidence.checkpoint import Offsets
from grader.evidence.config import Config
from grader.evidence.lake import Lake

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("reason", "topic", "partition", "offset", "raw")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z", re.ASCII)
_MAX_MESSAGES = 200_000  # that are checked one by one


@dataclass(frozen=True)
class Quarantined:
    """A message in the quarantine, and the file that it is in. A missing value is None."""

    reason: str | None
    topic: str | None
    partition: int | None
    offset: int | None
    raw: str | None
    file: str

    @property
    def order_id(self) -> int | None:
        """The message's order_id, if the message is JSON and its order_id is a whole number."""
        value = self._event.get("order_id")
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def is_clean(self) -> bool:
        """Whether the message belongs in the lake by every reading of the assignment."""
        amount = self._event.get("amount")
        created_at = self._event.get("created_at")
        return (
            self.order_id is not None
            and 0 < self.order_id < 2**31
            and isinstance(amount, (int, Decimal))
            and not isinstance(amount, bool)
            and 0 < amount < 10**8
            and (100 * amount) % 1 == 0
            and isinstance(created_at, str)
            and _MOMENT.fullmatch(created_at) is not None
        )

    @cached_property
    def _event(self) -> dict[str, object]:
        try:
            event = json.loads(self.raw or "", parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError):
            return {}
        return event if isinstance(event, dict) else {}


@dataclass(frozen=True)
class Quarantine:
    """The quarantine in a folder. It is read like a lake."""

    lake: Lake

    @property
    def exists(self) -> bool:
        return self.lake.exists and bool(self.lake.files)

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """Files that cannot be read, and missing columns."""
        problems = [f"{footer.path}: {footer.error}" for footer in self.lake.footers if footer.error]
        for footer in self.lake.footers:
            if footer.schema is not None:
                problems += [f"{footer.path}: {wrong}" for wrong in _wrong_columns(footer.schema)]
        return tuple(problems)

    @cached_property
    def messages(self) -> tuple[Quarantined, ...]:
        """Every message, up to 200000, in the order of the files. Only valid if `problems` is empty.

        Raises:
            Mismatch: a file cannot be read, although its footer can.
        """
        found: list[Quarantined] = []
        for file in self.lake.files:
            table = self.lake.read(file.path, COLUMNS).slice(0, _MAX_MESSAGES - len(found))
            found += [Quarantined(**row, file=file.path) for row in table.to_pylist()]
        return tuple(found)

    def read_so_far(self, begin: Offsets | None, end: Offsets) -> int:
        """Number of messages between the two offsets, without duplicates: the lake's stream may be behind or ahead."""
        places = {(message.topic or "", message.partition or 0, message.offset or 0) for message in self.messages}
        return sum(
            (begin or {}).get(topic, {}).get(partition, 0) <= offset < end.get(topic, {}).get(partition, 0)
            for topic, partition, offset in places
        )


def find_quarantine(config: Config, lake: Lake) -> Quarantine:
    """The quarantine at the config's path, or next to the lake under the lake's name with _quarantine."""
    places: list[Place] = [] if lake.folder is None else [lake.folder.with_name(f"{lake.folder.name}_quarantine")]
    if config.settings is not None:
        with contextlib.suppress(SettingsError):  # on another file system
            places.insert(0, place(config.settings.datalake.quarantine_path, config.settings.s3))
    folder = next((found for found in places if _may_read(found, config)), None)
    return Quarantine(Lake(folder, config.boundary))


def _wrong_columns(schema: pa.Schema) -> list[str]:
    from pyarrow import types

    wrong = []
    for name in COLUMNS:
        at = schema.get_field_index(name)
        kind = None if at < 0 else schema.field(at).type
        if kind is None:
            wrong.append(f"no column {name}")
        elif not (types.is_integer(kind) if name in ("partition", "offset") else types.is_string(kind)):
            wrong.append(f"{name} is {kind}")
    return wrong


def _may_read(found: Place, config: Config) -> bool:
    if isinstance(found, S3Path):
        return config.is_trusted and found.is_dir()
    return found.is_dir() and (config.boundary is None or found.resolve().is_relative_to(config.boundary))
