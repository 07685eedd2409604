from pathlib import Path

from configs.quarantine_position import read_position
from scripts.drills.messages import REJECTS, send
from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, Pipeline
from scripts.pipeline import position

MESSAGES = [value for value in REJECTS.values() if value][:8]


@drill(
    naive="It has no quarantine. What its filter drops is gone, and some of these messages end it.",
    withstands="The file is noted before it is written, and after the kill exactly that file is written again. Then "
    "the note is removed: at a later start it would bring back an old position, and messages would be written again.",
)
def consumer_killed_in_quarantine(pipeline: Pipeline) -> None:
    """kill -9 of the consumer while it writes a file of the quarantine.

    It is started again and rejects more messages. Then it is stopped and started once more, twice.
    """
    settings = pipeline.settings
    has_quarantine = position.quarantine_ends(settings) is not None

    def is_writing() -> bool:
        found = read_position(Path(settings.streaming.quarantine_checkpoint_location))
        return found is not None and found.next_file is not None

    send(pipeline, MESSAGES)
    if has_quarantine:
        pipeline.catch(CONSUMER, is_writing, "a file of the quarantine is noted and not complete")
    pipeline.kill(CONSUMER)
    pipeline.start(CONSUMER)
    for _ in range(2):
        pipeline.wait(pipeline.is_topic_read, "all of the topic read by the consumer")
        send(pipeline, MESSAGES)
        pipeline.wait(pipeline.is_topic_read, "all of the topic read by the consumer")
        pipeline.stop(CONSUMER)
        pipeline.start(CONSUMER)
    pipeline.note(f"{3 * len(MESSAGES)} rejects")
