"""A snapshot: every stage of the pipeline and what runs, at one moment. And the flow: how fast the rows move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

WAITS = "waits for cores"  # the state of an application on Spark's cluster
RATE_WINDOW = 10.0  # seconds over which a rate is the mean


@dataclass(frozen=True)
class NoAnswer:
    """In the place of a part that could not be read: what happened, and where."""

    text: str


@dataclass(frozen=True)
class Orders:
    """The table: its rows, and its newest created_at that is not in the future; None without such a row."""

    rows: int
    newest: datetime | None


@dataclass(frozen=True)
class StateFile:
    """The producer's state file: its text and its timestamp; None where there is none."""

    text: str | None
    timestamp: datetime | None


@dataclass(frozen=True)
class Batches:
    """The consumer's checkpoint: its last planned and its last finished batch; None for none yet.

    - `ends`: partition -> exclusive end offset of the last finished batch
    - `other_topics`: those that this batch has read, if the config's topic is none of them
    - `seconds`: from the plan of the last finished batch to its commit
    - `ended_at`: when that was, in seconds since 1970
    """

    planned: int | None
    finished: int | None
    ends: Mapping[int, int]
    other_topics: tuple[str, ...] = ()
    seconds: float | None = None
    ended_at: float | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether a batch is planned and not finished."""
        return self.planned is not None and (self.finished is None or self.finished < self.planned)


@dataclass(frozen=True)
class Day:
    """A date folder of the lake."""

    name: str
    rows: int
    files: int


@dataclass(frozen=True)
class LakeFigures:
    """The files of the lake that count, by date.

    - `uncounted`: Parquet files that the sink log does not name
    - `unreadable`: files that count and cannot be read, or not yet
    - `other_format`: what the lake is if it is not Parquet
    """

    days: tuple[Day, ...]
    uncounted: int = 0
    unreadable: int = 0
    other_format: str | None = None

    @property
    def rows(self) -> int:
        return sum(day.rows for day in self.days)

    @property
    def files(self) -> int:
        return sum(day.files for day in self.days)


@dataclass(frozen=True)
class Running:
    """A service, a program ("producer" or "consumer"), or an application on Spark's cluster.

    - `pid`, `started_at` (seconds since 1970), `memory` (bytes, with its children): None if that is not known
    - `about`: the address of a service; whose a program is, if it is not the kit's own
    """

    name: str
    state: str
    pid: int | None = None
    started_at: float | None = None
    memory: int | None = None
    about: str = ""


@dataclass(frozen=True)
class Processes:
    """What runs.

    - `taken`: a service of this clone, in whose place another program answers -> what that is; it is not asked
    - `warning`: what to do about those; empty without any
    """

    running: tuple[Running, ...]
    taken: Mapping[str, str] = field(default_factory=dict)
    warning: str = ""


@dataclass(frozen=True)
class Flow:
    """How fast rows move at each stage, in rows per second, and how many messages the consumer is behind.

    None: that is not known, or not yet.
    """

    at: float  # seconds since 1970
    inserted: float | None = None  # into Postgres
    published: float | None = None  # to the topic
    read: float | None = None  # from the topic
    written: float | None = None  # to the lake
    lag: int | None = None


@dataclass(frozen=True)
class Snapshot:
    """Everything at one moment. `topic`: partition -> end offset; empty while there is no topic.

    `quarantine`: reason -> messages; None if there is no quarantine.
    """

    at: float  # seconds since 1970
    rollnumber: str
    topic_name: str
    orders: Orders | NoAnswer
    state: StateFile | NoAnswer
    topic: Mapping[int, int] | NoAnswer
    batches: Batches | NoAnswer
    lake: LakeFigures | NoAnswer
    quarantine: Mapping[str, int] | NoAnswer | None
    processes: Processes | NoAnswer
    flow: Flow


def lags(topic: Mapping[int, int] | NoAnswer, batches: Batches | NoAnswer) -> Mapping[int, int] | None:
    """partition -> messages that are in no finished batch; None if the topic or the checkpoint is not known."""
    if isinstance(topic, NoAnswer) or isinstance(batches, NoAnswer):
        return None
    return {partition: end - batches.ends.get(partition, 0) for partition, end in topic.items()}


@dataclass(frozen=True)
class Totals:
    """What has passed each stage so far; None if that is not known. Rates come from several of these."""

    at: float  # seconds since 1970
    orders: int | None
    published: int | None
    read: int | None
    written: int | None

    @classmethod
    def of(
        cls,
        at: float,
        orders: Orders | NoAnswer,
        topic: Mapping[int, int] | NoAnswer,
        batches: Batches | NoAnswer,
        lake: LakeFigures | NoAnswer,
    ) -> Totals:
        return cls(
            at,
            None if isinstance(orders, NoAnswer) else orders.rows,
            None if isinstance(topic, NoAnswer) else sum(topic.values()),
            None if isinstance(batches, NoAnswer) else sum(batches.ends.values()),
            None if isinstance(lake, NoAnswer) else lake.rows,
        )


def recent(history: Sequence[Totals]) -> list[Totals]:
    """Those of the last RATE_WINDOW seconds; none from the future, if the machine's clock was put back."""
    return [totals for totals in history if 0 <= history[-1].at - totals.at <= RATE_WINDOW]


def flow(history: Sequence[Totals], lag: int | None) -> Flow:
    """The mean rates over `history`, which is in the order of time and not empty."""

    def rate(value: Callable[[Totals], int | None]) -> float | None:
        points = [(totals.at, count) for totals in history if (count := value(totals)) is not None]
        if len(points) < 2 or points[-1][0] <= points[0][0]:
            return None
        # A table that was emptied or a lake that was deleted: nothing has moved.
        return max(0, points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0])

    return Flow(
        history[-1].at,
        inserted=rate(lambda totals: totals.orders),
        published=rate(lambda totals: totals.published),
        read=rate(lambda totals: totals.read),
        written=rate(lambda totals: totals.written),
        lag=lag,
    )
