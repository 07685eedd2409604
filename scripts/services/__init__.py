"""What a pipeline runs on: Java, jars, processes, Postgres, Kafka, and the Stack that they belong to."""
