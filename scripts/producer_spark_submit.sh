#!/usr/bin/env bash
# scripts/producer_spark_submit.sh [--config PATH] [--debug]: run the producer in the foreground. Ctrl-C stops it cleanly.
exec "$(dirname "$0")/spark_submit.sh" producers/orders_cdc_producer.py "$@"
