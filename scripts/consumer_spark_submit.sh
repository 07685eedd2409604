#!/usr/bin/env bash
# scripts/consumer_spark_submit.sh [--config PATH] [--debug]: run the consumer in the foreground. Ctrl-C stops it cleanly.
exec "$(dirname "$0")/spark_submit.sh" consumers/orders_stream_consumer.py "$@"
