"""The tools that the assignment names, on the services of the config: psql, kafka-topics, kafka-console, pyspark."""
