#!/usr/bin/env bash
# scripts/producer_spark_submit.sh --config PATH: run the producer of the naive baseline.
exec "$(dirname "$0")/spark_submit.sh" producers/orders_cdc_producer.py "$@"
