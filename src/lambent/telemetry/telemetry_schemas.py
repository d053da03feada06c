"""Platform events as each schema version of the Telemetry API and the Logs API has them.

https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html and
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html
Subscribers read these with strict parsers: an event their schema does not have is not for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.telemetry.platform_events import PlatformEvent
    from lambent.telemetry.platform_records import Record

TELEMETRY_SCHEMAS = ("2022-07-01", "2022-12-13", "2025-01-29")
LOGS_SCHEMAS = ("2020-08-15", "2021-03-18")

_IN_TELEMETRY = frozenset(
    f"platform.{name}"
    for name in (
        *("initStart", "initRuntimeDone", "initReport"),
        *("start", "runtimeDone", "report"),
        *("extension", "telemetrySubscription", "logsDropped"),
    )
)
_RESTORE = {"platform.restoreStart", "platform.restoreRuntimeDone", "platform.restoreReport"}
_IN_LOGS = frozenset(
    f"platform.{name}"
    for name in ("start", "end", "report", "fault", "extension", "logsSubscription", "logsDropped")
)
_TYPES = {
    "2022-07-01": _IN_TELEMETRY,
    "2022-12-13": _IN_TELEMETRY | _RESTORE,
    "2025-01-29": _IN_TELEMETRY | _RESTORE,
    "2020-08-15": _IN_LOGS,
    "2021-03-18": _IN_LOGS | {"platform.runtimeDone"},
}
_LOGS_MEMBERS = {
    "platform.start": {"requestId", "version", "tracing"},
    "platform.report": {"requestId", "metrics", "tracing"},
    "platform.runtimeDone": {"requestId", "status", "tracing"},
}
# Where a schema's record has fewer members than the event tells.
_MEMBERS = {
    "2022-07-01": {
        "platform.initStart": {
            *("initializationType", "phase", "runtimeVersion", "runtimeVersionArn")
        },
        "platform.initReport": {"initializationType", "phase", "metrics", "spans"},
    },
    "2020-08-15": _LOGS_MEMBERS,
    "2021-03-18": _LOGS_MEMBERS,
}


def record_in(event: PlatformEvent, schema: str) -> Record | str | None:
    """The event's record in a schema version, one of those above; None where it has no such event.

    Raises nothing: every event can be told in every schema that has it.
    """
    if event.type not in _TYPES[schema]:
        return None
    record = event.record()
    members = _MEMBERS.get(schema, {}).get(event.type)
    if members is None or isinstance(record, str):
        return record
    told = {name: value for name, value in record.items() if name in members}
    if schema in LOGS_SCHEMAS and told.get("status") == "error":
        told["status"] = "failure"  # the Logs API does not tell the two apart
    return told
