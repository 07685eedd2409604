"""Files of the lake that the rounds recorded, and that were changed or removed later."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from configs.contract import LakeFileRecord
from grader.evidence.lake import Lake
from grader.evidence.rounds import Rounds

SINCE = "since the last round"


@dataclass(frozen=True)
class Rewrite:
    """The files that changed between two looks at the lake. `when` is `SINCE`, or names the round in which it was."""

    when: str
    changed: tuple[LakeFileRecord, ...]
    removed: tuple[LakeFileRecord, ...]

    @property
    def files(self) -> tuple[LakeFileRecord, ...]:
        return self.removed + self.changed


def rewrites(rounds: Rounds, lake: Lake) -> tuple[Rewrite, ...]:
    """Compares path, size and sha256 from one snapshot to the next, and with the lake now. Oldest first."""
    stages = [(item.name, snapshot) for item in rounds.runs for snapshot in (item.run.before, item.run.after)]
    found = [
        _compare(earlier.lake_files, {file.path: (file.size, file.sha256) for file in later.lake_files}, f"in {name}")
        for (_, earlier), (name, later) in itertools.pairwise(stages)
    ]
    if stages:
        found.append(_compare(stages[-1][1].lake_files, _now(stages[-1][1].lake_files, lake), SINCE))
    return tuple(one for one in found if one.files)


def _now(recorded: Iterable[LakeFileRecord], lake: Lake) -> dict[str, tuple[int, str]]:
    # The files of a lake in another format are there too. Its format is another check's matter.
    sizes = {**lake.other_listing, **{file.path: file.size for file in lake.files}}
    return {
        # A file with another size was changed. Its content says nothing more, and may be huge.
        file.path: (sizes[file.path], lake.sha256(file.path) or "" if sizes[file.path] == file.size else "")
        for file in recorded
        if file.path in sizes
    }


def _compare(earlier: Iterable[LakeFileRecord], later: Mapping[str, tuple[int, str]], when: str) -> Rewrite:
    removed = [file for file in earlier if file.path not in later]
    changed = [file for file in earlier if file.path in later and later[file.path] != (file.size, file.sha256)]
    return Rewrite(when, tuple(changed), tuple(removed))
