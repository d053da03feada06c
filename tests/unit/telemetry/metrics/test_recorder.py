from __future__ import annotations

from contextlib import contextmanager, nullcontext

import pytest

from lambent.domain.metric import Series
from lambent.telemetry.metrics.recorder import Metrics

FUNCTION = ("000000000000", "us-east-1", "f")
ACCOUNT = Series(*FUNCTION[:2])


@pytest.fixture
def metrics():
    return Metrics()


def at_work(function, *, is_reserved=False, provisioned=0):
    return function.at_work(nullcontext(), is_reserved=is_reserved, provisioned=provisioned)


def measured(minutes, metric):
    return {each.series[2:]: each.aggregate for each in minutes if each.metric == metric}


def test_what_one_qualifier_adds_is_its_own(metrics):
    metrics.of(*FUNCTION, None, "$LATEST").invoked(5.0, is_error=False)
    metrics.of(*FUNCTION, "live", "2").invoked(7.0, is_error=True)
    metrics.of(*FUNCTION, "3", "3").add("Invocations")
    found = measured(metrics.now(1), "Invocations")
    assert {key: each.count for key, each in found.items()} == {
        ("f", "f", ""): 1,
        ("f", "f:live", "2"): 1,
        ("f", "f:3", ""): 1,
    }
    errors = measured(metrics.now(1), "Errors")
    assert (errors["f", "f", ""].count, errors["f", "f", ""].total) == (1, 0)
    assert errors["f", "f:live", "2"].total == 1
    assert measured(metrics.now(1), "Duration")["f", "f", ""].buckets


def test_taking_begins_anew(metrics):
    function = metrics.of(*FUNCTION, None, None)
    function.add("Throttles")
    [taken] = metrics.take(7)
    assert (taken.minute, taken.metric, taken.aggregate.total) == (7, "Throttles", 1)
    assert metrics.now(8) == []
    function.add("Throttles")  # as one that began in the minute before
    assert [each.aggregate.total for each in metrics.now(8)] == [1]
    assert taken.aggregate.total == 1


def test_levels_are_of_the_account_the_function_and_its_resource(metrics):
    function, alias = metrics.of(*FUNCTION, None, "1"), metrics.of(*FUNCTION, "live", "1")
    other = metrics.of(*FUNCTION[:2], "g", None, None)
    with at_work(function), at_work(alias), at_work(other):
        pass
    found = measured(metrics.now(1), "ConcurrentExecutions")
    most = {key: each.most for key, each in found.items()}
    assert most == {
        ("", "", ""): 3,
        ("f", "", ""): 2,
        ("f", "f", ""): 1,
        ("f", "f:live", ""): 1,
        ("g", "", ""): 1,
        ("g", "g", ""): 1,
    }


def test_functions_with_reserved_concurrency_are_not_among_the_unreserved(metrics):
    function = metrics.of(*FUNCTION, None, None)
    with at_work(function), at_work(function, is_reserved=True):
        pass
    found = measured(metrics.now(1), "UnreservedConcurrentExecutions")
    assert {key: each.most for key, each in found.items()} == {("", "", ""): 1}


def test_provisioned_concurrency_at_work_is_a_share(metrics):
    function = metrics.of(*FUNCTION, "live", "1")
    with at_work(function, provisioned=4), at_work(function, provisioned=4):
        pass
    now = metrics.now(1)
    assert measured(now, "ProvisionedConcurrentExecutions")["f", "f:live", ""].most == 2
    assert measured(now, "ProvisionedConcurrencyUtilization")["f", "", ""].most == 0.5
    assert measured(now, "ProvisionedConcurrencyInvocations")["f", "f:live", "1"].total == 2


def test_what_goes_on_is_at_work_in_the_next_minute_too(metrics):
    with at_work(metrics.of(*FUNCTION, None, None)):
        metrics.take(1)
        with at_work(metrics.of(*FUNCTION, None, None)):
            pass
        found = measured(metrics.take(2), "ConcurrentExecutions")
        assert (found["", "", ""].least, found["", "", ""].most) == (1, 2)
    assert measured(metrics.take(3), "ConcurrentExecutions")["", "", ""].most == 1
    assert metrics.take(4) == []


def test_the_place_of_an_invocation_is_given_back_whatever_comes(metrics):
    entered = []

    @contextmanager
    def place():
        entered.append("in")
        try:
            yield
        finally:
            entered.append("out")

    function = metrics.of(*FUNCTION, None, None)
    with (
        pytest.raises(ValueError, match="broken"),
        function.at_work(place(), is_reserved=False, provisioned=0),
    ):
        raise ValueError("broken")
    assert entered == ["in", "out"]
    metrics.take(1)
    assert metrics.take(2) == []


def test_an_unknown_metric_is_a_mistake_of_the_program(metrics):
    with pytest.raises(KeyError):
        metrics.of(*FUNCTION, None, None).add("Invented")


def test_requests_to_a_url_are_counted_by_what_they_were_answered(metrics):
    url = metrics.of(*FUNCTION, "$LATEST", None)
    for status in (200, 301, 403, 429, 502):
        url.url_answered(status, 2.0)
    found = {each.metric: each for each in metrics.now(1)}
    counts = {metric: each.aggregate.total for metric, each in found.items()}
    assert counts == {
        "UrlRequestCount": 5,
        "Url4xxCount": 2,
        "Url5xxCount": 1,
        "UrlRequestLatency": 10,
    }
    assert found["Url4xxCount"].aggregate.count == 5
    assert found["UrlRequestLatency"].aggregate.buckets
    assert found["UrlRequestCount"].series[2:] == ("f", "f:$LATEST", "")
