"""What a pipeline needs: Java, jars, processes, Postgres, Kafka, and the Stack that they belong to."""
