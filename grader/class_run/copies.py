"""Points out work that looks copied, with the evidence. It judges nobody: the reader decides.

Each pair is listed with its evidence. Where more than five submissions share the same thing they are one group: a
template that all of the class uses is one line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from configs.wording import counted
from grader.class_run.fingerprints import Fingerprints
from grader.class_run.names import letters
from grader.class_run.similar import ALIKE, alike
from grader.renderers import short_file_names

ANOTHERS = "another's roll number"
_MAX_OWNERS_OF_A_ROW = 5  # a row that more submissions have comes from the assignment's base rows
_MAX_IN_PAIRS = 5  # submissions that are listed in pairs; more are one group
_MAX_OWNERS_OF_A_PASSAGE = 50  # programs with a passage by which a copy can be found; more have it from everywhere
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
    """`values` is value -> label of a submission; submissions with the same value share it.

    `evidence` says it with the number of shared values, and the labels of some.
    """

    name: str
    values: Callable[[Fingerprints], Mapping[str, str]]
    evidence: Callable[[int, str], str]
    max_owners: int | None = None


_CONTENT = _Kind(
    "the same files",
    lambda one: {one.content: one.content[:12]} if one.content else {},
    lambda _, labels: f"sha256 of all: {labels}",
)
_PARTS = (
    _Kind(
        "the same checkpoint",
        lambda one: {one.checkpoint: one.checkpoint} if one.checkpoint else {},
        lambda _, labels: f"id: {labels}",
    ),
    _Kind(
        "the same lake files",
        lambda one: {f"{file} {sha}": file for file, sha in one.lake_files.items()},
        lambda count, labels: f"{counted(count, 'file')}: {labels}",
    ),
    _Kind(
        "the same rows",
        lambda one: {row: f"order_id {order_id}" for row, order_id in one.rows.items()},
        lambda count, labels: f"{counted(count, 'row')}: {labels}",
        _MAX_OWNERS_OF_A_ROW,
    ),
    _Kind(
        "the same program",
        lambda one: {sha: path for path, sha in one.programs.items()},
        lambda count, labels: f"{counted(count, 'program')}: {labels}",
    ),
)
NEARLY = "nearly the same program"


def find_copies(prints: Mapping[str, Fingerprints], rollnumbers: Mapping[str, str]) -> tuple[Copy, ...]:
    """What submissions share: submission -> its fingerprints.

    `rollnumbers` is submission -> roll number of who handed it in, as far as it is known. Submissions that are equal as
    a whole are listed once, and not again for each part.
    """
    whole = list(_shared(_CONTENT, prints))
    equal = {copy.submissions for copy in whole}
    parts = [copy for kind in _PARTS for copy in _shared(kind, prints)]
    found = [copy for copy in (*parts, *_alike(prints)) if copy.submissions not in equal]
    return (*whole, *found, *_of_others(prints, rollnumbers))


def _shared(kind: _Kind, prints: Mapping[str, Fingerprints]) -> Iterator[Copy]:
    """The pairs, and the large groups, of submissions that share values of a kind."""
    values = {name: kind.values(one) for name, one in prints.items()}
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(values):
        for value in values[name]:
            owners[value].append(name)
    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for value, names in owners.items():
        if 1 < len(names) <= (kind.max_owners or len(names)):
            for group in _listed(names):
                groups[group].append(value)
    for group, shared in sorted(groups.items()):
        labels = [" = ".join(dict.fromkeys(values[name][value] for name in group[:2])) for value in shared]
        yield Copy(kind.name, group, kind.evidence(len(shared), _some(labels)))


def _listed(names: Sequence[str]) -> list[tuple[str, ...]]:
    """The pairs of a few submissions; of many, all of them as one group."""
    return [tuple(names)] if len(names) > _MAX_IN_PAIRS else list(combinations(names, 2))


def _some(labels: Sequence[str]) -> str:
    """The first labels in their order, without repeats."""
    ordered = list(dict.fromkeys(labels))
    return short_file_names(", ".join(ordered[:_SHOWN])) + (", ..." if len(ordered) > _SHOWN else "")


def _alike(prints: Mapping[str, Fingerprints]) -> Iterator[Copy]:
    """The pairs of submissions with programs that hardly differ; many that are linked by such pairs are one group."""
    programs = [(name, path) for name in sorted(prints) for path in prints[name].passages]
    owners: defaultdict[int, list[int]] = defaultdict(list)
    for at, (name, path) in enumerate(programs):
        for passage in prints[name].passages[path]:
            owners[passage].append(at)
    met = {
        pair for those in owners.values() if len(those) <= _MAX_OWNERS_OF_A_PASSAGE for pair in combinations(those, 2)
    }
    found: defaultdict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for first, second in sorted(met):
        (left, left_path), (right, right_path) = programs[first], programs[second]
        is_equal = prints[left].programs[left_path] == prints[right].programs[right_path]
        if left == right or is_equal:
            continue
        share = alike(prints[left].passages[left_path], prints[right].passages[right_path])
        if share >= ALIKE:
            label = " = ".join(dict.fromkeys((left_path, right_path)))
            found[left, right].append((share, label))
    for group in _linked(found):
        pairs = [pair for pair in found if pair[0] in group]
        if len(group) > _MAX_IN_PAIRS:
            shares = [share for pair in pairs for share, _ in found[pair]]
            yield Copy(NEARLY, group, f"{min(shares):.0%} or more of the smaller one of each pair")
            continue
        for pair in pairs:
            yield Copy(
                NEARLY, pair, ", ".join(f"{label}: {share:.0%} of the smaller one" for share, label in found[pair])
            )


def _linked(pairs: Collection[tuple[str, str]]) -> list[tuple[str, ...]]:
    """The groups of names that are linked by pairs, directly or through others."""
    groups: list[set[str]] = []
    for pair in pairs:
        touched = [group for group in groups if not group.isdisjoint(pair)]
        groups = [group for group in groups if group.isdisjoint(pair)] + [set(pair).union(*touched)]
    return sorted(tuple(sorted(group)) for group in groups)


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
