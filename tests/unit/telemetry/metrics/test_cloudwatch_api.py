from __future__ import annotations

import pytest

from lambent.telemetry.metrics.cloudwatch_api import is_ours

LAMBDA, OTHER = "AWS/Lambda", "Mine"


def queries(*namespaces):
    metrics = [{"Id": "m", "MetricStat": {"Metric": {"Namespace": each}}} for each in namespaces]
    return {"MetricDataQueries": [*metrics, {"Id": "e", "Expression": "m"}]}


@pytest.mark.parametrize(
    ("operation", "parameters", "ours"),
    [
        ("ListMetrics", {}, True),
        ("ListMetrics", {"Namespace": LAMBDA}, True),
        ("ListMetrics", {"Namespace": OTHER}, False),
        ("GetMetricStatistics", {"Namespace": LAMBDA}, True),
        ("GetMetricStatistics", {"Namespace": OTHER}, False),
        ("GetMetricData", queries(LAMBDA), True),
        ("GetMetricData", queries(LAMBDA, OTHER), True),
        ("GetMetricData", queries(OTHER), False),
        ("GetMetricData", queries(), False),
        ("PutMetricData", {"Namespace": LAMBDA}, False),
        ("DescribeAlarms", {}, False),
    ],
)
def test_reading_metrics_of_functions_is_ours(operation, parameters, ours):
    assert is_ours(operation, parameters) is ours
