"""Record which Java classes the broker and the Spark programs load: python -m scripts.record_classes

Writes scripts/services/spark.classes.gz and kafka.classes.gz, from which each user's archives of classes are made (see
scripts/services/class_archive.py). To be run again after a change of Spark, Kafka or Java; until then an archive only
lacks what is new.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from configs.errors import run_command
from scripts.pipeline import programs
from scripts.pipeline.services import services_of
from scripts.pipeline.temporary_stack import temporary_stack
from scripts.rounds.run import run_round
from scripts.services.class_archive import CLASSES, KAFKA, SPARK

# A class that only one of the group's JVMs loads: by that a list is known.
SIGNS = {SPARK: ("org/apache/spark/deploy/SparkSubmit",), KAFKA: ("kafka/Kafka", "kafka/tools/StorageTool")}
_MADE_AT_RUNTIME = re.compile(r"\$Proxy\d|\bsource: ")  # no jar has these


def merged(lists: Iterable[str]) -> str:
    """Several class lists as one: each line once, in order."""
    lines: dict[str, None] = {}
    for text in lists:
        for line in text.splitlines():
            if line and not line.startswith("#") and not _MADE_AT_RUNTIME.search(line):
                lines[line] = None
    return "".join(f"{line}\n" for line in lines)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="food-orders-classes-") as folder:
        # A JVM writes the name of a class when it loads it from a jar; from an archive it would not read the jar.
        os.environ["JAVA_TOOL_OPTIONS"] = f"-Xshare:off -XX:DumpLoadedClassList={folder}/%p.classes"
        with temporary_stack() as stack:
            for number in (1, 2, 3):
                run_round(stack, number)
            programs.stop(stack)
            services_of(stack).down()
        found = [path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.classes"))]
    for group, signs in SIGNS.items():
        text = merged(one for one in found if any(re.search(rf"^{sign}$", one, re.MULTILINE) for sign in signs))
        CLASSES[group].write_bytes(gzip.compress(text.encode(), 9, mtime=0))
        print(f"{CLASSES[group]}: {text.count(chr(10))} lines")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, prefix=""))
