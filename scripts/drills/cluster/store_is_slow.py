from scripts.drills.faulty_store import Fault
from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.drills.uploads import every_third_put


@drill(
    withstands="Batches take longer, and so hold more rows.",
)
def store_is_slow(pipeline: Pipeline) -> None:
    """Every third PUT waits for two seconds, while two writers insert."""
    every_third_put(pipeline, Fault(seconds=2.0))
