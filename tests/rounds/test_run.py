"""What a round reports if a service stops answering. With all services, tests/end_to_end runs the rounds."""

from __future__ import annotations

import psycopg2
import pytest
from confluent_kafka import KafkaError, KafkaException

from configs.errors import KitError
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.rounds import run
from scripts.services import kafka


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (psycopg2.OperationalError("server closed the connection unexpectedly\n\tmore"), "Postgres stopped answering"),
        (KafkaException(KafkaError(KafkaError._TRANSPORT)), "Kafka stopped answering"),
    ],
)
def test_a_service_that_goes_away_is_named_with_what_to_do(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(run, "_run", fail)
    with temporary_stack() as stack, pytest.raises(KitError, match=rf"{said} during round 2: .*`make round2` again"):
        run.run_round(stack, 2)


def test_nothing_is_settled_while_kafka_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "ANSWER_TIMEOUT", 0.2)
    with temporary_stack() as stack:
        assert not run._quarantine_is_read(stack.settings)
