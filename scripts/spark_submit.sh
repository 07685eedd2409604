#!/usr/bin/env bash
# scripts/spark_submit.sh PROGRAM [--config PATH] [...]: run one of the two programs through spark-submit. PROGRAM is a
# path; a relative one starts at the project folder.
#
# Ctrl-C and SIGTERM go only to the program. It finishes its current work and stops Spark itself. So spark-submit's JVM
# runs in its own process group and ignores both signals, and the program in it listens for them.
set -euo pipefail
kit=$(cd "$(dirname "$0")/.." && pwd)
program=$1
if [[ $program != /* ]]; then program=$kit/$program; fi
shift

config=${CONFIG:-$kit/configs/orders_stream.yml}
for ((i = 1; i <= $#; i++)); do
    if [ "${!i}" = --config ]; then j=$((i + 1)); config=${!j:-}; fi
done

# JAVA_HOME, MASTER, DRIVER_MEMORY and JARS, from the config and the machine. Always use the venv's Spark.
variables=$(PYTHONPATH=$kit "$kit/.venv/bin/python" -m scripts.services.spark_environment "$config")
eval "$variables"
export JAVA_HOME PATH="$kit/.venv/bin:$PATH" SPARK_HOME= PYSPARK_PYTHON="$kit/.venv/bin/python" PYTHONUNBUFFERED=1
unset SPARK_HOME
if [[ $MASTER == local* ]]; then export SPARK_LOCAL_IP=127.0.0.1; fi

set -m
(
    trap '' INT TERM
    exec spark-submit --master "$MASTER" --driver-memory "$DRIVER_MEMORY" --jars "$JARS" \
        --driver-java-options "-Duser.timezone=UTC -XX:+UseSerialGC -Dlog4j2.configurationFile=$kit/scripts/services/log4j2.properties" \
        --conf spark.ui.enabled="${SPARK_UI:-false}" \
        "$program" "$@"
) &
child=$!
trap 'kill -TERM -- "-$child" 2>/dev/null || true' INT TERM HUP
status=0
while kill -0 "$child" 2>/dev/null; do
    wait "$child" && status=0 || status=$?
done
exit "$status"
