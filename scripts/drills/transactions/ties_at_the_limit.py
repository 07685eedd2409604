from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    naive="The limit cuts the run of equal timestamps. The state is that timestamp, and `created_at > state` never "
    "selects the rest: all rows of a transaction beyond the limit are lost.",
    withstands="FETCH FIRST n ROWS WITH TIES: a run of equal timestamps is read whole.",
)
def ties_at_the_limit(pipeline: Pipeline) -> None:
    """More rows with the same created_at than one poll may read.

    The limit is 20. One transaction inserts 50 rows, which all have the created_at of its beginning. Then two insert 15
    rows each. If both are read together, the limit cuts the second.
    """
    pipeline.insert(50)
    pipeline.note("50 equal timestamps")
    for _ in range(2):
        pipeline.insert(15)
    pipeline.note("limit within 15 equal timestamps")
