"""What the platform says about extensions and their subscriptions to telemetry.

As events of the kind in `platform_events.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lambent.telemetry import platform_lines

if TYPE_CHECKING:
    from lambent.domain.function import SystemLogLevel
    from lambent.telemetry.platform_records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """How an extension came out of the init phase."""

    type: ClassVar[str] = "platform.extension"
    name: str
    state: str  # Started, Registered, Ready, LaunchError...
    events: tuple[str, ...] = ()  # INVOKE, SHUTDOWN
    error_type: str | None = None

    @property
    def level(self) -> SystemLogLevel:
        return "INFO" if self.error_type is None else "WARN"

    def text(self) -> str:
        return platform_lines.extension(self.name, self.state, sorted(self.events), self.error_type)

    def record(self) -> Record:
        record: Record = {"name": self.name, "state": self.state, "events": sorted(self.events)}
        return record if self.error_type is None else {**record, "errorType": self.error_type}


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySubscription:
    type: ClassVar[str] = "platform.telemetrySubscription"
    level: ClassVar[SystemLogLevel] = "INFO"
    name: str
    types: tuple[str, ...]

    def text(self) -> str:
        return platform_lines.subscription("TELEMETRY", self.name, self.types)

    def record(self) -> Record:
        return {"name": self.name, "state": "Subscribed", "types": list(self.types)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsSubscription:
    """The same for the Logs API, which the Telemetry API has superseded."""

    type: ClassVar[str] = "platform.logsSubscription"
    level: ClassVar[SystemLogLevel] = "INFO"
    name: str
    types: tuple[str, ...]

    def text(self) -> str:
        return platform_lines.subscription("LOGS", self.name, self.types)

    def record(self) -> Record:
        return {"name": self.name, "state": "Subscribed", "types": list(self.types)}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsDropped:
    """Records a subscriber has lost."""

    type: ClassVar[str] = "platform.logsDropped"
    level: ClassVar[SystemLogLevel] = "WARN"
    reason: str
    dropped_records: int
    dropped_bytes: int

    def text(self) -> str | None:
        """There is no such line."""

    def record(self) -> Record:
        return {
            "reason": self.reason,
            "droppedRecords": self.dropped_records,
            "droppedBytes": self.dropped_bytes,
        }
