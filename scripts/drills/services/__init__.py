"""Postgres or Kafka that goes away."""
