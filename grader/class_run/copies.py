"""Points out work that looks copied, with the evidence. It judges nobody: the reader decides.

Submissions that share the same thing are one group, so that a template that all of the class uses is one line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from configs.wording import counted
from grader.class_run.fingerprints import Fingerprints
from grader.class_run.names import letters
from grader.renderers import short_file_names

ANOTHERS = "another's roll number"
_MAX_OWNERS_OF_A_ROW = 5  # a row that more submissions have comes from the assignment's base rows
_SHOWN = 3  # labels that the evidence lists


@dataclass(frozen=True)
class Copy:
    """Submissions that share something that two students cannot have on their own, sorted by name.

    With the kind `ANOTHERS`, the first submission has evidence with the roll number of the others, who may be unknown.
    """

    kind: str
    submissions: tuple[str, ...]
    evidence: str


@dataclass(frozen=True)
class _Kind:
    """`values` is value -> label of a submission; submissions with the same value share it."""

    name: str
    noun: str
    values: Callable[[Fingerprints], Mapping[str, str]]
    max_owners: int | None = None
    is_counted: bool = True


_CONTENT = _Kind(
    "the same files",
    "sha256 of all",
    lambda one: {one.content: one.content[:12]} if one.content else {},
    is_counted=False,
)
_PARTS = (
    _Kind(
        "the same checkpoint",
        "id",
        lambda one: {one.checkpoint: one.checkpoint} if one.checkpoint else {},
        is_counted=False,
    ),
    _Kind("the same lake files", "file", lambda one: {f"{file} {sha}": file for file, sha in one.lake_files.items()}),
    _Kind(
        "the same rows",
        "row",
        lambda one: {row: f"order_id {order_id}" for row, order_id in one.rows.items()},
        _MAX_OWNERS_OF_A_ROW,
    ),
    _Kind("the same program", "program", lambda one: {sha: path for path, sha in one.programs.items()}),
)


def find_copies(prints: Mapping[str, Fingerprints], rollnumbers: Mapping[str, str]) -> tuple[Copy, ...]:
    """What submissions share: submission -> its fingerprints.

    `rollnumbers` is submission -> roll number of who handed it in, as far as it is known. Submissions that are equal as
    a whole are listed once, and not again for each part.
    """
    whole = list(_shared(_CONTENT, prints))
    equal = {copy.submissions for copy in whole}
    parts = [copy for kind in _PARTS for copy in _shared(kind, prints) if copy.submissions not in equal]
    return (*whole, *parts, *_of_others(prints, rollnumbers))


def _shared(kind: _Kind, prints: Mapping[str, Fingerprints]) -> Iterator[Copy]:
    """The groups of submissions that share values of a kind."""
    values = {name: kind.values(one) for name, one in prints.items()}
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(values):
        for value in values[name]:
            owners[value].append(name)
    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for value, names in owners.items():
        if 1 < len(names) <= (kind.max_owners or len(names)):
            groups[tuple(names)].append(value)
    for group, shared in sorted(groups.items()):
        labels = sorted({" = ".join(dict.fromkeys(values[name][value] for name in group[:2])) for value in shared})
        more = ", ..." if len(labels) > _SHOWN else ""
        what = counted(len(shared), kind.noun) if kind.is_counted else kind.noun
        yield Copy(kind.name, group, f"{what}: {short_file_names(', '.join(labels[:_SHOWN]))}{more}")


def _of_others(prints: Mapping[str, Fingerprints], rollnumbers: Mapping[str, str]) -> Iterator[Copy]:
    """The submissions whose evidence has another roll number than the student's own."""
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for name, rollnumber in rollnumbers.items():
        owners[letters(rollnumber)].append(name)
    for name, one in sorted(prints.items()):
        own = letters(rollnumbers.get(name) or one.rollnumbers.get("config", ""))
        places: defaultdict[str, list[str]] = defaultdict(list)
        for where, rollnumber in one.rollnumbers.items():
            if own and not _are_one(own, letters(rollnumber)):
                places[rollnumber].append(where)
        for rollnumber, where_all in places.items():
            others = sorted(other for other in owners[letters(rollnumber)] if other != name)
            yield Copy(ANOTHERS, (name, *others), f"{rollnumber} in: {', '.join(where_all)}")


def _are_one(left: str, right: str) -> bool:
    """Whether two roll numbers can be one: a table or topic can have an ending of its own."""
    return left.startswith(right) or right.startswith(left)
