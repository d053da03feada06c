"""What the log store is given and answers: groups, streams, events, and questions about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

END_OF_TIME_MS = 2**63 - 1


class NoSuchLogError(Exception):
    """Raised when the log group or stream to be written is not there, or not any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup:
    account_id: str
    region: str
    name: str
    created_ms: int
    id: int = 0  # the store's
    retention_days: int | None = None
    kms_key_id: str | None = None
    log_group_class: str = "STANDARD"
    is_protected: bool = False  # against deletion
    stored_bytes: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStream:
    id: int
    group_id: int
    name: str
    created_ms: int
    last_event_ms: int  # 0: no event yet
    first_event_ms: int | None
    last_ingestion_ms: int | None


class Position(NamedTuple):
    """Where an event stands among all others: by time, then by arrival."""

    timestamp_ms: int
    event_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    position: Position
    stream: str
    ingestion_ms: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamBatch:
    """Events for one stream, in the order in which they are to be kept."""

    account_id: str
    region: str
    group: str
    stream: str
    events: Sequence[tuple[int, str]]  # milliseconds since the epoch, and the message


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupQuery:
    account_id: str
    region: str
    limit: int
    prefix: str = ""
    infix: str = ""
    log_group_class: str | None = None
    names: Sequence[str] | None = None  # only these
    after: str = ""  # the name before the first


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamQuery:
    group_id: int
    limit: int
    prefix: str = ""
    is_by_last_event: bool = False
    is_descending: bool = False
    after: tuple[int, str] | None = None  # last event, and name, of the one before the first


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    group_id: int
    stream_ids: Sequence[int] | None = None  # None: every stream
    stream_prefix: str = ""
    start_ms: int = 0
    end_ms: int = END_OF_TIME_MS  # inclusive
    after: Position | None = None  # exclusive; "before" when it goes backward
    is_backward: bool = False
    limit: int = 10_000
    matches: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    events: list[LogEvent]  # in the order they were looked at
    last: Position | None  # the last event looked at, whether it matched or not
    is_complete: bool  # there is nothing after `last`
