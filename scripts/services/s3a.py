"""What Spark needs for a lake at s3a://: jars behind its own, options of Hadoop's S3A connector, and the keys."""

from __future__ import annotations

from pathlib import Path

from configs.settings import Settings
from configs.storage import keys_of
from scripts.services.jars import S3A, jar_paths
from scripts.services.optional_jars import require_optional_jars

S3A_JARS = "PROGRAM_S3A_JARS"  # the variable of spark_submit.sh
# Of core-default.xml of Hadoop 3.3.4. By default an outage is reported after 20 attempts in each of 7 retries, which
# takes many minutes, and a write deletes the markers of all folders above it. With these a server that is down is
# reported after 2 to 5 s, and one that hangs after a minute or two.
_OPTIONS = {
    "directory.marker.retention": "keep",
    # An open file is buffered on disk, among the program's temporary files. In memory is no faster, and takes the size
    # of a part for each file: with parts of 8 MB and 64 open files of 20 kB, 606 of 648 MB.
    "fast.upload.buffer": "disk",
    "buffer.dir": "${env.SPARK_LOCAL_DIRS:-/tmp}/s3a",
    "attempts.maximum": "1",
    "retry.limit": "3",
    "retry.interval": "200ms",
    "retry.throttle.limit": "5",
    "connection.establish.timeout": "2000",  # ms
    "connection.timeout": "10000",  # ms without a byte
    # No search for keys on a machine of AWS, which takes seconds elsewhere. Spark takes those of the environment.
    "aws.credentials.provider": ",".join(
        f"org.apache.hadoop.fs.s3a.{name}AWSCredentialsProvider" for name in ("Temporary", "Simple")
    ),
}


def s3a_jars(settings: Settings) -> list[Path]:
    """The connector and its SDK; none for a lake on a disk.

    Raises:
        KitError: a jar is missing.
    """
    if not settings.on_s3:
        return []
    require_optional_jars(settings)
    return jar_paths(S3A)


def s3a_options(settings: Settings) -> dict[str, str]:
    """The options of Spark for this S3, without the keys, which a list of processes would show; none for a disk."""
    if not settings.on_s3:
        return {}
    s3 = settings.s3
    options = {**_OPTIONS, "endpoint.region": s3.region, "path.style.access": str(s3.path_style).lower()}
    if s3.endpoint:
        options["endpoint"] = s3.endpoint
        options["connection.ssl.enabled"] = str(s3.endpoint.startswith("https:")).lower()
    return {f"spark.hadoop.fs.s3a.{key}": value for key, value in options.items()}


def s3a_variables(settings: Settings) -> dict[str, str]:
    """The variables of spark_submit.sh for a lake at s3a://: jars (colon-separated paths) and keys; else none.

    Spark hands the keys of the environment to its executors.

    Raises:
        KitError: a jar or a key is missing.
    """
    if not settings.on_s3:
        return {}
    return {S3A_JARS: ":".join(map(str, s3a_jars(settings))), **keys_of(settings.s3).environment()}
