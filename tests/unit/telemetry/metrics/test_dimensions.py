from __future__ import annotations

import pytest

from lambent.domain.metric import Series
from lambent.telemetry.metrics.dimensions import dimensions_of, selection_of

ACCOUNT = ("000000000000", "us-east-1")


def selected(metric="Errors", **dimensions):
    return selection_of(*ACCOUNT, metric, dimensions)


def test_dimensions_say_which_series():
    found = selected(FunctionName="f", Resource="f:live", ExecutedVersion="1")
    assert found.series == Series(*ACCOUNT, "f", "f:live", "1")
    assert not found.is_exact
    assert selected("ConcurrentExecutions").is_exact


@pytest.mark.parametrize(
    "dimensions",
    [
        {"Resource": "f"},
        {"FunctionName": "f", "ExecutedVersion": "1"},
        {"FunctionName": ""},
        {"Colour": "red"},
    ],
)
def test_other_dimensions_select_nothing(dimensions):
    assert selected(**dimensions) is None


def test_a_metric_that_is_unknown_selects_nothing():
    assert selected("Invented", FunctionName="f") is None


@pytest.mark.parametrize(
    ("fields", "metric", "sizes"),
    [
        (("f", "f:live", "1"), "Errors", [0, 1, 2, 3]),
        (("f", "f"), "Errors", [0, 1, 2]),
        (("f", "f"), "ConcurrentExecutions", [2]),
        ((), "ConcurrentExecutions", [0]),
    ],
)
def test_what_is_listed_can_be_selected(fields, metric, sizes):
    series = Series(*ACCOUNT, *fields)
    found = list(dimensions_of(series, metric))
    assert [len(each) for each in found] == sizes
    for each in found:
        assert selection_of(*ACCOUNT, metric, dict(each)) is not None
