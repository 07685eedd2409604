import threading

from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, PRODUCER, Pipeline


@drill(
    naive="If a kill falls between publish and state, the batch is in the lake twice. The writers' rows are lost as in "
    "other drills.",
    withstands="Every step can be repeated. The producer publishes before it moves the state. Repeats are dropped by "
    "order_id. Batches are planned before they are run.",
)
def programs_killed_over_and_over(pipeline: Pipeline) -> None:
    """kill -9 of both programs at random times, again and again, also while they start.

    Six kills while three writers insert. Each comes up to 3 s after the one before. The seed decides which program and
    when.
    """
    with pipeline.writers(3):
        for _ in range(6):
            threading.Event().wait(pipeline.rng.uniform(0.0, 3.0))  # the fault itself: a moment drawn at random
            for name in pipeline.rng.choice(((PRODUCER,), (CONSUMER,), (PRODUCER, CONSUMER))):
                pipeline.kill(name)
            pipeline.start_what_is_missing()
