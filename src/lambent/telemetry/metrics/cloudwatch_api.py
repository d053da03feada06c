"""CloudWatch's operations that read the metrics of functions, by their names in its model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from lambent.telemetry.metrics.catalogue import NAMESPACE
from lambent.telemetry.metrics.get_metric_data import get_metric_data
from lambent.telemetry.metrics.get_metric_statistics import get_metric_statistics
from lambent.telemetry.metrics.list_metrics import list_metrics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.caller import Caller
    from lambent.telemetry.metrics.measurements import Measurements

Operation: TypeAlias = Callable[
    ["Measurements", "Caller", dict[str, Any]], Awaitable[dict[str, Any]]
]

OPERATIONS: dict[str, Operation] = {
    "GetMetricData": get_metric_data,
    "GetMetricStatistics": get_metric_statistics,
    "ListMetrics": list_metrics,
}


def is_ours(operation: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a request is for metrics of functions, and not for what a neighbour keeps.

    Listing metrics of no certain namespace lists those of functions.
    """
    if operation == "GetMetricData":
        queries = parameters.get("MetricDataQueries", ())
        metrics = [each["MetricStat"]["Metric"] for each in queries if "MetricStat" in each]
        if metrics:
            return any(metric.get("Namespace") == NAMESPACE for metric in metrics)
        # SEARCH and SELECT name what they read themselves.
        return any(NAMESPACE in each.get("Expression", "") for each in queries)
    return operation in OPERATIONS and parameters.get("Namespace", NAMESPACE) == NAMESPACE
