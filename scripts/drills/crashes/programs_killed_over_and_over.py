import threading

from scripts.drills.model import drill
from scripts.drills.pipeline import CONSUMER, PRODUCER, Pipeline


@drill(
    naive="When a kill falls between publish and state, the batch is in the lake twice; rows of the writers are lost "
    "besides.",
    withstands="Every step can be repeated: publishing before the state, repeats dropped by order_id, batches planned "
    "before they are run.",
)
def programs_killed_over_and_over(pipeline: Pipeline) -> None:
    """kill -9 of both programs at random times, over and over, also while they start.

    Six kills while three writers insert. Each comes up to 3 s after the one before; which program and when is drawn
    from the seed.
    """
    with pipeline.writers(3):
        for _ in range(6):
            threading.Event().wait(pipeline.rng.uniform(0.0, 3.0))  # the fault itself: a moment drawn at random
            for name in pipeline.rng.choice(((PRODUCER,), (CONSUMER,), (PRODUCER, CONSUMER))):
                pipeline.kill(name)
            pipeline.start_what_is_missing()
