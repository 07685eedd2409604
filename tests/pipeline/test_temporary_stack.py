"""Ports of stacks that start at once: nobody else is given one before its service listens on it."""

from __future__ import annotations

import contextlib
import socket

import pytest

from scripts.pipeline.temporary_stack import held_ports, temporary_stack
from scripts.services.ports import require_free_port


def test_a_held_port_is_given_to_nobody_else() -> None:
    with held_ports(1) as port, contextlib.ExitStack() as others:
        given = {others.enter_context(held_ports(1)) for _ in range(200)}
        assert port not in given
        assert len(given) == 200


def test_the_service_that_a_port_is_held_for_gets_it() -> None:
    with held_ports(2) as first:
        for port in (first, first + 1):
            require_free_port(port, "127.0.0.1", "Kafka", "kafka.brokers")
            with socket.socket() as service:
                service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Postgres and Java do
                service.bind(("127.0.0.1", port))
                service.listen()
                with socket.create_connection(("127.0.0.1", port), timeout=5):
                    pass


def test_a_held_port_cannot_be_taken_by_number() -> None:
    with held_ports(1) as port, socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind(("127.0.0.1", port))


def test_stacks_side_by_side_have_ports_of_their_own() -> None:
    with contextlib.ExitStack() as several:
        stacks = [several.enter_context(temporary_stack()) for _ in range(5)]
        ports = [stack.settings.postgres.port for stack in stacks]
        brokers = [stack.settings.kafka.first_broker[1] for stack in stacks]
        assert len({*ports, *brokers, *(broker + 1 for broker in brokers)}) == 15
