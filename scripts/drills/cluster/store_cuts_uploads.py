from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.drills.uploads import every_third_put
from scripts.pipeline.store_proxy import Fault


@drill(
    withstands="An object appears when its upload is whole. One that was cut leaves nothing, and is tried again.",
)
def store_cuts_uploads(pipeline: Pipeline) -> None:
    """Every third PUT to S3 is cut in the middle of its body.

    Of data files and of the lake's log, while two writers insert, until a dozen were cut.
    """
    every_third_put(pipeline, Fault(is_cut=True))
