from scripts.drills.messages import REJECTS, copies_of_orders, send
from scripts.drills.model import drill
from scripts.drills.pipeline import Pipeline


@drill(
    naive="A created_at in the year 1 ends the consumer at every start, because Spark does not write it. NaN passes "
    "`amount >= 0`. A created_at that is null or epoch milliseconds makes a folder of its own. Copies of an order are "
    "appended. What is filtered out disappears without a trace.",
    withstands="Every message is judged by an explicit schema. What may not enter the lake is kept in the quarantine "
    "with its reason, topic, partition, offset and text. So every message of the topic is accounted for.",
)
def dirty_messages(pipeline: Pipeline) -> None:
    """Messages with every kind of mistake, sent directly to the topic among real orders.

    No JSON, cut off, empty, arrays, null, and two orders in one message. An order_id, amount or created_at that is
    missing, null, of another type, too large, NaN, infinite, negative, too old or not a real day.
    scripts/drills/messages.py has them all. Also copies of real orders, before and after the producer has published
    them.
    """
    pipeline.insert(5)
    send(pipeline, copies_of_orders(pipeline, 5))
    pipeline.note("5 copies of orders")
    for name, value in REJECTS.items():
        send(pipeline, [value])
        pipeline.note(name)
    pipeline.insert(5)
    send(pipeline, copies_of_orders(pipeline, 8))
    pipeline.note("8 copies of orders")
