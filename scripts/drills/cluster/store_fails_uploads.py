from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.drills.uploads import every_third_put
from scripts.pipeline.store_proxy import Fault


@drill(
    withstands="The S3 client tries an upload again. If that fails too, the batch is tried again.",
)
def store_fails_uploads(pipeline: Pipeline) -> None:
    """S3 answers 500 to every third PUT.

    Of data files and of the lake's log, while two writers insert, until a dozen have failed.
    """
    every_third_put(pipeline, Fault(status=500))
