"""The values that spark_submit.sh needs, as shell assignments: python -m scripts.services.spark_environment CONFIG."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from configs.errors import run_command
from configs.settings import Settings, load_settings
from scripts.services.class_archive import SPARK, archive_options, spark_package
from scripts.services.jars import jar_paths
from scripts.services.java import QUICK_START, require_java
from scripts.services.s3a import s3a_jars, s3a_options, s3a_variables
from scripts.services.spark_cluster import HOST, is_local
from scripts.services.spark_home import spark_home
from scripts.services.stack import Stack, remove_unused_scratch

LOGGING = Path(__file__).with_name("log4j2.properties")
# Without performance data, which a JVM that is killed leaves in /tmp.
JAVA_OPTIONS = ("-Duser.timezone=UTC", "-XX:+UseSerialGC", "-XX:-UsePerfData")


def spark_environment(settings: Settings, *, short_lived: bool = False) -> dict[str, str]:
    """The variables: Java and Spark, the master, the driver's memory, the jars (comma-separated paths), Java's options,
    the address that the driver uses on this machine, further options of Spark (a line for each), the folder for
    scratch; and what a lake at s3a:// needs.

    `short_lived`: Java compiles for a quick start, not for speed in the long run. spark-submit splits the options at
    blanks and reads quotes, as a shell does.

    Raises:
        KitError: there is no Java 17, or a jar or a key is missing.
    """
    java, package = require_java(), spark_package()
    options = [*JAVA_OPTIONS, f"-Dlog4j2.configurationFile={LOGGING.as_uri()}"]
    options += [*((QUICK_START,) if short_lived else ()), *archive_options(SPARK, java, package)]
    more = {**(_cluster_options(settings, options) if settings.spark.is_cluster else {}), **s3a_options(settings)}
    return {
        "PROGRAM_JAVA_HOME": str(java.home),
        "PROGRAM_SPARK_HOME": str(spark_home(package)),
        "PROGRAM_MASTER": settings.spark.master,
        "PROGRAM_DRIVER_MEMORY": settings.spark.driver_memory,
        "PROGRAM_JARS": ",".join(str(jar) for jar in jar_paths("spark")),
        "PROGRAM_JAVA_OPTIONS": shlex.join(options),
        "PROGRAM_LOCAL_IP": HOST if is_local(settings.spark) or not settings.spark.is_cluster else "",
        "PROGRAM_OPTIONS": "".join(f"{key}={value}\n" for key, value in more.items()),
        "PROGRAM_SCRATCH": str(Stack(settings).scratch),
        **s3a_variables(settings),
    }


def _cluster_options(settings: Settings, java_options: Sequence[str]) -> dict[str, str]:
    """What an application needs on a cluster beside the driver's own options. `java_options`: of executors too.

    Spark adds the "default" Java options of executors to those that a program sets itself.
    """
    options = {"spark.cores.max": str(settings.spark.cores), "spark.executor.memory": settings.spark.executor_memory}
    jars = [*jar_paths("spark"), *s3a_jars(settings)]
    if is_local(settings.spark):
        # Executors of this machine read the driver's jars where they are. --jars would copy them for each executor.
        options["spark.driver.host"] = HOST
        options["spark.executor.extraClassPath"] = ":".join(map(str, jars))
    else:
        options["spark.jars"] = ",".join(map(str, jars))
        java_options = JAVA_OPTIONS
    # The Java of a cluster that somebody else has started may be another one.
    options["spark.executor.defaultJavaOptions"] = shlex.join(["-XX:+IgnoreUnrecognizedVMOptions", *java_options])
    return options


def print_assignments(config: str) -> int:
    settings = load_settings(config)
    remove_unused_scratch(Stack(settings))
    for name, value in spark_environment(settings).items():
        print(f"{name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(lambda: print_assignments(sys.argv[1]), prefix=""))
