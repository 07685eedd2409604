"""The one reader of orders_stream.yml."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import unquote, urlsplit

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from configs.contract import parse_timestamp
from configs.errors import KitError
from configs.jdbc_url import blank_in_jdbc_url, read_jdbc_url
from configs.yaml_lines import YamlFile, read_yaml

PROJECT = Path(__file__).resolve().parent.parent
DEFAULT_CONFIG = PROJECT / "configs" / "orders_stream.yml"
ENVIRONMENT_PREFIX = "ORDERS_"
S3_SCHEME = "s3a://"


class SettingsError(KitError):
    """The config cannot be used. The message names file, key, value and what is allowed, one problem per line."""

    exit_code = 2


# The keys of the assignment: a submission's config must have all of them and needs no others.
HAND_OUT = {
    "postgres": ("jdbc_url", "host", "port", "db", "user", "password", "table"),
    "kafka": ("brokers", "topic"),
    "datalake": ("path", "format"),
    "streaming": ("checkpoint_location", "last_processed_timestamp_location", "batch_interval"),
}

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_DURATION = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:(?P<milli>ms|millis|milliseconds?)|(?P<second>s|secs?|seconds?)|(?P<minute>m|mins?|minutes?)"
    r"|(?P<hour>h|hrs?|hours?)|(?P<day>d|days?))(?:\s+|$)"
)
_UNIT_SECONDS = {"milli": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0}


def seconds_of(value: object) -> object:
    """Seconds from a number, or from text as Spark accepts it ("5 seconds", "1 minute 30 seconds")."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower().removeprefix("interval ").strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = [*_DURATION.finditer(text)]
    if not parts or "".join(part[0] for part in parts) != text:
        raise ValueError('a number of seconds, or text such as "5 seconds", "500 milliseconds" or "1 hour"')
    return sum(float(part[1]) * _UNIT_SECONDS[part.lastgroup or ""] for part in parts)


def _moment(value: object) -> object:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=timezone.utc)
    if isinstance(value, str):
        return parse_timestamp(value) if value.strip() else None
    return value


def _interval(value: object) -> object:
    """An interval for Spark, such as "7 days"; None if the config leaves it empty."""
    if value is None or (isinstance(value, str) and re.fullmatch(r"\d+ (?:second|minute|hour|day)s?", value.strip())):
        return value.strip() if isinstance(value, str) else None
    raise ValueError('empty, or an interval such as "7 days"')


def _text(value: object) -> object:
    # YAML reads 2025 or 123456 as a number, and a roll number or password can be one.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _none_is_empty(value: object) -> object:
    return "" if value is None else _text(value)


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_text), Field(min_length=1)]
Seconds = Annotated[float, BeforeValidator(seconds_of), Field(ge=0, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class _Section(BaseModel):
    # A student's file may have keys of its own.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Postgres(_Section):
    """Where the table is. `jdbc_url` serves Spark, the other keys serve the Python tools."""

    jdbc_url: Text
    host: Text
    port: Port
    db: Text
    user: Text
    password: Annotated[str, BeforeValidator(_none_is_empty)]  # empty: "trust"
    table: Text

    @model_validator(mode="after")
    def _one_database(self) -> Postgres:
        blank = blank_in_jdbc_url(self.jdbc_url)
        if blank:
            raise ValueError(blank)
        try:
            found = read_jdbc_url(self.jdbc_url, self.user)
        except ValueError as wrong:
            allowed = "allowed is jdbc:postgresql://host:port/database"
            raise ValueError(f"jdbc_url {self.jdbc_url!r} {wrong}; {allowed}") from None
        if self.port not in found.ports or found.database != self.db:
            raise ValueError(
                f"jdbc_url {self.jdbc_url!r} leads to {found}, but port is {self.port} and db is {self.db!r}. The "
                "rounds would insert where the producer does not read. Make them the same"
            )
        return self


class Kafka(_Section):
    """The brokers as host:port, comma-separated, and the topic."""

    brokers: Text
    topic: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    partitions: Annotated[int, Field(ge=1, le=1000)] = 3

    @field_validator("brokers")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        for broker in value.split(","):
            if not re.fullmatch(r"\s*(?:(?!https?:)\w+://)?[^\s:/]+:\d{1,5}\s*", broker):
                raise ValueError("host:port, several separated by commas")
        return value

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each broker, in the config's order."""
        parts = (broker.strip().rpartition(":") for broker in self.brokers.split(","))
        return tuple((host.rpartition("/")[2], int(port)) for host, _, port in parts)

    @property
    def first_broker(self) -> tuple[str, int]:
        return self.addresses[0]


class Datalake(_Section):
    """Where the Parquet lake and the rejected messages are: absolute paths or URIs, once loaded."""

    path: Text
    format: Annotated[Literal["parquet"], BeforeValidator(_lower)]  # Spark accepts upper and lower case
    quarantine_path: Text = ""  # empty: next to the lake, with _quarantine after its name


class Streaming(_Section):
    """Checkpoint and state file (absolute paths or URIs, once loaded), and the consumer's trigger in seconds.

    `duplicates_window` None: repeats are found however late they come. `state_partitions` is fixed by the first run.
    """

    checkpoint_location: Text
    last_processed_timestamp_location: Text
    batch_interval: Seconds
    max_offsets_per_trigger: Annotated[int, Field(ge=1)] = 500_000
    quarantine_checkpoint_location: Text = ""  # empty: next to the checkpoint, with _quarantine after its name
    state_partitions: Annotated[int, Field(ge=1, le=200)] = 1
    duplicates_window: Annotated[str | None, BeforeValidator(_interval)] = None


class Cdc(_Section):
    """How the producer polls. `batch_limit` None: no limit. `default_start_timestamp` None: from the first row.

    `lookback_sec` 0: rows that appear below the state are not looked for.
    """

    poll_interval_sec: Seconds = 2.0
    batch_limit: Annotated[int, Field(ge=1)] | None = 200_000
    default_start_timestamp: Annotated[datetime | None, BeforeValidator(_moment)] = None
    horizon_margin_sec: Seconds = 0.05
    fallback_lag_sec: Seconds = 5.0
    lookback_sec: Seconds = 60.0


_MASTER = r"^(local|local\[(\d+|\*)(,\d+)?\]|yarn|(spark|k8s|mesos)://\S+)$"


_Memory = Annotated[str, Field(pattern=r"^\d+[mg]$")]


class Spark(_Section):
    """What spark-submit gets for each of the two programs. `cores` and `executor_memory` are for a cluster only."""

    master: Annotated[str, Field(pattern=_MASTER)] = "local[2]"
    driver_memory: _Memory = "640m"
    cores: Annotated[int, Field(ge=1)] = 1
    executor_memory: _Memory = "640m"

    @property
    def is_cluster(self) -> bool:
        """Whether tasks run in executors, and not in the program's own JVM."""
        return not self.master.startswith("local")


class S3(_Section):
    """How a lake at s3a:// is reached. `endpoint` empty: AWS's own. Keys empty: those of the environment.

    The environment's are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    """

    endpoint: Annotated[str, BeforeValidator(_none_is_empty), Field(pattern=r"^(https?://[^\s/]+/?)?$")] = ""
    region: Text = "us-east-1"
    access_key: Annotated[str, BeforeValidator(_none_is_empty)] = ""
    secret_key: Annotated[str, BeforeValidator(_none_is_empty), Field(repr=False)] = ""
    path_style: bool = True


class Rounds(_Section):
    """How long a round waits for its rows, in seconds."""

    timeout_sec: Seconds = 120.0


class Settings(_Section):
    """orders_stream.yml, validated. `source` is the file it came from, `root` is where relative paths start."""

    source: Path
    root: Path
    rollnumber: Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,47}$")]
    postgres: Postgres
    kafka: Kafka
    datalake: Datalake
    streaming: Streaming
    cdc: Cdc = Cdc()
    spark: Spark = Spark()
    s3: S3 = S3()
    rounds: Rounds = Rounds()

    @property
    def on_s3(self) -> bool:
        """Whether the lake and the quarantine are on S3."""
        return self.datalake.path.startswith(S3_SCHEME)

    @property
    def rounds_folder(self) -> Path:
        """The records of this roll number's rounds. Those of another roll number never count."""
        return self.root / "state" / "food" / self.rollnumber / "rounds"


class HandedIn(Settings):
    """The settings of a submission: `rollnumber` is as the student wrote it; empty if the config does not say."""

    rollnumber: str
    jdbc_url_problem: str = ""  # a blank in the URL; the rest of the config can be used all the same


_ALLOWED = {
    "rollnumber": "letters, digits and _, beginning with a letter or digit, at most 48, such as 2025em1100471",
    "kafka.topic": "letters, digits, '.', '_' and '-', at most 249",
    "spark.master": "local, local[2], local[*], yarn, or an address such as spark://host:7077",
    "spark.driver_memory": "a number and m or g, such as 640m",
    "spark.executor_memory": "a number and m or g, such as 640m",
    "s3.endpoint": "empty, or an address such as http://127.0.0.1:9000",
}


def local_path(location: str) -> Path:
    """The local path of a location from the settings.

    Raises:
        SettingsError: the location is on another file system, such as s3a://.
    """
    parts = urlsplit(location)
    if parts.scheme in ("", "file"):
        return Path(unquote(parts.path) if parts.scheme else location)
    raise SettingsError(
        f"{location}: only local folders can be read here, and this is {parts.scheme}://. Use a local path."
    )


def load_settings(path: Path | str | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and validate a config file: the given one, else the one CONFIG names, else configs/orders_stream.yml.

    Relative paths in it start at the folder above `configs/`, or at the file's own folder if that has another name.
    ROLLNUMBER and ORDERS_<SECTION>__<KEY> in the environment override the file.

    Raises:
        SettingsError: the file is missing, unreadable or wrong, with one line for each problem.
    """
    environment = os.environ if environment is None else environment
    source = Path(path or environment.get("CONFIG") or DEFAULT_CONFIG).expanduser().absolute()
    file = _read(source)
    mistakes = [
        f"{_place(source, file.lines, key)}: {key} is there twice, first in line {first}. Remove one"
        for key, first in file.repeated.items()
    ]
    mistakes += [f"{name} in the environment {what}" for name, what in _wrong_variables(environment)]
    values = _with_environment(file.values, environment)
    values["rollnumber"] = _rollnumber(values)
    mistakes += [f"{_place(source, file.lines, key)}: {key} {what}" for key, what in _unfilled(values)]
    try:
        settings = _validated(Settings, values, source, values, file.lines)
    except SettingsError as error:
        raise SettingsError("\n".join([*mistakes, str(error)])) from None
    mistakes += [f"{_place(source, file.lines, key)}: {key} {what}" for key, what in _misspelt(values)]
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    if settings.streaming.checkpoint_location.rstrip("/") == settings.datalake.path.rstrip("/"):
        raise SettingsError(
            f"{_place(source, file.lines, 'streaming.checkpoint_location')}: streaming.checkpoint_location is the same "
            "folder as datalake.path. Spark would take the checkpoint's files for data. Give each its own folder"
        )
    misplaced = [f"{_place(source, file.lines, key)}: {key} {what}" for key, what in _misplaced(settings)]
    if misplaced:
        raise SettingsError("\n".join(misplaced))
    return settings


def _misplaced(settings: Settings) -> Iterator[tuple[str, str]]:
    """Locations on S3 that cannot work, or that can lose rows."""
    lake, streaming = settings.datalake, settings.streaming
    for key, location in (("path", lake.path), ("quarantine_path", lake.quarantine_path)):
        parts = urlsplit(location)
        if parts.scheme in ("s3", "s3n"):
            yield f"datalake.{key}", f"is {location!r}; Spark's name for S3 is s3a://{parts.netloc}{parts.path}"
        elif parts.scheme == "s3a" and not (parts.netloc and parts.path.strip("/")):
            yield f"datalake.{key}", f"is {location!r}; on S3 it is a bucket and a prefix, as in s3a://bucket/orders"
    if lake.quarantine_path.startswith(S3_SCHEME) != settings.on_s3:
        here, there = ("on S3", "is not") if settings.on_s3 else ("not on S3", "is")
        yield "datalake.quarantine_path", f"{there} on S3, and datalake.path is {here}. Put both on S3, or neither"
    for key in (*_STREAMING_LOCATIONS, "quarantine_checkpoint_location"):
        location = getattr(streaming, key)
        if urlsplit(location).scheme in ("s3", "s3a", "s3n"):
            yield (
                f"streaming.{key}",
                f"is {location!r}. A checkpoint or a state on S3 is slow, and Spark 3.5 can lose rows there. Name a "
                "folder of a file system that all executors share, such as checkpoints/food",
            )
    host = urlsplit(settings.s3.endpoint).hostname or ""
    if settings.on_s3 and not settings.s3.path_style and re.fullmatch(r"localhost|[\d.]+", host):
        yield "s3.path_style", f"is false, but there is no host such as bucket.{host}. Write true"


def _place(source: Path, lines: Mapping[str, int], key: str) -> str:
    return f"{source}, line {lines[key]}" if key in lines else str(source)


def _known_keys() -> dict[str, tuple[str, ...]]:
    """section -> the keys that the kit reads."""
    return {
        name: tuple(model.model_fields)
        for name, field in Settings.model_fields.items()
        if isinstance(model := field.annotation, type) and issubclass(model, _Section)
    }


def _wrong_variables(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """ORDERS_ variables that set nothing. One that resembles no key is not for the kit."""
    known = [f"{ENVIRONMENT_PREFIX}{section}__{key}".upper() for section, keys in _known_keys().items() for key in keys]
    for name in sorted(environment):
        if not name.startswith(ENVIRONMENT_PREFIX) or name.upper() in known:
            continue
        close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.85)
        if close or "__" in name:
            hint = f"did you mean {close[0]}?" if close else "the name is ORDERS_<SECTION>__<KEY>, as in the config"
            yield name, f"sets no key that the kit reads; {hint}"


def _unfilled(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Values with something else than {rollnumber} in braces, which would stay as it is."""
    for section, keys in _known_keys().items():
        found = values.get(section)
        if not isinstance(found, dict):
            continue
        for key in keys:
            other = re.search(r"\{(?!rollnumber\})\w*\}", str(found.get(key) or ""))
            if other:
                yield f"{section}.{key}", f"has {other[0]}; only {{rollnumber}} is replaced"


def load_handed_in(path: Path) -> HandedIn:
    """Read a submission's config. It must have all keys of the assignment; other keys are the student's own.

    Raises:
        SettingsError: the file is missing, unreadable or wrong, with one line for each problem.
    """
    source = path.expanduser().absolute()
    file = _read(source)
    values = file.values
    kept: dict[str, Any] = {name: _only(values[name], keys) for name, keys in HAND_OUT.items() if name in values}
    lake = values.get("datalake")
    quarantine = lake.get("quarantine_path") if isinstance(lake, dict) else None
    if isinstance(quarantine, str):  # a key of this kit; the grader reads it if it exists
        kept["datalake"]["quarantine_path"] = quarantine
    given = _text(values.get("rollnumber"))
    kept["rollnumber"] = given if isinstance(given, str) and given else _rollnumber(kept) or ""
    postgres = kept.get("postgres")
    url = postgres.get("jdbc_url") if isinstance(postgres, dict) else None
    blank = blank_in_jdbc_url(url) if isinstance(url, str) else ""
    if blank:
        kept["postgres"] = {**kept["postgres"], "jdbc_url": re.sub(r"\s", "", str(url))}
        kept["jdbc_url_problem"] = blank
    return _validated(HandedIn, kept, source, values, file.lines)


def _only(section: object, keys: tuple[str, ...]) -> object:
    return {key: section[key] for key in keys if key in section} if isinstance(section, dict) else section


Model = TypeVar("Model", bound=Settings)


def _validated(
    model: type[Model], values: dict[str, Any], source: Path, written: dict[str, Any], lines: Mapping[str, int]
) -> Model:
    """The settings from the values, with absolute locations. `written` is all that the file has."""
    root = source.parent.parent if source.parent.name == "configs" else source.parent
    filled = _filled(values, str(values["rollnumber"]))
    try:
        settings = model.model_validate({**filled, "source": source, "root": root})
    except ValidationError as error:
        raise SettingsError("\n".join(_problems(error, source, written, lines))) from None
    lake, streaming = settings.datalake, settings.streaming
    path = _absolute(lake.path, root)
    quarantine = _absolute(lake.quarantine_path, root) if lake.quarantine_path else f"{path.rstrip('/')}_quarantine"
    locations = {key: _absolute(getattr(streaming, key), root) for key in _STREAMING_LOCATIONS}
    checkpoint = locations["checkpoint_location"].rstrip("/")
    given = streaming.quarantine_checkpoint_location
    locations["quarantine_checkpoint_location"] = _absolute(given, root) if given else f"{checkpoint}_quarantine"
    return settings.model_copy(
        update={
            "datalake": lake.model_copy(update={"path": path, "quarantine_path": quarantine}),
            "streaming": streaming.model_copy(update=locations),
        }
    )


_STREAMING_LOCATIONS = ("checkpoint_location", "last_processed_timestamp_location")


def _read(source: Path) -> YamlFile:
    """The file as YAML. The roll number is the text as written: 007 is not 7."""
    try:
        file = read_yaml(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{source}: no such config file. Name one with CONFIG=path or --config path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{source}: cannot be read ({error}). Is it a text file that you may read?") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise SettingsError(f"{source}{line}: not valid YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(file.values, dict):
        raise SettingsError(f"{source}: holds no settings; expected sections such as postgres: and kafka:")
    if file.values.get("rollnumber") is not None and "rollnumber" in file.text:
        file.values["rollnumber"] = file.text["rollnumber"]
    return file


def _with_environment(values: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in values.items()}
    if environment.get("ROLLNUMBER"):
        merged["rollnumber"] = environment["ROLLNUMBER"]
    if environment.get("SPARK_MASTER"):
        merged["spark"] = {**(merged.get("spark") or {}), "master": environment["SPARK_MASTER"]}
    for name, value in environment.items():
        section, separator, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if name.startswith(ENVIRONMENT_PREFIX) and separator:
            merged[section] = {**(merged.get(section) or {}), key: value}
    return merged


def _rollnumber(values: dict[str, Any]) -> object:
    """The roll number: given, else from the table's name, which the assignment defines as `<rollnumber>_orders`."""
    if values.get("rollnumber") is not None:
        return values["rollnumber"]
    postgres = values.get("postgres")
    table = str(postgres.get("table") or "") if isinstance(postgres, dict) else ""
    return re.sub(r"_orders$", "", table.rpartition(".")[2].strip('"')) or None


def _filled(value: Any, rollnumber: str) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, rollnumber) for key, item in value.items()}
    return value.replace("{rollnumber}", rollnumber) if isinstance(value, str) else value


def _absolute(location: str, root: Path) -> str:
    if urlsplit(location).scheme:
        return location
    return str(Path(os.path.normpath(root / Path(location).expanduser())))


def _problems(error: ValidationError, source: Path, values: dict[str, Any], line_of: Mapping[str, int]) -> list[str]:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        allowed = _ALLOWED.get(key) or _in_our_words(problem)
        place = _place(source, line_of, key)
        if problem["type"] == "missing":
            lines.append(f"{source}: {key} is missing{_did_you_mean(problem['loc'], values)}")
        elif isinstance(problem["input"], dict):
            lines.append(f"{place}: {key}: {allowed}")
        else:
            shown = "***" if key in ("postgres.password", "s3.secret_key") else repr(problem["input"])
            lines.append(f"{place}: {key} is {shown}; allowed: {allowed}")
    return lines


def _in_our_words(problem: ErrorDetails) -> str:
    """What is allowed, for the kinds of pydantic's errors that a config can have."""
    context = problem.get("ctx") or {}
    bounds = {"greater_than_equal": "at least {ge}", "less_than_equal": "at most {le}"}
    if problem["type"] in bounds:
        return "a number, " + bounds[problem["type"]].format(**context)
    if problem["type"].startswith("int_"):
        return "a whole number"
    if problem["type"].startswith("float_"):
        return "a number"
    if problem["type"] == "literal_error":
        return str(context.get("expected", "")).replace("'", "")
    if problem["type"] in ("model_type", "model_attributes_type", "dict_type"):
        return "a section: its keys below it, each indented"
    return problem["msg"].removeprefix("Value error, ")


def _did_you_mean(location: tuple[int | str, ...], values: dict[str, Any]) -> str:
    section = values.get(str(location[0])) if len(location) > 1 else values
    close = difflib.get_close_matches(str(location[-1]), [*map(str, section)] if isinstance(section, dict) else [], n=1)
    return f" (did you mean {close[0]!r}, which the file has?)" if close else ""


def _misspelt(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Unknown keys that look like a missing optional one: a typo that is ignored would be a trap."""
    known = _known_keys()
    optional = [name for name in known if name not in HAND_OUT and name not in values]
    for name, section in values.items():
        close = difflib.get_close_matches(str(name), optional, n=1, cutoff=0.6)
        if name not in Settings.model_fields and close and isinstance(section, dict):
            yield str(name), f"is an unknown section; did you mean {close[0]}?"
    for name, keys in known.items():
        section = values.get(name)
        absent = [key for key in keys if key not in section] if isinstance(section, dict) else []
        for key in section if isinstance(section, dict) else ():
            close = difflib.get_close_matches(str(key), absent, n=1, cutoff=0.85)
            if key not in keys and close:
                yield f"{name}.{key}", f"is an unknown key; did you mean {name}.{close[0]}?"
