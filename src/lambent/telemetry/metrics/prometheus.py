"""What was measured since the server's start, as Prometheus reads it.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.domain.metric import BUCKETS_PER_DOUBLING
from lambent.telemetry.metrics.catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lambent.domain.metric import Aggregate, Series
    from lambent.telemetry.metrics.measurements import Totals

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NAMES = {
    "Invocations": "lambent_invocations_total",
    "Errors": "lambent_errors_total",
    "Throttles": "lambent_throttles_total",
    "Duration": "lambent_duration_seconds",
    "ProvisionedConcurrencyInvocations": "lambent_provisioned_concurrency_invocations_total",
    "ProvisionedConcurrencySpilloverInvocations": (
        "lambent_provisioned_concurrency_spillover_invocations_total"
    ),
    "AsyncEventsReceived": "lambent_async_events_received_total",
    "AsyncEventAge": "lambent_async_event_age_seconds",
    "AsyncEventsDropped": "lambent_async_events_dropped_total",
    "DeadLetterErrors": "lambent_dead_letter_errors_total",
    "DestinationDeliveryFailures": "lambent_destination_delivery_failures_total",
    "RecursiveInvocationsDropped": "lambent_recursive_invocations_dropped_total",
    "UrlRequestCount": "lambent_url_requests_total",
    "Url4xxCount": "lambent_url_client_errors_total",
    "Url5xxCount": "lambent_url_server_errors_total",
    "UrlRequestLatency": "lambent_url_request_duration_seconds",
}
# From 1 ms to 65 s and, for events in their queue, 18 hours: powers of two are ends of buckets.
_DOUBLINGS = {
    "Duration": range(17),
    "UrlRequestLatency": range(17),
    "AsyncEventAge": range(0, 27, 2),
}
_LABELS = ("account", "region", "function", "resource", "executed_version")


def exposition(totals: Totals, levels: Mapping[str, tuple[str, Mapping[str, int]]]) -> str:
    """The whole page. `levels` are gauges: by name their meaning, and their values by state."""
    lines: list[str] = []
    for metric, name in _NAMES.items():
        kind = "histogram" if CATALOGUE[metric].has_distribution else "counter"
        lines += _head(name, CATALOGUE[metric].help, kind)
        for series, by_metric in totals.items():
            if metric in by_metric:
                lines += _samples(metric, name, _labels(series), by_metric[metric])
    for name, (meaning, values) in levels.items():
        lines += _head(name, meaning, "gauge")
        lines += [f"{name}{{{_label('state', state)}}} {n}" for state, n in values.items()]
    return "\n".join(lines) + "\n"


def _head(name: str, meaning: str, kind: str) -> Iterable[str]:
    return (f"# HELP {name} {meaning}", f"# TYPE {name} {kind}")


def _samples(metric: str, name: str, labels: str, aggregate: Aggregate) -> Iterator[str]:
    if metric not in _DOUBLINGS:
        yield f"{name}{{{labels}}} {_number(aggregate.total)}"
        return
    buckets = sorted((aggregate.buckets or {}).items())
    for doubling in _DOUBLINGS[metric]:
        within = sum(n for bucket, n in buckets if bucket <= doubling * BUCKETS_PER_DOUBLING)
        seconds = _label("le", str(2**doubling / 1000))
        yield f"{name}_bucket{{{labels},{seconds}}} {within}"
    yield f'{name}_bucket{{{labels},le="+Inf"}} {aggregate.count}'
    yield f"{name}_sum{{{labels}}} {aggregate.total / 1000}"
    yield f"{name}_count{{{labels}}} {aggregate.count}"


def _labels(series: Series) -> str:
    return ",".join(_label(*pair) for pair in zip(_LABELS, series, strict=True))


def _label(name: str, value: str) -> str:
    escaped = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'{name}="{escaped}"'


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
