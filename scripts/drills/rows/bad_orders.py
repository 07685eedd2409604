from decimal import Decimal

from scripts.drills.messages import REJECTS, send
from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline
from scripts.pipeline.orders import NewOrder

AMOUNTS = ("-5.00", "-120.50")
MESSAGES = ("order_id missing", "order_id null", "order_id a number in quotes")


@drill(
    naive="A filter drops the bad orders, as it should. But it drops them silently: they are on the topic, not in the "
    "lake, and nowhere else. Nobody can count them, find the reason or repair them.",
    withstands="Each bad order is in the quarantine with its reason, its place in the topic and its text.",
)
def bad_orders(pipeline: Pipeline) -> None:
    """The bad orders of the assignment's third round, among good ones.

    Two rows of Postgres have a negative amount. Three messages on the topic have no usable order_id: it is missing,
    null, or a number in quotes.
    """
    for amount in AMOUNTS:
        pipeline.insert(2)
        pipeline.insert([NewOrder("Eve", "Nowhere", "Nothing", Decimal(amount), "PLACED")])
        pipeline.note(f"amount {amount}")
    for name in MESSAGES:
        send(pipeline, [REJECTS[name]])
        pipeline.note(name)
    pipeline.insert(2)
