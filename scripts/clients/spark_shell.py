"""`make pyspark`: Spark's shell with the lake as the view `orders`."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import NoReturn

from configs.errors import KitError
from configs.storage import lake_place, require_answer
from grader.evidence.lake import Lake
from scripts.clients.arguments import arguments
from scripts.services.s3a import S3A_JARS
from scripts.services.spark_cluster import is_local
from scripts.services.spark_environment import spark_environment
from scripts.services.stack import Stack

ON_THIS_MACHINE = "local[2]"
STARTUP = Path(__file__).with_name("spark_shell_startup.py")


def run_spark_shell(stack: Stack) -> NoReturn:
    """Replace this process by a Python with Spark, which reads its lines from the terminal or from a pipe.

    Raises:
        KitError: the lake is empty, there is no Java 17, or a jar is missing.
    """
    settings = stack.settings
    path = lake_place(settings)
    require_answer(path)
    lake = Lake(path)
    if not lake.exists or not lake.listing:
        raise KitError(f"There is nothing in {path} yet. Run `make round1` for the first rows.")
    if is_local(settings.spark):
        # The cores of the kit's own cluster are for the two programs: a third would wait for ever.
        spark = settings.spark.model_copy(update={"master": ON_THIS_MACHINE})
        settings = settings.model_copy(update={"spark": spark})
    values = spark_environment(settings)
    options = {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.catalogImplementation": "in-memory",  # Hive's would leave a metastore_db in the current folder
    }
    words = ["--master", values["PROGRAM_MASTER"], "--driver-memory", values["PROGRAM_DRIVER_MEMORY"]]
    words += ["--driver-class-path", values["PROGRAM_JARS"].replace(",", ":")]  # as in spark_submit.sh
    words += ["--jars", values["PROGRAM_JARS"], "--driver-java-options", values["PROGRAM_JAVA_OPTIONS"]]
    settings_of_spark = [*values["PROGRAM_OPTIONS"].splitlines(), *(f"{key}={value}" for key, value in options.items())]
    words += [word for setting in settings_of_spark for word in ("--conf", setting)]
    environment = {
        **os.environ,
        **values,  # the keys of S3 among them
        "JAVA_HOME": values["PROGRAM_JAVA_HOME"],
        "SPARK_HOME": values["PROGRAM_SPARK_HOME"],
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": shlex.join([*words, *arguments(), "pyspark-shell"]),
        "PYSPARK_LAKE": str(path),
        "PYTHONSTARTUP": str(STARTUP),
        "TZ": "UTC",
    }
    if S3A_JARS in values:  # as in spark_submit.sh
        environment["SPARK_DIST_CLASSPATH"] = values[S3A_JARS]
    if values["PROGRAM_LOCAL_IP"]:
        environment["SPARK_LOCAL_IP"] = values["PROGRAM_LOCAL_IP"]
    # -i: Python runs PYTHONSTARTUP also if its input is a pipe.
    os.execve(sys.executable, [sys.executable, "-i"], environment)
