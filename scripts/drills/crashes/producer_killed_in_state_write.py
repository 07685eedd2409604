from scripts.drills.model import drill
from scripts.drills.pipeline import PRODUCER, Pipeline


@drill(
    naive="The state file was opened in place and is empty. The producer takes that for a first run and publishes the "
    "whole table again: every row twice.",
    withstands="The new state is written to a file next to the old one, flushed to disk and renamed. After a crash the "
    "state is the old timestamp or the new one. If the state file is empty for another reason, the producer stops with "
    "a message.",
)
def producer_killed_in_state_write(pipeline: Pipeline) -> None:
    """kill -9 of the producer while it writes its state file.

    Once with the file open and still empty. Once between writing the new file and renaming it; a program that writes
    in place never reaches that point, and continues.
    """
    for point in ("in_state_write", "before_state_rename"):
        pipeline.kill_at(point, required=point == "in_state_write")
        pipeline.start(PRODUCER)
