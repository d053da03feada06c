"""The metrics there are.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NAMESPACE = "AWS/Lambda"

Unit = Literal["Count", "Milliseconds", "Percent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricKind:
    """What is common to all measurements of one name."""

    help: str
    unit: Unit = "Count"
    # A level, such as how many are at work: that of a function is not the sum of its versions',
    # so it is measured for each on its own.
    is_level: bool = False
    has_distribution: bool = False  # whether percentiles are kept


def _level(text: str) -> MetricKind:
    return MetricKind(help=text, is_level=True)


CATALOGUE = {
    "Invocations": MetricKind(help="Invocations that ran function code."),
    "Errors": MetricKind(help="Invocations that ended in a function error."),
    "Throttles": MetricKind(help="Invocations refused for want of concurrency."),
    "Duration": MetricKind(
        help="Time that function code took.", unit="Milliseconds", has_distribution=True
    ),
    "ConcurrentExecutions": _level("Invocations at work at one time."),
    "UnreservedConcurrentExecutions": _level(
        "Invocations at work of functions without reserved concurrency."
    ),
    "ProvisionedConcurrentExecutions": _level("Invocations at work on provisioned concurrency."),
    "ProvisionedConcurrencyUtilization": _level("Share of provisioned concurrency at work."),
    "ProvisionedConcurrencyInvocations": MetricKind(help="Invocations on provisioned concurrency."),
    "ProvisionedConcurrencySpilloverInvocations": MetricKind(
        help="Invocations that found all provisioned concurrency at work."
    ),
    "AsyncEventsReceived": MetricKind(help="Events accepted for asynchronous invocation."),
    "AsyncEventAge": MetricKind(
        help="Time from accepting an event until the function was invoked for it.",
        unit="Milliseconds",
        has_distribution=True,
    ),
    "AsyncEventsDropped": MetricKind(help="Events given up without a successful invocation."),
    "DeadLetterErrors": MetricKind(help="Events that could not be sent to a dead-letter queue."),
    "DestinationDeliveryFailures": MetricKind(
        help="Records that could not be sent to a destination."
    ),
    "RecursiveInvocationsDropped": MetricKind(
        help="Invocations that were stopped in a recursive loop."
    ),
    "UrlRequestCount": MetricKind(help="Requests to function URLs."),
    "Url4xxCount": MetricKind(help="Requests to function URLs answered with a 4xx status."),
    "Url5xxCount": MetricKind(help="Requests to function URLs answered with a 5xx status."),
    "UrlRequestLatency": MetricKind(
        help="Time from a function URL's request until its answer.",
        unit="Milliseconds",
        has_distribution=True,
    ),
}
