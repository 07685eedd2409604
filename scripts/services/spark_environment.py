"""The values that spark_submit.sh needs, as shell assignments: python -m scripts.services.spark_environment CONFIG."""

from __future__ import annotations

import shlex
import sys

from configs.errors import run_command
from configs.settings import Settings, load_settings
from scripts.services.jars import jar_paths
from scripts.services.java import require_java


def spark_environment(settings: Settings) -> dict[str, str]:
    """JAVA_HOME, MASTER, DRIVER_MEMORY and JARS (comma-separated paths).

    Raises:
        KitError: there is no Java 17, or a jar is missing.
    """
    return {
        "JAVA_HOME": str(require_java().home),
        "MASTER": settings.spark.master,
        "DRIVER_MEMORY": settings.spark.driver_memory,
        "JARS": ",".join(str(jar) for jar in jar_paths("spark")),
    }


def print_assignments(config: str) -> int:
    for name, value in spark_environment(load_settings(config)).items():
        print(f"{name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(lambda: print_assignments(sys.argv[1]), prefix=""))
