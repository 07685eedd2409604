from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    withstands="On one machine a lock refuses the second. On two, both plan the same batch, and one of them finds that "
    "it is already logged: it fails and starts again. A batch is in the lake's log once.",
)
def second_consumer(pipeline: Pipeline) -> None:
    """A second consumer with the same checkpoint and lake, on another machine, whose lock does not hold here.

    Another path to the same folders plays the other machine. Two writers insert until the lake has had some batches
    with both of them running.
    """
    second = pipeline.start_consumer_elsewhere()
    try:
        with pipeline.writers(2):
            pipeline.wait_for_batches(12)
    finally:
        pipeline.end(second)
