"""Everything one execution environment says, and who hears it.

What the platform, the function and its extensions say goes to the function's log stream in the
form its LoggingConfig wants, to extensions that have subscribed to it, and into the log tail of a
caller who asked for that.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from lambent.domain.quotas import LOG_TAIL_BYTES
from lambent.execution_environment.output.application_logs import (
    as_json_object,
    is_wanted,
    level_and_time,
    meets,
)
from lambent.telemetry.clock import iso_time, now_ms
from lambent.telemetry.platform_lines import log_stream_name

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.telemetry_api.subscriptions import TelemetrySubscriptions
    from lambent.telemetry.platform_events import PlatformEvent

# Events a JSON log has no line for: they belong to the text format, or have a record of their own.
_TEXT_ONLY = frozenset({"platform.end"})
# AWS writes these in the text form whatever the format, and people's alarms look for them.
_ALWAYS_TEXT = frozenset({"platform.fault"})


class LogStream(Protocol):
    """Where one environment's log is kept, or shown."""

    def wants(self, event_type: str) -> bool:
        """Whether it takes what the platform says of this; what a function says, it always does."""

    def append(self, timestamp_ms: int, message: str) -> None: ...

    def is_congested(self) -> bool: ...

    async def wait_writable(self) -> None: ...


class Logs(Protocol):
    def open_stream(
        self, *, account_id: str, region: str, group: str, stream: str
    ) -> LogStream: ...


class EnvironmentLog:
    """The log of one execution environment, in a stream of its own.

    Nothing here waits. Who writes much asks `is_congested` and waits with `wait_writable`.
    """

    def __init__(self, version: FunctionVersion, logs: Logs) -> None:
        logging = version.logging
        self.stream_name = log_stream_name(
            version.version,
            now_ms(),
            # Only a group of its own has streams without the function's name.
            function_name=version.name if logging.log_group else "",
        )
        self._stream = logs.open_stream(
            account_id=version.account_id,
            region=version.region,
            group=version.log_group,
            stream=self.stream_name,
        )
        self._is_json = logging.log_format == "JSON"
        self._application_level = logging.application_log_level or "INFO"
        self._system_level = logging.system_log_level or "INFO"
        self._tail: bytearray | None = None
        self._latest_ms = 0
        # Of the life at work: None while nobody can subscribe.
        self.subscriptions: TelemetrySubscriptions | None = None

    @property
    def environment_id(self) -> str:
        """The part of the stream's name that is the environment's own: 32 hexadecimal digits."""
        return self.stream_name.rpartition("]")[2]

    @property
    def wants_records(self) -> bool:
        """Whether anybody may hear of events that have no line in a text log."""
        return self._is_json or self.subscriptions is not None

    def hears(self, event_type: str) -> bool:
        """Whether anybody does. What nobody hears need not be found out, invocation by invocation."""
        return (
            self._stream.wants(event_type)
            or self._tail is not None
            or self.subscriptions is not None
        )

    def platform(self, event: PlatformEvent, at_ms: int | None = None) -> None:
        """Something the platform says; `at_ms` since 1970, now if not given."""
        at = now_ms() if at_ms is None else at_ms
        self.record(event, at)
        if self.subscriptions is not None:
            self.subscriptions.publish_platform(event, at)

    def record(self, event: PlatformEvent, at_ms: int) -> None:
        """As `platform`, but for the log only and no subscriber."""
        is_wanted = self._stream.wants(event.type)
        if not is_wanted and self._tail is None:
            return
        line = self._system_line(event, at_ms)
        if line is not None:
            self._write(at_ms, line, is_kept=is_wanted)

    def function(self, timestamp_ms: int, message: str, level: str | None = None) -> None:
        """A line the function wrote; `level` is its telemetry frame's, if it came in one."""
        if self.subscriptions is not None:
            self.subscriptions.publish_line("function", self._as_record(message), timestamp_ms)
        if self._is_json:
            if level is None:
                level, timestamp_ms = level_and_time(message, timestamp_ms)
            if not is_wanted(level, self._application_level):
                return
        self._write(timestamp_ms, message)

    def framed(self, timestamp_ms: int, message: str, level: str | None) -> None:
        """A line from a telemetry frame, which says itself when it was written.

        What the function printed before may have been read, and stamped, after that. And any code
        of the function can write a frame: none is taken to be older than the log, or of the future.
        """
        self.function(min(max(timestamp_ms, self._latest_ms), now_ms()), message, level)

    def extension(self, timestamp_ms: int, message: str) -> None:
        """A line an extension wrote. No level keeps it out of the log: AWS's are the function's."""
        if self.subscriptions is not None:
            self.subscriptions.publish_line("extension", self._as_record(message), timestamp_ms)
        self._write(timestamp_ms, message)

    def begin_tail(self) -> None:
        """From here on, keep the end of the log for a caller who asked for it."""
        self._tail = bytearray()

    def end_tail(self) -> bytes:
        """The last LOG_TAIL_BYTES since `begin_tail`; nothing without one."""
        tail, self._tail = self._tail, None
        return bytes(tail[-LOG_TAIL_BYTES:]) if tail else b""

    def is_congested(self) -> bool:
        """Whether functions and extensions should be read no further for now."""
        return self._stream.is_congested()

    async def wait_writable(self) -> None:
        await self._stream.wait_writable()

    def _system_line(self, event: PlatformEvent, at_ms: int) -> str | None:
        if not self._is_json or event.type in _ALWAYS_TEXT:
            return event.text()
        if event.type in _TEXT_ONLY or not meets(event.level, self._system_level):
            return None
        described = {"time": iso_time(at_ms), "type": event.type, "record": event.record()}
        return json.dumps(described, separators=(",", ":"), ensure_ascii=False) + "\n"

    def _as_record(self, message: str) -> str | dict[str, object]:
        line = message.rstrip("\r\n")
        return (as_json_object(line) if self._is_json else None) or line

    def _write(self, timestamp_ms: int, message: str, *, is_kept: bool = True) -> None:
        self._latest_ms = max(self._latest_ms, timestamp_ms)
        if is_kept:
            self._stream.append(timestamp_ms, message)
        if self._tail is None:
            return
        # A telemetry frame's message has no end of line of its own.
        line = message if message.endswith("\n") else f"{message}\n"
        self._tail += line.encode("utf-8", "replace")
        if len(self._tail) > 4 * LOG_TAIL_BYTES:
            del self._tail[:-LOG_TAIL_BYTES]
