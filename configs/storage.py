"""Where a lake is: a folder of this machine, or a prefix of a bucket on S3. One interface for all who use it.

A `Place` is a pathlib.Path, or an S3Path, which has the part of Path's interface that the kit uses. So a reader works
on both. What must differ (links exist on local disks only) asks `isinstance(place, S3Path)`, in as few places as
possible. Keys go to the address of the config only.
"""

from __future__ import annotations

import fnmatch
import functools
import io
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote, urlsplit

from configs.errors import KitError
from configs.settings import S3, S3_SCHEME, Settings, SettingsError, local_path

if TYPE_CHECKING:
    from pyarrow import fs

KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_TRIES = 5  # of a request
_CONNECT_TIMEOUT, _REQUEST_TIMEOUT = 3.0, 20.0  # seconds
_REFUSALS = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "INVALID_CLIENT_TOKEN_ID")
_PARALLEL = 16  # requests to S3 at once; a disk needs no more than there are cores


class StorageError(KitError):
    """S3 refuses: the keys, or the bucket. The message has the address, and what to do."""


class StorageUnreachableError(StorageError):
    """S3 does not answer, or not now. That may pass."""


@dataclass(frozen=True)
class Status:
    """The size in bytes, and the time of the last change in seconds since 1970."""

    st_size: int
    st_mtime: float

    @property
    def st_mtime_ns(self) -> int:
        return int(self.st_mtime * 1e9)


@dataclass(frozen=True)
class S3Path:
    """An object or a prefix: the bucket, and the key without a slash at its begin or end.

    A folder is there while it has an object. Errors of the network and refusals are an OSError, as on a disk.
    """

    bucket: str
    key: str
    s3: S3 = field(repr=False)  # it has the secret key

    def __truediv__(self, name: str) -> S3Path:
        return S3Path(self.bucket, str(PurePosixPath(self.key) / name), self.s3)

    def joinpath(self, *names: str) -> S3Path:
        return S3Path(self.bucket, str(PurePosixPath(self.key).joinpath(*names)), self.s3)

    def __str__(self) -> str:
        return f"{S3_SCHEME}{self.bucket}/{self.key}"

    def as_uri(self) -> str:
        return str(self)

    @property
    def name(self) -> str:
        return PurePosixPath(self.key).name

    @property
    def parent(self) -> S3Path:
        return S3Path(self.bucket, str(PurePosixPath(self.key).parent), self.s3)

    def with_name(self, name: str) -> S3Path:
        return S3Path(self.bucket, str(PurePosixPath(self.key).with_name(name)), self.s3)

    @property
    def in_bucket(self) -> str:
        """As pyarrow names it: bucket/key."""
        return f"{self.bucket}/{self.key}"

    @property
    def filesystem(self) -> fs.FileSystem:
        """pyarrow's, which asks S3 with these keys."""
        return filesystem(self.s3)

    def exists(self) -> bool:
        return bool(self.filesystem.get_file_info(self.in_bucket).type)

    def is_dir(self) -> bool:
        from pyarrow import fs

        return bool(self.filesystem.get_file_info(self.in_bucket).type == fs.FileType.Directory)

    def is_file(self) -> bool:
        from pyarrow import fs

        return bool(self.filesystem.get_file_info(self.in_bucket).type == fs.FileType.File)

    def is_symlink(self) -> bool:
        return False

    def stat(self) -> Status:
        """Size and time of an object.

        Raises:
            FileNotFoundError: there is none.
        """
        info = self.filesystem.get_file_info(self.in_bucket)
        if not info.is_file:
            raise FileNotFoundError(str(self))
        return Status(info.size, (info.mtime_ns or 0) / 1e9)

    def walk(self, *, recursive: bool = True) -> Iterator[tuple[str, int | None]]:
        """What is in the folder: the path relative to it, and the size in bytes; None for a folder."""
        from pyarrow import fs

        selector = fs.FileSelector(self.in_bucket, allow_not_found=True, recursive=recursive)
        start = len(self.in_bucket) + 1
        for info in self.filesystem.get_file_info(selector):
            yield info.path[start:], info.size if info.is_file else None

    def iterdir(self) -> Iterator[S3Path]:
        return (self / name for name, _ in self.walk(recursive=False))

    def glob(self, pattern: str) -> Iterator[S3Path]:
        """What is directly in the folder and fits the pattern, which has no slash."""
        return (path for path in self.iterdir() if fnmatch.fnmatchcase(path.name, pattern))

    def open_file(self) -> io.IOBase:
        """The object, for reading at any place.

        Raises:
            OSError: it is not there, or cannot be read.
        """
        opened: io.IOBase = self.filesystem.open_input_file(self.in_bucket)
        return opened

    def read_bytes(self) -> bytes:
        with self.filesystem.open_input_stream(self.in_bucket) as stream:
            content: bytes = stream.read()
        return content

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def move(self, target: S3Path) -> None:
        """Copy the object to another key, where it appears whole, then delete it here."""
        self.filesystem.move(self.in_bucket, target.in_bucket)

    def delete_tree(self) -> None:
        """Delete all objects of the folder, if there are any."""
        if self.is_dir():
            self.filesystem.delete_dir(self.in_bucket)


Place: TypeAlias = Path | S3Path


def place(location: str, s3: S3) -> Place:
    """The place of a location from the settings.

    Raises:
        SettingsError: the location is on another file system, such as hdfs://.
    """
    if not location.startswith(S3_SCHEME):
        return local_path(location)
    parts = urlsplit(location)
    return S3Path(parts.netloc, unquote(parts.path).strip("/"), s3)


def lake_place(settings: Settings) -> Place:
    return place(settings.datalake.path, settings.s3)


def quarantine_place(settings: Settings) -> Place:
    return place(settings.datalake.quarantine_path, settings.s3)


def as_logged(folder: Place) -> str:
    """The path of a folder as Spark's sink log has it, without the scheme and the bucket."""
    return f"/{folder.key}" if isinstance(folder, S3Path) else folder.as_posix()


def remove_tree(folder: Place) -> None:
    """Remove a folder and all that is in it, if it is there."""
    if isinstance(folder, S3Path):
        folder.delete_tree()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def move_file(source: Place, target: Place) -> None:
    """Give a file another name in the same storage. It appears there whole."""
    if isinstance(source, S3Path):
        assert isinstance(target, S3Path)
        source.move(target)
    else:
        source.replace(str(target))


def parquet_source(path: Place) -> Any:
    """What pyarrow.parquet opens for a file.

    Raises:
        OSError: an object is not there.
    """
    return path.open_file() if isinstance(path, S3Path) else path


def parallel_reads(folder: Place) -> int:
    """How many files of a folder to read at once."""
    return _PARALLEL if isinstance(folder, S3Path) else os.cpu_count() or 1


@dataclass(frozen=True)
class Keys:
    """What a request to S3 is signed with. `session_token` is empty for keys that do not expire."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    def environment(self) -> dict[str, str]:
        """The variables that AWS's own tools and Spark read."""
        return dict(zip(KEY_VARIABLES, (self.access_key, self.secret_key, self.session_token), strict=True))


def keys_of(s3: S3, environment: Mapping[str, str] = os.environ) -> Keys:
    """The keys of the config, else those of the environment.

    Raises:
        SettingsError: neither has both.
    """
    if s3.access_key and s3.secret_key:
        return Keys(s3.access_key, s3.secret_key)
    found = Keys(*(environment.get(name, "") for name in KEY_VARIABLES))
    if not (found.access_key and found.secret_key):
        raise SettingsError(
            f"There are no keys for S3: s3.access_key and s3.secret_key of the config are empty, and so are "
            f"{KEY_VARIABLES[0]} and {KEY_VARIABLES[1]} of the environment. Set both in one of the two."
        )
    return found


@functools.lru_cache
def filesystem(s3: S3) -> fs.FileSystem:
    """pyarrow's file system with the address and the keys of the settings. Its paths are bucket/key.

    Raises:
        SettingsError: there are no keys.
    """
    from pyarrow import fs  # here: it takes 0.3 s, for a lake on S3 only

    keys, address = keys_of(s3), urlsplit(s3.endpoint)
    return fs.S3FileSystem(
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        session_token=keys.session_token or None,
        region=s3.region,
        scheme=address.scheme or "https",
        endpoint_override=address.netloc or None,
        force_virtual_addressing=not s3.path_style,
        connect_timeout=_CONNECT_TIMEOUT,
        request_timeout=_REQUEST_TIMEOUT,
        retry_strategy=fs.AwsDefaultS3RetryStrategy(max_attempts=_TRIES),
        allow_bucket_creation=True,
    )


def require_answer(where: Place) -> None:
    """Make sure that S3 answers, with these keys and for this bucket; nothing for a local folder.

    Raises:
        StorageUnreachableError: it does not.
        StorageError: it refuses, or has no such bucket.
        SettingsError: there are no keys.
    """
    if not isinstance(where, S3Path):
        return
    address = where.s3.endpoint or f"AWS, region {where.s3.region}"
    try:
        found = filesystem(where.s3).get_file_info(where.bucket)
    except OSError as error:
        if any(code in str(error) for code in _REFUSALS):
            raise StorageError(
                f"S3 at {address} refuses the bucket {where.bucket}: {_reason(error)}. Look at the keys: s3.access_key "
                f"and s3.secret_key of the config, or {' and '.join(KEY_VARIABLES[:2])}."
            ) from None
        raise StorageUnreachableError(
            f"S3 at {address} does not answer: {_reason(error)}. If it is the kit's own, `make up` starts it. Else "
            "look at s3.endpoint of the config."
        ) from None
    if not found.type:
        raise StorageError(
            f"S3 at {address} has no bucket {where.bucket}. `make up` makes it in the kit's own S3. In another, make "
            "it, or name one that is there in datalake.path."
        )


def _reason(error: OSError) -> str:
    """The cause in pyarrow's message, which begins with its own calls and ends with details."""
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return first.rpartition("AWS Error ")[2].partition("; Details")[0].partition(". Detail")[0][:120]
