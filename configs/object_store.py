"""A lake on S3: its bucket, the keys that open it, and a file system that reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from configs.errors import KitError
from configs.settings import S3, Settings

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

# What S3Proxy shows of a PUT that it has not finished: the object's name, and after it a random UUID. It is no object.
UNFINISHED = re.compile(r".-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
ACCESS_KEY, SECRET_KEY, SESSION_TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"


@dataclass(frozen=True)
class Keys:
    """What a request to S3 is signed with. `session_token` is empty for keys that do not expire."""

    access_key: str
    secret_key: str
    session_token: str = ""

    def environment(self) -> dict[str, str]:
        """The variables that AWS's own tools and Spark read."""
        return {ACCESS_KEY: self.access_key, SECRET_KEY: self.secret_key, SESSION_TOKEN: self.session_token}


def keys_of(settings: Settings, environment: Mapping[str, str] = os.environ) -> Keys:
    """The keys of the config, else those of the environment.

    Raises:
        KitError: neither has both.
    """
    found = settings.s3
    if found.access_key and found.secret_key:
        return Keys(found.access_key, found.secret_key)
    access_key, secret_key = environment.get(ACCESS_KEY, ""), environment.get(SECRET_KEY, "")
    if not (access_key and secret_key):
        raise KitError(
            f"There are no keys for {settings.datalake.path}: s3.access_key and s3.secret_key of {settings.source} are "
            f"empty, and so are {ACCESS_KEY} and {SECRET_KEY} of the environment. Set both keys in one of the two."
        )
    return Keys(access_key, secret_key, environment.get(SESSION_TOKEN, ""))


def bucket_of(location: str) -> str:
    """The bucket of an s3a:// location from the settings."""
    return urlsplit(location).netloc


def file_system(s3: S3, keys: Keys, *, timeout: float = 10.0, attempts: int = 3) -> S3FileSystem:
    """A file system whose paths are bucket/key. Each request takes at most `timeout` seconds, `attempts` times."""
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem  # here: it takes 0.3 s, for a lake on S3 only

    endpoint = urlsplit(s3.endpoint)
    return S3FileSystem(
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        session_token=keys.session_token or None,
        region=s3.region,
        scheme=endpoint.scheme or "https",
        endpoint_override=endpoint.netloc or None,
        force_virtual_addressing=not s3.path_style,
        connect_timeout=timeout,
        request_timeout=timeout,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=attempts),
        allow_bucket_creation=True,
    )
