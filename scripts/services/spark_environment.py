"""The values that spark_submit.sh needs, as shell assignments: python -m scripts.services.spark_environment CONFIG."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from configs.errors import run_command
from configs.settings import Settings, load_settings
from scripts.services.class_archive import SPARK, archive_options, spark_package
from scripts.services.jars import jar_paths
from scripts.services.java import QUICK_START, require_java
from scripts.services.s3a import s3a_environment
from scripts.services.spark_home import spark_home
from scripts.services.stack import Stack, remove_unused_scratch

LOGGING = Path(__file__).with_name("log4j2.properties")
# Without performance data, which a JVM that is killed leaves in /tmp.
JAVA_OPTIONS = (
    "-Duser.timezone=UTC",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    f"-Dlog4j2.configurationFile={LOGGING.as_uri()}",
)


def spark_environment(settings: Settings, *, short_lived: bool = False) -> dict[str, str]:
    """The variables: Java and Spark, the master, the driver's memory, the jars (comma-separated paths), Java's options,
    the folder for scratch; and what a lake at s3a:// needs.

    `short_lived`: Java compiles for a quick start, not for speed in the long run. spark-submit splits the options at
    blanks and reads quotes, as a shell does.

    Raises:
        KitError: there is no Java 17, or a jar or a key is missing.
    """
    java, package = require_java(), spark_package()
    options = [*JAVA_OPTIONS, *((QUICK_START,) if short_lived else ()), *archive_options(SPARK, java, package)]
    return {
        "PROGRAM_JAVA_HOME": str(java.home),
        "PROGRAM_SPARK_HOME": str(spark_home(package)),
        "PROGRAM_MASTER": settings.spark.master,
        "PROGRAM_DRIVER_MEMORY": settings.spark.driver_memory,
        "PROGRAM_JARS": ",".join(str(jar) for jar in jar_paths("spark")),
        "PROGRAM_JAVA_OPTIONS": shlex.join(options),
        "PROGRAM_SCRATCH": str(Stack(settings).scratch),
        **s3a_environment(settings),
    }


def print_assignments(config: str) -> int:
    settings = load_settings(config)
    remove_unused_scratch(Stack(settings))
    for name, value in spark_environment(settings).items():
        print(f"{name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(lambda: print_assignments(sys.argv[1]), prefix=""))
