"""Formats of lakes other than plain Parquet: told by the names of files and folders, without reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from configs.storage import Place
from configs.wording import counted
from grader.evidence.listing import PARQUET_SUFFIXES, file_names, folder_names

_NAMES = {".csv": "CSV", ".json": "JSON", ".jsonl": "JSON", ".orc": "ORC", ".avro": "Avro", ".txt": "text"}
_COMPRESSED = ("", ".gz", ".bz2", ".snappy", ".deflate", ".lz4", ".zst")
OTHER_SUFFIXES = tuple(f"{suffix}{ending}" for suffix in _NAMES for ending in _COMPRESSED)
_ICEBERG_METADATA = ".metadata.json"


def format_of(name: str) -> str | None:
    """The format that a data file's name shows, such as "CSV"; None if it is Parquet or unknown."""
    if name.startswith((".", "_")):
        return None
    return next(
        (_NAMES[suffix] for suffix in _NAMES if name.endswith(tuple(suffix + end for end in _COMPRESSED))), None
    )


def table_format(folder: Place) -> str | None:
    """Delta, Iceberg or Hudi, if the folder is such a table. Its Parquet files alone do not say which rows count."""
    names = folder_names(folder)
    if "_delta_log" in names:
        return "Delta"
    if ".hoodie" in names:
        return "Hudi"
    if "metadata" in names and any(name.endswith(_ICEBERG_METADATA) for name in file_names(folder / "metadata")):
        return "Iceberg"
    return None


def described(folder: Place, others: Iterable[str], parquet_files: int) -> str | None:
    """What a lake in another format is, with the number of its files; None for plain Parquet.

    `others` are the names of data files in other formats. Next to Parquet files they decide nothing.
    """
    table = table_format(folder)
    if table is not None:
        data = [name for name in others if not name.startswith("metadata/")]  # Iceberg's own
        files = counted(parquet_files + len(data), "data file")
        return f"{_article(table)} {table} table with {files}, not plain Parquet"
    formats = Counter(filter(None, (format_of(name.rpartition("/")[2]) for name in others)))
    if parquet_files or not formats:
        return None
    name, _ = formats.most_common(1)[0]
    return f"{_article(name)} {name} lake: {counted(formats.total(), 'file')} present, none of them Parquet"


def _article(name: str) -> str:
    return "an" if name[0] in "AEIO" else "a"


def is_data(name: str) -> bool:
    """Whether a file's name is that of data, in any format."""
    return name[0] not in "._" and (name.endswith(PARQUET_SUFFIXES) or format_of(name) is not None)
