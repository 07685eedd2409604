from collections.abc import Mapping
from pathlib import Path

from grader.builder import STATE, Submission
from grader.effects import first_order_is_repeated
from grader.evidence import Evidence
from grader.model import Mismatch, always, check


@check(
    hint="Write the state to a temporary file, fsync it and rename it. A kill then leaves the old or the new state. "
    "If nothing ran yet, run `make round1` first.",
    explains={"round_published_once": always, "no_duplicate_orders": first_order_is_repeated},
)
def state_readable(evidence: Evidence) -> None:
    """The producer's state file is there and contains a timestamp.

    The grader reads every form that submissions had so far: a timestamp, timestamp|order_id, ISO 8601 or JSON, in a
    file or in a folder with a file. With an empty or damaged state the producer reads the whole table again, or never
    reads anything again.
    """
    state = evidence.state
    if state.value is None:
        where = evidence.locations.state
        raise Mismatch(
            expected="a timestamp such as 2025-11-18T12:24:00.123456Z",
            actual=state.problem or "nothing",
            samples=({"looked at": _shown(where, evidence.config.root)},) if where else (),
        )


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


@state_readable.fails
def empty_state(submission: Submission) -> None:
    submission.write(STATE, "")


@state_readable.fails
def no_state(submission: Submission) -> None:
    submission.remove(STATE)


@state_readable.fails
def state_is_a_number(submission: Submission) -> None:
    submission.state = "1763555060"


@state_readable.fails
def state_cut_short(submission: Submission) -> None:
    submission.state = "2025-11-19T12:2"


@state_readable.fails
def garbage_state(submission: Submission) -> None:
    submission.edit(lambda root: (root / STATE).write_bytes(b"\x00\xff{"))


@state_readable.passes
def state_with_order_id(submission: Submission) -> None:
    submission.state = "2025-11-19 12:24:20.123456|20"


@state_readable.passes
def state_with_a_space(submission: Submission) -> None:
    submission.state = "2025-11-19 12:24:20.123456"


@state_readable.passes
def state_in_another_zone(submission: Submission) -> None:
    submission.state = "2025-11-19T17:54:20.123456+05:30"


@state_readable.passes
def state_in_whole_seconds(submission: Submission) -> None:
    submission.change(20, created_at="2025-11-19T12:24:21.000000Z")
    submission.state = "2025-11-19 12:24:21"


@state_readable.passes
def state_as_json(submission: Submission) -> None:
    submission.state = '{"last_processed_timestamp": "2025-11-19T12:24:20.123456"}'


@state_readable.passes
def state_as_postgres_writes_it(submission: Submission) -> None:
    submission.state = "2025-11-19 12:24:20.123456+00"


@state_readable.passes
def state_saved_by_a_windows_editor(submission: Submission) -> None:
    submission.state = "\ufeff2025-11-19 12:24:20.123456\r\n"


@state_readable.passes
def state_as_json_with_the_time_of_writing(submission: Submission) -> None:
    submission.state = '{"updated_at": "2025-11-21T00:00:00Z", "last_processed": "2025-11-19T12:24:20.123456Z"}'


@state_readable.passes
def state_in_a_folder(submission: Submission) -> None:
    submission.edit(lambda root: _into_folder(root, "part-00000"))


@state_readable.passes
def state_in_a_later_part_of_several(submission: Submission) -> None:
    submission.edit(lambda root: _into_folder(root, "part-00001", {"part-00000": "", "_SUCCESS": ""}))


@state_readable.passes
def state_in_a_folder_with_a_note(submission: Submission) -> None:
    submission.edit(lambda root: _into_folder(root, "last.txt", {"README.md": "Kept by the producer.", "job.pid": "7"}))


@state_readable.fails(says="not a timestamp")
def state_cut_short_next_to_an_empty_file(submission: Submission) -> None:
    submission.state = "2025-11-19T12:2"
    submission.edit(lambda root: _into_folder(root, "part-00001", {"part-00000": ""}))


def _into_folder(root: Path, name: str, others: Mapping[str, str] | None = None) -> None:
    text = (root / STATE).read_text()
    (root / STATE).unlink()
    (root / STATE).mkdir()
    for other, content in {name: text, **(others or {})}.items():
        (root / STATE / other).write_text(content)
