from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.drills.uploads import every_third_put
from scripts.pipeline.store_proxy import Fault


@drill(
    withstands="Batches take longer, and so hold more rows.",
)
def store_is_slow(pipeline: Pipeline) -> None:
    """Every third PUT to S3 waits for two seconds.

    Of data files and of the lake's log, while two writers insert, until a dozen have waited.
    """
    every_third_put(pipeline, Fault(seconds=2.0))
