"""The consumer's checkpoint: offsets/ (planned batches), commits/ (finished batches), metadata, sources/.

The format that Spark 3.5.1 writes:

- `offsets/N`: `v1`, a JSON line, then one line per source. For Kafka the line is `{"<topic>":{"0":4,"1":0}}` with
  exclusive end offsets. For a source without offsets it is `-`.
- `sources/0/0`: a NUL byte, `v1`, and the start offsets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from grader.evidence.checksum import edited
from grader.evidence.listing import file_names, read_bytes
from grader.evidence.sink_log import SinkLog

_ID = re.compile(r"\d{1,7}", re.ASCII)  # enough for a batch per second over 115 days; larger numbers are not batch ids
# A key in the offset of a source -> that source.
_SOURCES = {
    "logOffset": "files",
    "reservoirId": "a Delta table",
    "timestamp": "the rate source",  # rate-micro-batch
}
Offsets = Mapping[str, Mapping[int, int]]  # topic -> partition -> offset


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint in `folder`. `problems` lists what cannot be read."""

    folder: Path | None

    @property
    def exists(self) -> bool:
        return self.folder is not None and any((self.folder / name).is_dir() for name in ("offsets", "commits"))

    @cached_property
    def offset_batches(self) -> tuple[int, ...]:
        """Ids in offsets/, ascending. Spark keeps the last 100."""
        return _ids(self.folder, "offsets")

    @cached_property
    def commit_batches(self) -> tuple[int, ...]:
        """Ids in commits/, ascending."""
        return _ids(self.folder, "commits")

    @property
    def last_offset_batch(self) -> int | None:
        return max(self.offset_batches, default=None)

    @property
    def last_commit_batch(self) -> int | None:
        return max(self.commit_batches, default=None)

    def batch_in_flight(self, log: SinkLog | None) -> int | None:
        """The batch that the consumer planned but did not finish before it was stopped. Only the last batch may be one.

        Its rows reach the lake when the consumer is started again. If `log`, the lake's sink log, names a batch, the
        batch is in the lake, committed or not.
        """
        planned = self.last_offset_batch
        finished = (self.last_commit_batch, log.last_batch if log else None)
        return planned if planned is not None and all(done is None or done < planned for done in finished) else None

    @cached_property
    def _read(self) -> tuple[dict[int, Offsets], tuple[str, ...]]:
        read = {batch: self._read_offsets(batch) for batch in self.offset_batches}
        problems = [what for what in read.values() if isinstance(what, str)]
        problems += filter(None, (self._commit_problem(batch) for batch in self.commit_batches))
        return {batch: what for batch, what in read.items() if isinstance(what, Mapping)}, tuple(problems)

    def _read_offsets(self, batch: int) -> Offsets | str | None:
        """A batch's offsets, or what is wrong with them; None when Spark has removed the batch since the listing."""
        try:
            return _offsets(self._text(f"offsets/{batch}").splitlines()[2:])
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            return f"offsets/{batch}: {error}"

    def _commit_problem(self, batch: int) -> str | None:
        try:
            self._text(f"commits/{batch}")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            return f"commits/{batch}: {error}"
        return None

    def _text(self, name: str) -> str:
        """Raises OSError, or ValueError if this is not a file of a checkpoint."""
        text = read_bytes(self.folder or Path(), name).decode("utf-8")
        if not text.startswith("v1"):
            raise ValueError(f"begins with {text[:20]!r}, not with v1" if text else "empty")
        return text

    @cached_property
    def other_source(self) -> str | None:
        """What the query read instead of Kafka, such as "files"; None for Kafka, or if the offsets do not show it."""
        for batch in reversed(self.offset_batches):
            try:
                lines = self._text(f"offsets/{batch}").splitlines()[2:]
            except (OSError, ValueError):
                continue
            found = [source for line in lines if (source := self._source(line)) is not None]
            if found:
                return found[0]
        return None

    def _source(self, line: str) -> str | None:
        """The source that writes such offsets; None for Kafka's, and for those that nothing known writes."""
        try:
            offset = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if isinstance(offset, int) and not isinstance(offset, bool):
            # Only the rate source writes a file of its own: the time of its start.
            is_rate = self.folder is not None and "0" in file_names(self.folder / "sources" / "0")
            return "the rate source" if is_rate else "a socket"
        values = offset if isinstance(offset, dict) else {}  # those of a topic would be a mapping
        return next((source for key, source in _SOURCES.items() if isinstance(values.get(key), int | str)), None)

    @property
    def problems(self) -> tuple[str, ...]:
        return self._read[1]

    @property
    def offsets(self) -> Mapping[int, Offsets]:
        """batch -> topic -> partition -> end offset, of the batches that can be read."""
        return self._read[0]

    def ends_of(self, batch: int) -> Offsets:
        """The end offsets of one batch, without reading the others; empty if they cannot be read."""
        ends = self._read_offsets(batch)
        return ends if isinstance(ends, Mapping) else {}

    @cached_property
    def started_ms(self) -> Mapping[int, int]:
        """batch -> when Spark planned it, in milliseconds since 1970, for the batches with this time."""
        times = {batch: self.started_ms_of(batch) for batch in self.offsets}
        return {batch: time for batch, time in times.items() if time is not None}

    def started_ms_of(self, batch: int) -> int | None:
        """The same of one batch, without reading the others; None without this time."""
        try:
            time = json.loads(self._text(f"offsets/{batch}").splitlines()[1]).get("batchTimestampMs")
        except (OSError, ValueError, IndexError, AttributeError, RecursionError):
            return None
        return time if isinstance(time, int) else None

    @cached_property
    def topics(self) -> tuple[str, ...]:
        """Every topic that a batch names, in order of appearance."""
        return tuple(dict.fromkeys(topic for batch in sorted(self.offsets) for topic in self.offsets[batch]))

    @property
    def end_offset(self) -> int | None:
        """End offsets of the last batch, added up over topics and partitions."""
        if not self.offsets:
            return None
        return sum(offset for ends in self.offsets[max(self.offsets)].values() for offset in ends.values())

    @cached_property
    def messages_read(self) -> int | None:
        """Offsets from the query's start offsets to the end of the last batch; None if the start offsets are unknown.

        With transactions a topic has offsets without a message. The result is then higher than the number of messages.
        """
        if not self.offsets or self.start_offsets is None:
            return None
        return _between(self.start_offsets, self.offsets[max(self.offsets)])

    @cached_property
    def messages_in(self) -> Mapping[int, int]:
        """batch -> number of offsets that it read, for the batches whose predecessor is known."""
        counts = {}
        for batch, ends in self.offsets.items():
            before = self.start_offsets if batch == 0 else self.offsets.get(batch - 1)
            if before is not None and set(before) == set(ends):
                counts[batch] = _between(before, ends)
        return counts

    @cached_property
    def start_offsets(self) -> Offsets | None:
        """Where the query began to read, from sources/0/0."""
        if self.folder is None:
            return None
        try:
            text = read_bytes(self.folder, "sources/0/0").lstrip(b"\0").decode("utf-8")
            return _offsets(text.removeprefix("v1").split("\n"))
        except (OSError, ValueError):
            return None

    @cached_property
    def stale_checksums(self) -> tuple[str, ...]:
        """Files that were edited after Spark wrote them: see checksum.py. Spark itself does not notice it."""
        if self.folder is None:
            return ()
        names = [
            "metadata",
            *(f"offsets/{n}" for n in self.offset_batches),
            *(f"commits/{n}" for n in self.commit_batches),
            "sources/0/0",
        ]
        return edited(self.folder, names)


def _between(begin: Offsets, end: Offsets) -> int:
    # A partition that was added later is read from its first offset.
    return sum(
        offset - begin.get(topic, {}).get(partition, 0)
        for topic, ends in end.items()
        for partition, offset in ends.items()
    )


def _offsets(lines: list[str]) -> Offsets:
    topics: dict[str, dict[int, int]] = {}
    for line in lines:
        if not line.strip() or line.strip() == "-":
            continue
        try:
            for topic, ends in json.loads(line).items():
                topics.setdefault(topic, {}).update({int(partition): int(offset) for partition, offset in ends.items()})
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            raise ValueError(f"not Kafka offsets: {line[:60]!r}") from None
    return topics


def _ids(folder: Path | None, name: str) -> tuple[int, ...]:
    is_there = folder is not None and not (folder / name).is_symlink()
    names = file_names(folder / name) if folder is not None and is_there else []
    return tuple(sorted(int(entry) for entry in names if _ID.fullmatch(entry)))
