from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError
from lambent.telemetry.metrics.get_metric_statistics import get_metric_statistics


@pytest.fixture
def ask(measurements, caller, clock):
    async def ask(before=10, **more):
        request = {
            "Namespace": "AWS/Lambda",
            "MetricName": "Duration",
            "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
            "Period": 60,
            **clock.window(before),
            **more,
        }
        return await get_metric_statistics(measurements, caller, request)

    return ask


async def test_every_statistic_asked_for_is_in_each_datapoint(ask, function, clock):
    function().invoked(10.0, is_error=False)
    function().invoked(20.0, is_error=False)
    assert await ask(Statistics=["Sum", "SampleCount"]) == {
        "Label": "Duration",
        "Datapoints": [
            {"Timestamp": clock.at(0), "Unit": "Milliseconds", "Sum": 30, "SampleCount": 2}
        ],
    }


async def test_percentiles_have_a_place_of_their_own(ask, function):
    for value in range(1, 101):
        function().invoked(value, is_error=False)
    [point] = (await ask(ExtendedStatistics=["p50", "p99.9"]))["Datapoints"]
    assert point["ExtendedStatistics"]["p50"] == pytest.approx(50, rel=0.05)
    assert point["ExtendedStatistics"]["p99.9"] == pytest.approx(100, rel=0.05)


async def test_percentiles_that_are_not_known_are_left_out(ask, function):
    function().invoked(1, is_error=True)
    function().invoked(1, is_error=False)
    [point] = (await ask(MetricName="Errors", ExtendedStatistics=["p50"]))["Datapoints"]
    assert "ExtendedStatistics" not in point


@pytest.mark.parametrize(
    "asked",
    [
        {"Dimensions": [{"Name": "FunctionName", "Value": "g"}]},
        {"Dimensions": [{"Name": "Resource", "Value": "f"}]},
        {"Dimensions": [{"Name": "Colour", "Value": "f"}]},
        {"MetricName": "Invented"},
        {"Unit": "Count"},
    ],
)
async def test_there_are_no_datapoints_of_what_is_not_measured(ask, function, asked):
    function().invoked(10.0, is_error=False)
    assert (await ask(Statistics=["Sum"], **asked))["Datapoints"] == []


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ({}, "MissingRequiredParameterException", "must be specified"),
        (
            {"Statistics": ["Sum"], "ExtendedStatistics": ["p50"]},
            "InvalidParameterCombinationException",
            "mutually exclusive",
        ),
        ({"ExtendedStatistics": ["tm99"]}, "InvalidParameterValueException", "'tm99'"),
        ({"Statistics": ["Sum"], "Period": 90}, "InvalidParameterValueException", "Period"),
        (
            {"Statistics": ["Sum"], "before": 1440},
            "InvalidParameterCombinationException",
            "up to 1441 datapoints, which exceeds the limit of 1440",
        ),
        ({"Statistics": ["Sum"], "before": -1}, "InvalidParameterValueException", "StartTime"),
    ],
)
async def test_what_makes_no_sense_is_refused(ask, asked, code, message):
    with pytest.raises(ServiceError, match=message) as caught:
        await ask(**asked)
    assert caught.value.code == code
