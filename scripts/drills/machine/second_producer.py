from scripts.drills.model import drill
from scripts.drills.pipeline import PRODUCER, Pipeline

TRIES = 40  # a producer takes some seconds to start


@drill(
    naive="Both read the same state and publish the same rows. From then on every row is in the lake twice.",
    withstands="The producer holds a lock next to its state file. The second one reports that and ends.",
)
def second_producer(pipeline: Pipeline) -> None:
    """A second producer is started by mistake while the first runs.

    Rows are inserted until the second has ended, or has published some of them again. It is then ended.
    """
    length, inserted = pipeline.topic_length(), 0
    second = pipeline.start_second(PRODUCER)
    try:
        for _ in range(TRIES):
            inserted += len(pipeline.insert(3))
            pipeline.wait(pipeline.is_all_published, "the state at the newest row")
            if not pipeline.is_alive(second) or pipeline.topic_length() > length + inserted:
                return
    finally:
        pipeline.end(second)
