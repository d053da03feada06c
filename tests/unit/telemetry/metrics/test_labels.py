from __future__ import annotations

import pytest

from lambent.telemetry.metrics.labels import labels_of


def query(identifier, name="m", stat="Sum", period=60, function=None, **more):
    dimensions = [{"Name": "FunctionName", "Value": function}] if function else []
    metric = {"MetricName": name, "Dimensions": dimensions}
    return {
        "Id": identifier,
        "MetricStat": {"Metric": metric, "Stat": stat, "Period": period},
        **more,
    }


@pytest.mark.parametrize(
    ("queries", "labels"),
    [
        ([query("a", function="f")], ["m"]),
        ([query("a"), query("b", "n")], ["m", "n"]),
        ([query("a"), query("b", stat="Average")], ["m Sum", "m Average"]),
        ([query("a"), query("b", period=300)], ["m 60", "m 300"]),
        ([query("a"), query("b", stat="p9", period=1)], ["m Sum 60", "m p9 1"]),
        ([query("a", function="f"), query("b", function="g")], ["f", "g"]),
        ([query("a", function="f"), query("b", "n", function="g")], ["f m", "g n"]),
        ([query("a", Label="mine"), {"Id": "e", "Expression": "a"}], ["mine", "e"]),
        ([{"Id": "e", "Expression": "a"}], ["e"]),
    ],
)
def test_a_label_says_what_tells_queries_apart(queries, labels):
    assert list(labels_of(queries).values()) == labels
