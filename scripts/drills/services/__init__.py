"""Postgres or Kafka stops."""
