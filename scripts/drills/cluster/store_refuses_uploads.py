from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.drills.uploads import every_third_put
from scripts.pipeline.store_proxy import Fault


@drill(
    withstands="A refused upload fails the task and with it the batch, which is tried again. Nothing is committed that "
    "was not written.",
)
def store_refuses_uploads(pipeline: Pipeline) -> None:
    """S3 answers 403 to every third PUT.

    Of data files and of the lake's log, while two writers insert, until a dozen were refused.
    """
    every_third_put(pipeline, Fault(status=403))
