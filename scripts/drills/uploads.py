"""What the drills of S3's uploads have in common: the consumer behind a proxy that meets some of them with a fault."""

from __future__ import annotations

import itertools

from scripts.drills.pipeline import Pipeline
from scripts.pipeline.store_proxy import Fault, store_proxy

_ENOUGH = 12  # faults


def every_third_put(pipeline: Pipeline, fault: Fault) -> None:
    """Let every third PUT of the consumer meet the fault, until a dozen have, while two writers insert.

    Raises:
        DrillError: so many PUTs did not come.
    """
    puts = itertools.count(1)

    def decide(method: str, path: str) -> Fault | None:
        return fault if method == "PUT" and next(puts) % 3 == 0 else None

    with store_proxy(pipeline.settings.s3.endpoint) as (store, address), pipeline.consumer_behind(address):
        with pipeline.writers(2):
            pipeline.wait(pipeline.is_batch_under_way, "a batch through the proxy")
            store.decide = decide
            pipeline.wait(lambda: store.hit >= _ENOUGH, f"{_ENOUGH} uploads that met the fault")
            store.decide = lambda method, path: None
        pipeline.note(f"{store.hit} uploads {fault}")
