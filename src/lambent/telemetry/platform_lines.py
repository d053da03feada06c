"""The lines Lambda itself writes into a function's log, to the letter: people parse them.

Forms: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html and, for
failures, https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
Each is one log event and ends with a newline, as AWS's do. Durations are in milliseconds.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, Protocol
from uuid import uuid4

from lambent.domain.invocation import ErrorType
from lambent.telemetry.clock import iso_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.domain.trace import SampledTrace

InitPhase = Literal["init", "invoke"]  # "invoke": the second try, inside the first invocation
Status = Literal["failure", "error", "timeout"]


def init_start(runtime_version: str, runtime_version_arn: str) -> str:
    """`runtime_version` as in `python:3.12.v1`."""
    return (
        f"INIT_START Runtime Version: {runtime_version}\t"
        f"Runtime Version ARN: {runtime_version_arn}\n"
    )


def init_report(
    duration: float, phase: InitPhase, status: Status, error_type: str | None = None
) -> str:
    """How an initialization that failed or took too long ended."""
    ending = _ending(status, error_type)
    return f"INIT_REPORT Init Duration: {duration:.2f} ms\tPhase: {phase}\t{ending}\n"


def successful_init_report(duration: float) -> str:
    return f"INIT_REPORT Init Duration: {duration:.2f} ms\n"


def restore_start(runtime_version: str, runtime_version_arn: str) -> str:
    return (
        f"RESTORE_START Runtime Version: {runtime_version}\t"
        f"Runtime Version ARN: {runtime_version_arn}\n"
    )


def restore_report(duration: float, status: Status | None, error_type: str | None = None) -> str:
    """How long a start from a snapshot took; a status is told only when it failed."""
    line = f"RESTORE_REPORT Restore Duration: {duration:.2f} ms"
    return f"{line}\t{_ending(status, error_type)}\n" if status else f"{line}\n"


def extension(name: str, state: str, events: Sequence[str], error_type: str | None = None) -> str:
    """An extension as it is when the init phase is over."""
    line = f"EXTENSION\tName: {name}\tState: {state}\tEvents: [{', '.join(events)}]"
    return f"{line}\tError Type: {error_type}\n" if error_type else f"{line}\n"


def subscription(api: Literal["TELEMETRY", "LOGS"], name: str, types: Sequence[str]) -> str:
    """An extension has subscribed to what this environment says."""
    told = ", ".join(each.capitalize() for each in types)
    return f"{api}\tName: {name}\tState: Subscribed\tTypes: [{told}]\n"


def start(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}\n"


def end(request_id: str) -> str:
    return f"END RequestId: {request_id}\n"


def task_timed_out(request_id: str, timeout_seconds: float, at_ms: int) -> str:
    """`at_ms` since the epoch."""
    message = task_timed_out_message(timeout_seconds)
    return f"{iso_time(at_ms)} {request_id} {message}\n\n"


def task_timed_out_message(timeout_seconds: float) -> str:
    return f"Task timed out after {timeout_seconds:.2f} seconds"


def runtime_exited(request_id: str, message: str, error_type: str = ErrorType.EXIT_ERROR) -> str:
    """`message` as in `Runtime exited with error: exit status 1`."""
    return f"RequestId: {request_id} Error: {message}\n{error_type}\n"


class ReportValues(Protocol):
    """What the REPORT line tells about one invocation: `platform_events.Report`, and no other."""

    @property
    def request_id(self) -> str: ...
    @property
    def duration(self) -> float: ...
    @property
    def memory_size_mib(self) -> int: ...
    @property
    def max_memory_used_mib(self) -> int: ...
    @property
    def init_duration(self) -> float | None: ...
    @property
    def restore_duration(self) -> float | None: ...
    @property
    def status(self) -> Status | Literal["success"]: ...
    @property
    def error_type(self) -> str | None: ...
    @property
    def trace(self) -> SampledTrace | None: ...


def billed_duration(duration: float, init_duration: float | None) -> int:
    """Whole milliseconds, rounded up; since August 2025 of the initialization too.

    https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/
    """
    # As printed, with two decimals: what a float adds beyond them must not cost a millisecond.
    return math.ceil(round(duration + (init_duration or 0), 2))


def report(values: ReportValues) -> str:
    line = (
        f"REPORT RequestId: {values.request_id}\tDuration: {values.duration:.2f} ms\t"
        f"Billed Duration: {billed_duration(values.duration, values.init_duration)} ms\t"
        f"Memory Size: {values.memory_size_mib} MB\t"
        f"Max Memory Used: {values.max_memory_used_mib} MB\t"
    )
    if values.init_duration is not None:
        line += f"Init Duration: {values.init_duration:.2f} ms\t"
    if values.restore_duration is not None:
        line += (
            f"Restore Duration: {values.restore_duration:.2f} ms\t"
            f"Billed Restore Duration: {billed_duration(values.restore_duration, None)} ms\t"
        )
    if values.status != "success":
        line += _ending(values.status, values.error_type)
    if values.trace is not None:
        line += (
            f"\nXRAY TraceId: {values.trace.root}\tSegmentId: {values.trace.segment_id}\t"
            "Sampled: true\t"
        )
    return f"{line}\n"


def log_stream_name(version: str, at_ms: int, *, function_name: str = "") -> str:
    """A new stream for one execution environment: `2026/01/31/[$LATEST]<32 hexadecimal digits>`.

    In a log group that functions may share, the function's name comes before the version.
    """
    day = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y/%m/%d")
    return f"{day}/{function_name}[{version}]{uuid4().hex}"


def _ending(status: Status, error_type: str | None) -> str:
    return f"Status: {status}\tError Type: {error_type}" if error_type else f"Status: {status}"
