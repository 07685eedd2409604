from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check
from grader.submission import ROUNDS, Submission


@check(hint="Let only the rounds write state/rounds/; remove the file named above and run the round again.")
def rounds_readable(evidence: Evidence) -> None:
    """Every record of a round can be read.

    state/rounds/round<N>.json says what a round inserted and where each stage stood before and after.
    """
    if evidence.rounds.problems:
        raise Mismatch(
            expected="records as the rounds write them",
            actual=f"{len(evidence.rounds.problems)} unreadable",
            samples=tuple({"problem": problem} for problem in evidence.rounds.problems[:3]),
        )
    if not evidence.rounds.runs:
        raise NoEvidence("no round was recorded; run `make round1`")


@rounds_readable.fails
def record_cut_short(submission: Submission) -> None:
    submission.write(f"{ROUNDS}/round2.json", '{"schema_version": 1, "round": 2, ')
