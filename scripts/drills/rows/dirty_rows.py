from decimal import Decimal

from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.pipeline.orders import NewOrder

AMOUNTS = ("NaN", "Infinity", "-Infinity", "1e20", "1e40", "-5", "0.123456789")


@drill(
    naive="The column becomes decimal(38,18). NaN, infinity or 1e40 ends the read of the whole batch. The producer "
    "crashes on the same row at every start, and all later rows are lost.",
    withstands="The query itself decides whether an amount fits the lake's type. One that does not travels as text, is "
    "published like any other row, and ends in the quarantine. The rows around it arrive.",
)
def dirty_rows(pipeline: Pipeline) -> None:
    """Amounts in Postgres that no lake can hold, in an unconstrained NUMERIC column, among good rows.

    The column's type is changed while the pipeline runs. The amounts: NaN, both infinities, 1e20, 1e40, a negative one
    and one with nine decimals. Each is in a transaction of its own, with good rows before and after.
    """
    pipeline.execute(f"ALTER TABLE {pipeline.table} ALTER COLUMN amount TYPE numeric")
    for amount in AMOUNTS:
        pipeline.insert(2)
        pipeline.insert([NewOrder("Eve", "Nowhere", "Nothing", Decimal(amount), "PLACED")])
        pipeline.note(f"amount {amount}")
    pipeline.insert(3)
