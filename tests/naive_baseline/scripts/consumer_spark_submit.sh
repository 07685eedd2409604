#!/usr/bin/env bash
# scripts/consumer_spark_submit.sh --config PATH: run the consumer of the naive baseline.
exec "$(dirname "$0")/spark_submit.sh" consumers/orders_stream_consumer.py "$@"
