import itertools
from collections.abc import Iterable, Mapping

from configs.contract import LakeFileRecord, RoundRecord
from configs.wording import counted
from grader.builder import Submission
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(
    needs=("rounds_readable",),
    hint='Only append to the lake: use outputMode("append"), never overwrite, and do not change earlier files.',
    explains=("round_rows_arrived", "no_missing_orders", "round_added_exactly", "state_matches_newest_order"),
)
def round_rewrote_nothing(evidence: Evidence) -> None:
    """No file that was in the lake before a round was changed or removed later.

    Compares path, size and sha256 of every recorded file, from one snapshot to the next, and with the lake now.
    """
    runs = evidence.rounds.runs
    if not any(item.run.after.lake_files for item in runs):
        raise NoEvidence("no round recorded a file of the lake")
    if not evidence.lake.exists:
        raise NoEvidence("there is no lake")
    stages = [
        (name, snapshot)
        for item in runs
        for name, snapshot in ((item.name, item.run.before), (item.name, item.run.after))
    ]
    for (_, earlier), (name, later) in itertools.pairwise(stages):
        _compare(earlier.lake_files, {file.path: (file.size, file.sha256) for file in later.lake_files}, f"in {name}")
    recorded = stages[-1][1].lake_files
    # The files of a lake in another format are there too. Its format is not this check's matter.
    sizes = {**evidence.lake.other_listing, **{file.path: file.size for file in evidence.lake.files}}
    now = {
        # A file with another size was changed. Its content says nothing more, and may be huge.
        file.path: (sizes[file.path], evidence.lake.sha256(file.path) or "" if sizes[file.path] == file.size else "")
        for file in recorded
        if file.path in sizes
    }
    _compare(recorded, now, "since the last round")


def _compare(earlier: Iterable[LakeFileRecord], later: Mapping[str, tuple[int, str]], when: str) -> None:
    changed = [
        {"file": file.path, "what": "removed" if file.path not in later else "changed"}
        for file in earlier
        if later.get(file.path) != (file.size, file.sha256)
    ]
    if changed:
        raise Mismatch(
            expected=f"no change of earlier files {when}",
            actual=f"{counted(len(changed), 'file')} changed or removed",
            samples=tuple(changed[:3]),
        )


@round_rewrote_nothing.fails
def round_1_file_rewritten(submission: Submission) -> None:
    submission.revise_rounds(_other_content)


def _other_content(records: list[RoundRecord]) -> list[RoundRecord]:
    first, second = records
    (run,) = first.runs
    files = tuple(file.model_copy(update={"sha256": "0" * 64}) for file in run.after.lake_files)
    after = run.after.model_copy(update={"lake_files": files})
    return [first.model_copy(update={"runs": (run.model_copy(update={"after": after}),)}), second]
