"""What the records of platform events have in common.

https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#telemetry-api-objects
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from lambent.telemetry.clock import iso_time

if TYPE_CHECKING:
    from lambent.domain.trace import SampledTrace

# "failure" is the platform's own fault, "error" what the function, its runtime or an extension did.
PhaseStatus = Literal["success", "failure", "error", "timeout"]
Record: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of an invocation: `responseLatency`, `responseDuration`, `runtimeOverhead`..."""

    name: str
    start_ms: int  # since 1970
    duration: float


def spans_member(spans: tuple[Span, ...]) -> Record:
    if not spans:
        return {}
    return {
        "spans": [
            {
                "name": span.name,
                "start": iso_time(span.start_ms),
                "durationMs": round(span.duration, 3),
            }
            for span in spans
        ]
    }


def trace_member(trace: SampledTrace | None) -> Record:
    if trace is None:
        return {}
    return {
        "tracing": {"spanId": trace.segment_id, "type": "X-Amzn-Trace-Id", "value": trace.header}
    }


def tenant_member(tenant_id: str | None) -> Record:
    """https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-monitor.html"""
    return {} if tenant_id is None else {"tenantId": tenant_id}


def outcome_members(status: PhaseStatus, error_type: str | None) -> Record:
    return {"status": status} if error_type is None else {"status": status, "errorType": error_type}
