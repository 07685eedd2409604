#!/bin/bash
# paths of the machine where it was written, as they come
docker exec -it spark spark-submit --master local[*] \
  --packages org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.1,org.postgresql:postgresql:42.7.4 \
  /opt/spark-apps/producers/orders_cdc_producer.py --config /home/anita/assignment/configs/orders_stream.yml
