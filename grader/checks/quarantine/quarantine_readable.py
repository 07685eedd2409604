from pathlib import Path

from configs.wording import counted
from grader.builder import QUARANTINE, Submission
from grader.evidence import Evidence
from grader.model import Mismatch, NoEvidence, check


@check(hint="Write reason, topic, partition, offset and raw of every rejected message, each message once.")
def quarantine_readable(evidence: Evidence) -> None:
    """Every message in the quarantine has its reason, its offset in the topic and its text, and is there once.

    The quarantine (dead-letter queue) is a part of this kit: Parquet next to the lake with the messages that the
    consumer rejected. The assignment does not ask for one, so this is advice. Without its offset nobody can find a
    message again. Without its text nobody can fix it.
    """
    quarantine = evidence.quarantine
    if not quarantine.exists:
        raise NoEvidence("no message is in a quarantine")
    if quarantine.problems:
        raise Mismatch(
            expected="Parquet files with reason, topic, partition, offset and raw",
            actual=counted(len(quarantine.problems), "problem"),
            samples=tuple({"problem": problem} for problem in quarantine.problems[:3]),
        )
    messages = quarantine.messages
    bare = [
        message
        for message in messages
        if not message.reason or not message.topic or message.partition is None or message.offset is None
    ]
    if bare:
        raise Mismatch(
            expected="reason, topic, partition and offset of every message",
            actual=f"{len(bare)} of {counted(len(messages), 'message')} incomplete",
            samples=tuple({"file": one.file, "reason": one.reason, "offset": one.offset} for one in bare[:3]),
            right=len(messages) - len(bare),
            total=len(messages),
        )
    places = [(message.topic, message.partition, message.offset) for message in messages]
    if len(set(places)) < len(places):
        twice = sorted({place for place in places if places.count(place) > 1}, key=str) if len(places) < 2000 else []
        raise Mismatch(
            expected="every message once",
            actual=counted(len(places) - len(set(places)), "duplicate"),
            samples=tuple({"topic": topic, "partition": at, "offset": offset} for topic, at, offset in twice[:3]),
        )


@quarantine_readable.fails
def reason_missing(submission: Submission) -> None:
    submission.add_round_3()
    submission.change_quarantine(lambda rows: [rows[0] | {"reason": None}, *rows[1:]])


@quarantine_readable.fails
def offset_missing(submission: Submission) -> None:
    submission.add_round_3()
    submission.change_quarantine(lambda rows: [rows[0] | {"offset": None, "raw": None}, *rows[1:]])


@quarantine_readable.fails
def message_kept_twice(submission: Submission) -> None:
    submission.add_round_3()
    submission.change_quarantine(lambda rows: [*rows, rows[-1]])


@quarantine_readable.fails
def quarantine_cut_short(submission: Submission) -> None:
    submission.add_round_3()
    submission.edit(_cut)


def _cut(root: Path) -> None:
    path = min((root / QUARANTINE).glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:-20])
