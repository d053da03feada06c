"""What the platform itself says about an execution environment, as events.

An event is cheap to make: what it says in a log (`text`), to a subscriber of the Telemetry API or
in a JSON log (`record`) is put together when somebody wants it.
Records: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html, schema
version 2022-12-13, of which `telemetry_schemas.py` makes the others.
Levels: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
All durations are in milliseconds.

What every invocation says is not frozen: a frozen one takes three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from lambent.domain.quotas import MIB
from lambent.telemetry import platform_lines
from lambent.telemetry.extension_events import (
    Extension,
    LogsDropped,
    LogsSubscription,
    TelemetrySubscription,
)
from lambent.telemetry.platform_records import (
    outcome_members,
    spans_member,
    tenant_member,
    trace_member,
)

if TYPE_CHECKING:
    from lambent.domain.function import SystemLogLevel
    from lambent.domain.trace import SampledTrace
    from lambent.telemetry.platform_lines import InitPhase
    from lambent.telemetry.platform_records import PhaseStatus, Record, Span

InitializationType = Literal["on-demand", "provisioned-concurrency", "snap-start"]


def _failed(status: PhaseStatus) -> platform_lines.Status | None:
    """The status as lines tell it: of failures only."""
    return None if status == "success" else status


@dataclass(frozen=True, slots=True, kw_only=True)
class InitStart:
    type: ClassVar[str] = "platform.initStart"
    level: ClassVar[SystemLogLevel] = "INFO"
    initialization_type: InitializationType
    phase: InitPhase
    runtime_version: str  # python:3.12.v1
    runtime_version_arn: str
    function_name: str
    function_version: str
    instance_id: str  # the log stream's name
    memory_mib: int

    def text(self) -> str | None:
        # A suppressed init, which is part of an invocation, has no line.
        if self.phase == "invoke":
            return None
        return platform_lines.init_start(self.runtime_version, self.runtime_version_arn)

    def record(self) -> Record:
        return {
            "initializationType": self.initialization_type,
            "phase": self.phase,
            "runtimeVersion": self.runtime_version,
            "runtimeVersionArn": self.runtime_version_arn,
            "functionName": self.function_name,
            "functionVersion": self.function_version,
            "instanceId": self.instance_id,
            "instanceMaxMemory": self.memory_mib * MIB,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRuntimeDone:
    type: ClassVar[str] = "platform.initRuntimeDone"
    initialization_type: InitializationType
    phase: InitPhase
    status: PhaseStatus = "success"
    error_type: str | None = None
    spans: tuple[Span, ...] = ()

    @property
    def level(self) -> SystemLogLevel:
        return "DEBUG" if self.status == "success" else "WARN"

    def text(self) -> str | None:
        """There is no such line."""

    def record(self) -> Record:
        return {
            "initializationType": self.initialization_type,
            "phase": self.phase,
            **outcome_members(self.status, self.error_type),
            **spans_member(self.spans),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    type: ClassVar[str] = "platform.initReport"
    initialization_type: InitializationType
    phase: InitPhase
    duration: float
    status: PhaseStatus = "success"
    error_type: str | None = None
    spans: tuple[Span, ...] = ()

    @property
    def level(self) -> SystemLogLevel:
        if self.status != "success":
            return "WARN"
        return "DEBUG" if self.initialization_type == "on-demand" else "INFO"

    def text(self) -> str | None:
        failed = _failed(self.status)
        if failed is not None:
            return platform_lines.init_report(self.duration, self.phase, failed, self.error_type)
        # On demand, the first REPORT line tells it; the others' invocation may come hours later.
        if self.initialization_type == "on-demand" or self.phase == "invoke":
            return None
        return platform_lines.successful_init_report(self.duration)

    def record(self) -> Record:
        return {
            "initializationType": self.initialization_type,
            "phase": self.phase,
            **outcome_members(self.status, self.error_type),
            "metrics": {"durationMs": round(self.duration, 2)},
            **spans_member(self.spans),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreStart:
    type: ClassVar[str] = "platform.restoreStart"
    level: ClassVar[SystemLogLevel] = "INFO"
    runtime_version: str
    runtime_version_arn: str
    function_name: str
    function_version: str
    instance_id: str
    memory_mib: int

    def text(self) -> str:
        return platform_lines.restore_start(self.runtime_version, self.runtime_version_arn)

    def record(self) -> Record:
        return {
            "functionName": self.function_name,
            "functionVersion": self.function_version,
            "instanceId": self.instance_id,
            "instanceMaxMemory": self.memory_mib * MIB,
            "runtimeVersion": self.runtime_version,
            "runtimeVersionArn": self.runtime_version_arn,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRuntimeDone:
    type: ClassVar[str] = "platform.restoreRuntimeDone"
    status: PhaseStatus = "success"
    error_type: str | None = None
    spans: tuple[Span, ...] = ()

    @property
    def level(self) -> SystemLogLevel:
        return "DEBUG" if self.status == "success" else "WARN"

    def text(self) -> str | None:
        """There is no such line."""

    def record(self) -> Record:
        return {**outcome_members(self.status, self.error_type), **spans_member(self.spans)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreReport:
    type: ClassVar[str] = "platform.restoreReport"
    duration: float
    status: PhaseStatus = "success"
    error_type: str | None = None
    spans: tuple[Span, ...] = ()

    @property
    def level(self) -> SystemLogLevel:
        return "INFO" if self.status == "success" else "WARN"

    def text(self) -> str:
        return platform_lines.restore_report(self.duration, _failed(self.status), self.error_type)

    def record(self) -> Record:
        return {
            **outcome_members(self.status, self.error_type),
            "metrics": {"durationMs": round(self.duration, 2)},
            **spans_member(self.spans),
        }


@dataclass(slots=True, kw_only=True)
class Start:
    type: ClassVar[str] = "platform.start"
    level: ClassVar[SystemLogLevel] = "INFO"
    request_id: str
    version: str
    trace: SampledTrace | None = None
    tenant_id: str | None = None

    def text(self) -> str:
        return platform_lines.start(self.request_id, self.version)

    def record(self) -> Record:
        return {
            "requestId": self.request_id,
            "version": self.version,
            **tenant_member(self.tenant_id),
            **trace_member(self.trace),
        }


@dataclass(slots=True, kw_only=True)
class RuntimeDone:
    """The runtime is done with an invocation; extensions may still be at work.

    An error that a function reported itself is a success of the runtime's.
    """

    type: ClassVar[str] = "platform.runtimeDone"
    request_id: str
    duration: float  # from handing over the event to the next `next`, or to the failure
    produced_bytes: int = 0
    status: PhaseStatus = "success"
    error_type: str | None = None
    spans: tuple[Span, ...] = ()
    trace: SampledTrace | None = None
    tenant_id: str | None = None

    @property
    def level(self) -> SystemLogLevel:
        return "DEBUG" if self.status == "success" else "WARN"

    def text(self) -> str | None:
        """There is no such line."""

    def record(self) -> Record:
        return {
            "requestId": self.request_id,
            **tenant_member(self.tenant_id),
            **outcome_members(self.status, self.error_type),
            **trace_member(self.trace),
            **spans_member(self.spans),
            "metrics": {
                "durationMs": round(self.duration, 3),
                "producedBytes": self.produced_bytes,
            },
        }


@dataclass(slots=True, kw_only=True)
class End:
    """The end of an invocation: a line in a text log, and an event of the Logs API only."""

    type: ClassVar[str] = "platform.end"
    level: ClassVar[SystemLogLevel] = "INFO"
    request_id: str

    def text(self) -> str:
        return platform_lines.end(self.request_id)

    def record(self) -> Record:
        return {"requestId": self.request_id}


@dataclass(slots=True, kw_only=True)
class Report:
    """What one invocation took. A function's own error is a success here, as in RuntimeDone."""

    type: ClassVar[str] = "platform.report"
    request_id: str
    duration: float
    memory_size_mib: int
    max_memory_used_mib: int
    init_duration: float | None = None  # of a cold start whose initialization succeeded
    restore_duration: float | None = None  # of the first invocation after a restore
    status: PhaseStatus = "success"
    error_type: str | None = None
    spans: tuple[Span, ...] = ()
    trace: SampledTrace | None = None
    tenant_id: str | None = None

    @property
    def level(self) -> SystemLogLevel:
        return "INFO" if self.status == "success" else "WARN"

    def text(self) -> str:
        return platform_lines.report(self)

    def record(self) -> Record:
        return {
            "requestId": self.request_id,
            **tenant_member(self.tenant_id),
            "metrics": self._metrics(),
            **outcome_members(self.status, self.error_type),
            **spans_member(self.spans),
            **trace_member(self.trace),
        }

    def _metrics(self) -> Record:
        metrics: Record = {
            "durationMs": round(self.duration, 2),
            "billedDurationMs": platform_lines.billed_duration(self.duration, self.init_duration),
            "memorySizeMB": self.memory_size_mib,
            "maxMemoryUsedMB": self.max_memory_used_mib,
        }
        if self.init_duration is not None:
            metrics["initDurationMs"] = round(self.init_duration, 2)
        if self.restore_duration is not None:
            metrics["restoreDurationMs"] = round(self.restore_duration, 2)
            metrics["billedRestoreDurationMs"] = platform_lines.billed_duration(
                self.restore_duration, None
            )
        return metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut:
    """The function's time was over."""

    type: ClassVar[str] = "platform.fault"
    level: ClassVar[SystemLogLevel] = "WARN"
    request_id: str
    timeout_seconds: float
    at_ms: int

    def text(self) -> str:
        return platform_lines.task_timed_out(self.request_id, self.timeout_seconds, self.at_ms)

    def record(self) -> str:
        return self.text().rstrip("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An invocation failed because the runtime, or an extension, is gone."""

    type: ClassVar[str] = "platform.fault"
    level: ClassVar[SystemLogLevel] = "WARN"
    request_id: str
    message: str  # Runtime exited with error: exit status 1
    error_type: str

    def text(self) -> str:
        return platform_lines.runtime_exited(self.request_id, self.message, self.error_type)

    def record(self) -> str:
        return self.text().rstrip("\n")


PlatformEvent: TypeAlias = (
    InitStart
    | InitRuntimeDone
    | InitReport
    | RestoreStart
    | RestoreRuntimeDone
    | RestoreReport
    | Start
    | RuntimeDone
    | End
    | Report
    | Extension
    | TelemetrySubscription
    | LogsSubscription
    | LogsDropped
    | TimedOut
    | Fault
)
