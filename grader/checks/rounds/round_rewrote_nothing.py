from configs.contract import RoundRecord
from configs.wording import counted
from grader.builder import Submission
from grader.effects import lost_rows
from grader.evidence import Evidence
from grader.evidence.comparison import Missing
from grader.model import Mismatch, NoEvidence, check


def _held(evidence: Evidence, missing: Missing) -> bool:
    """Whether the files that changed had as many rows as are missing."""
    return missing.total <= sum(file.rows for rewrite in evidence.rewrites for file in rewrite.files)


@check(
    needs=("rounds_readable",),
    hint='Only append to the lake: use outputMode("append"), never overwrite, and do not change earlier files.',
    explains=lost_rows(_held),
)
def round_rewrote_nothing(evidence: Evidence) -> None:
    """No file that was in the lake before a round was changed or removed later.

    Compares path, size and sha256 of every recorded file, from one snapshot to the next, and with the lake now.
    """
    if not any(item.run.after.lake_files for item in evidence.rounds.runs):
        raise NoEvidence("no round recorded a file of the lake")
    if not evidence.lake.exists:
        raise NoEvidence("there is no lake")
    for rewrite in evidence.rewrites:
        rows = [{"file": file.path, "what": "removed"} for file in rewrite.removed]
        rows += [{"file": file.path, "what": "changed"} for file in rewrite.changed]
        raise Mismatch(
            expected=f"no change of earlier files {rewrite.when}",
            actual=f"{counted(len(rows), 'file')} changed or removed",
            samples=tuple(rows[:3]),
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
