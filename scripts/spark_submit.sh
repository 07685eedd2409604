#!/usr/bin/env bash
# scripts/spark_submit.sh PROGRAM [--config PATH] [...]: run a producer or a consumer in the foreground.
#
# PROGRAM is a path; a relative one starts at the project folder. It goes through spark-submit, or, where it does not
# use Spark, through Python alone. Time is UTC in Python and in the JVM. What it writes for itself while it runs (Spark's
# blocks, temporary files) is in a folder of its own below .kit/scratch, which goes with it.
#
# Ctrl-C or SIGTERM stops it within 10 s, whatever it does with signals; a second Ctrl-C kills it at once. The kit's own
# programs finish the batch that is under way, if they can in that time: their JVM ignores both signals, and the program
# in it listens for them.
set -euo pipefail
asked=0
trap 'asked=$((asked + 1))' INT TERM HUP
# In a locale without UTF-8, Java opens no path that has other letters than English ones.
case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in *[Uu][Tt][Ff]8 | *[Uu][Tt][Ff]-8) ;; *) export LC_ALL=C.UTF-8 ;; esac
kit=$(cd "$(dirname "$0")/.." && pwd)
program=$1
shift
if [[ $program != /* ]]; then program=$kit/$program; fi

config=${CONFIG:-$kit/configs/orders_stream.yml}
for ((i = 1; i <= $#; i++)); do
    if [ "${!i}" = --config ]; then j=$((i + 1)); config=${!j:-}; fi
done

# PROGRAM_JAVA_HOME and others, from the config and the machine; the kit's verbs hand them over.
if [ -z "${PROGRAM_JARS:-}" ]; then
    variables=$(PYTHONPATH=$kit "$kit/.venv/bin/python" -m scripts.services.spark_environment "$config")
    eval "$variables"
    PROGRAM_SCRATCH+=/$$
fi
# The venv's Spark, whatever else there is, and without Spark's own search for it, which a blank in a path breaks.
export JAVA_HOME=$PROGRAM_JAVA_HOME SPARK_HOME=$PROGRAM_SPARK_HOME PATH="$kit/.venv/bin:$PATH"
export PYSPARK_PYTHON="$kit/.venv/bin/python" PYTHONUNBUFFERED=1 TZ=${PROGRAM_TZ:-UTC}
if [ -n "${PROGRAM_LOCAL_IP:-}" ]; then export SPARK_LOCAL_IP=$PROGRAM_LOCAL_IP; fi
if [ -n "${PROGRAM_S3A_JARS:-}" ]; then
    # The end of Spark's class path: an archive of classes fits its beginning only.
    export SPARK_DIST_CLASSPATH=$PROGRAM_S3A_JARS AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
fi

# Not in /tmp, where it stays if the program is killed. Spark takes a comma in a path for the end of it.
rm -rf "$PROGRAM_SCRATCH"
if [[ $PROGRAM_SCRATCH != *,* ]] && mkdir -p "$PROGRAM_SCRATCH" 2>/dev/null; then
    export SPARK_LOCAL_DIRS=$PROGRAM_SCRATCH TMPDIR=$PROGRAM_SCRATCH
    quoted=${PROGRAM_SCRATCH//\\/\\\\}
    temporary=" -Djava.io.tmpdir=\"${quoted//\"/\\\"}\""
    PROGRAM_JAVA_OPTIONS+=$temporary
fi

# In a student's kit any program can stand in these folders. One that configs.program runs listens for both signals.
is_ours=false
case $program in "$kit"/producers/* | "$kit"/consumers/*) if grep -q run_program "$program"; then is_ours=true; fi ;; esac

run() {
    if ! $is_ours && ! grep -q pyspark "$program"; then exec "$kit/.venv/bin/python" "$program" "$@"; fi
    options=()
    while IFS= read -r option; do
        # Executors of this machine write in the same folder.
        case $option in spark.executor.defaultJavaOptions=*) if [ -n "$PROGRAM_LOCAL_IP" ]; then option+=${temporary:-}; fi ;; esac
        if [ -n "$option" ]; then options+=(--conf "$option"); fi
    done <<< "${PROGRAM_OPTIONS:-}"
    # Spark's own defaults are for a cluster: 200 partitions for a handful of rows, and two processes for each file that
    # is renamed. A batch of five rows takes 20 s with them. What a program sets itself wins.
    if ! $is_ours; then
        options+=(--conf spark.sql.shuffle.partitions=2)
        streaming=org.apache.spark.sql.execution.streaming
        # On S3 only Spark's own choice is safe.
        if [ -z "${PROGRAM_S3A_JARS:-}" ]; then
            options+=(--conf "spark.sql.streaming.checkpointFileManagerClass=$streaming.FileSystemBasedCheckpointFileManager")
        fi
    fi
    exec "$SPARK_HOME/bin/spark-submit" --master "$PROGRAM_MASTER" --driver-memory "$PROGRAM_DRIVER_MEMORY" \
        --driver-class-path "${PROGRAM_JARS//,/:}" --driver-java-options "$PROGRAM_JAVA_OPTIONS" \
        ${options[@]+"${options[@]}"} \
        --conf spark.ui.enabled="${SPARK_UI:-false}" "$program" "$@"
}

if ((asked)); then exit 143; fi
set -m # the program gets a process group of its own, which Ctrl-C in a terminal does not reach
(
    if $is_ours; then trap '' INT TERM; else trap - INT TERM HUP; fi
    run "$@"
) &
child=$!
set +m # no notices of jobs
status=0 sent=0
while kill -0 "$child" 2>/dev/null; do
    if ((asked == 0)); then
        wait "$child" && status=0 || status=$?
        continue
    fi
    begun=${begun:-$SECONDS}
    waited=$((SECONDS - begun))
    if ((asked > 1 || waited >= 8)); then
        signal=KILL
    elif $is_ours; then
        signal=TERM # again and again: before the program listens, it is ignored
    elif ((sent == 0)); then
        signal=INT sent=1
    elif ((sent == 1 && waited >= 3)); then
        signal=TERM sent=2
    else
        signal=
    fi
    if [ -n "$signal" ]; then kill -s "$signal" -- "-$child" 2>/dev/null || true; fi
    sleep 0.2 || true
done 2>/dev/null # the shell's own line about a child that was killed
wait "$child" 2>/dev/null && status=0 || { ended=$?; if ((ended != 127)); then status=$ended; fi; }
rm -rf "$PROGRAM_SCRATCH"
if ((asked)) && ! $is_ours; then exit 0; fi # it was stopped, however it took that
exit "$status"
