"""`make kafka-topics` and `make kafka-console`: what Kafka's own two scripts print.

Kafka's command classes are in the jar kafka-tools, which no broker needs and the kit does not have.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

from confluent_kafka.admin import TopicMetadata

from configs.errors import KitError
from configs.settings import Kafka
from scripts.clients.arguments import arguments
from scripts.pipeline.topic import Ends, TopicMessage, end_offsets, read_messages
from scripts.services.kafka import ANSWER_TIMEOUT, admin_client, require_broker
from scripts.services.stack import Stack

FOLLOW_INTERVAL = 0.5  # seconds between two looks for new messages


def run_topics(stack: Stack) -> int:
    """List the topics of the broker, or describe them.

    Raises:
        KitError: Kafka does not answer, or has no such topic.
    """
    parser = _parser("kafka-topics", "List or describe the topics of the broker.")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--list", action="store_true", help="the names of all topics (the default)")
    action.add_argument("--describe", action="store_true", help="partitions, leaders and replicas")
    parser.add_argument("--topic", help="only this topic")
    chosen = parser.parse_args(arguments())
    kafka = _broker(stack, chosen.bootstrap_server)
    topics = admin_client(kafka).list_topics(timeout=ANSWER_TIMEOUT).topics
    names = [name for name in sorted(topics) if chosen.topic in (None, name)]
    if chosen.topic and not names:
        raise _no_topic(chosen.topic)
    if chosen.describe:  # Kafka's own topic has 50 partitions: only if it is asked for
        names = [_described(topics[name]) for name in names if chosen.topic or not name.startswith("__")]
    print(*names, sep="\n")
    return 0


def _described(topic: TopicMetadata) -> str:
    partitions = sorted(topic.partitions.items())
    replication = len(partitions[0][1].replicas) if partitions else 0
    lines = [f"Topic: {topic.topic}\tPartitionCount: {len(partitions)}\tReplicationFactor: {replication}"]
    for number, partition in partitions:
        replicas, in_sync = (",".join(map(str, ids)) for ids in (partition.replicas, partition.isrs))
        lines.append(
            f"\tTopic: {topic.topic}\tPartition: {number}\tLeader: {partition.leader}\tReplicas: {replicas}"
            f"\tIsr: {in_sync}"
        )
    return "\n".join(lines)


def run_console(stack: Stack) -> int:
    """Print the messages of the topic from the beginning, each with its partition and offset.

    Raises:
        KitError: Kafka does not answer, or has no such topic.
    """
    parser = _parser("kafka-console", "Print the messages of the topic, from the beginning to the end.")
    parser.add_argument("--topic", default=stack.settings.kafka.topic, help="default: the topic of the config")
    parser.add_argument("--follow", action="store_true", help="wait for new messages, until Ctrl-C")
    chosen = parser.parse_args(arguments())
    kafka = _broker(stack, chosen.bootstrap_server).model_copy(update={"topic": chosen.topic})
    ends = end_offsets(kafka)
    if not ends:
        raise _no_topic(chosen.topic)
    _print(read_messages(kafka, {}, ends))
    try:
        while chosen.follow:
            time.sleep(FOLLOW_INTERVAL)
            ends = _print_new(kafka, ends)
    except KeyboardInterrupt:  # the only way to end it
        pass
    return 0


def _print_new(kafka: Kafka, printed: Ends) -> Ends:
    ends = end_offsets(kafka)
    _print(read_messages(kafka, printed, ends))
    return ends


def _print(messages: Iterator[TopicMessage]) -> None:
    for message in messages:
        text = "null" if message.value is None else message.text
        print(f"Partition:{message.partition}\tOffset:{message.offset}\t{text}")
    print(end="", flush=True)


def _parser(verb: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"make {verb} ARGS=...", description=description, allow_abbrev=False)
    parser.add_argument("--bootstrap-server", metavar="HOST:PORT", help="default: kafka.brokers of the config")
    return parser


def _broker(stack: Stack, address: str | None) -> Kafka:
    kafka = stack.settings.kafka
    kafka = kafka.model_copy(update={"brokers": address}) if address else kafka
    require_broker(kafka)
    return kafka


def _no_topic(name: str) -> KitError:
    return KitError(f"Kafka has no topic {name}. `make kafka-topics` lists what it has. `make topic` creates yours.")
