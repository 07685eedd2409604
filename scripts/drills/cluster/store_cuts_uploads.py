from scripts.drills.faulty_store import Fault
from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.drills.uploads import every_third_put


@drill(
    withstands="An object appears when its upload is whole. One that was cut leaves nothing, and is tried again.",
)
def store_cuts_uploads(pipeline: Pipeline) -> None:
    """Every third PUT of data files and of the lake's log is cut in mid-body, while two writers insert."""
    every_third_put(pipeline, Fault(is_cut=True))
