from __future__ import annotations

import pytest

from lambent.domain.metric import Aggregate
from lambent.telemetry.metrics.statistics import needs_buckets, percentile_of, statistic_of


@pytest.mark.parametrize(
    ("name", "value"),
    [("SampleCount", 2), ("Sum", 4), ("Average", 2), ("Minimum", 1), ("Maximum", 3), ("p100", 3)],
)
def test_statistics_are_of_an_aggregate(name, value):
    aggregate = Aggregate(buckets={})
    aggregate.add(1)
    aggregate.add(3)
    statistic = statistic_of(name)
    assert statistic is not None
    assert statistic(aggregate) == value


@pytest.mark.parametrize("name", ["p0", "p50", "p99.99", "p100", "p100.0"])
def test_percentiles_are_numbers_up_to_a_hundred(name):
    assert percentile_of(name) is not None
    assert needs_buckets(name)


@pytest.mark.parametrize(
    "name", ["p101", "p100.1", "p-1", "p", "tm90", "IQM", "sum", "p5\u0660", ""]
)
def test_others_are_unknown(name):
    assert statistic_of(name) is None
