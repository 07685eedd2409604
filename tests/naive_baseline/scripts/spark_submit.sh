#!/usr/bin/env bash
# spark_submit.sh PROGRAM --config PATH: spark-submit as the hand-out has it, with the kit's jars in place of --packages.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
kit=$(cd "$here/../.." && pwd)
program=$1
shift
if [ -z "${PROGRAM_JARS:-}" ]; then
    variables=$(PYTHONPATH=$kit "$kit/.venv/bin/python" -m scripts.services.spark_environment "$2")
    eval "$variables"
    PROGRAM_SCRATCH+=/$$
fi
mkdir -p "$PROGRAM_SCRATCH"
export SPARK_LOCAL_DIRS=$PROGRAM_SCRATCH
export JAVA_HOME=$PROGRAM_JAVA_HOME PATH="$kit/.venv/bin:$PATH" PYSPARK_PYTHON="$kit/.venv/bin/python" PYTHONUNBUFFERED=1 SPARK_LOCAL_IP=127.0.0.1
exec spark-submit --master "$PROGRAM_MASTER" --driver-memory "$PROGRAM_DRIVER_MEMORY" --jars "$PROGRAM_JARS" \
    --driver-java-options "-XX:+UseSerialGC" --conf spark.ui.enabled=false "$here/$program" "$@"
