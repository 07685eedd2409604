from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline

ROWS = 400


@drill(
    naive="Rows are lost in every way that the other drills show, without an error: between publish and max, by late "
    "commits, by ties at the limit.",
    withstands="The horizon, WITH TIES and reading each batch once work together.",
)
def concurrent_writers(pipeline: Pipeline) -> None:
    """Six writers insert 400 rows at once.

    The seed draws transactions of every kind: prompt, slow, late, larger than the limit of a poll, rolled back.
    """
    with pipeline.writers(6, max_rows=ROWS) as load:
        pipeline.wait(lambda: load.committed >= ROWS, f"{ROWS} rows committed")
    pipeline.note("six writers")
