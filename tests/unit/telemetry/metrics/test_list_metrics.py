from __future__ import annotations

from contextlib import nullcontext

import pytest

from lambent.domain.errors import ServiceError
from lambent.telemetry.metrics import list_metrics as module
from lambent.telemetry.metrics.list_metrics import list_metrics


@pytest.fixture
def names(measurements, caller):
    """The metrics that are listed, with the values of their dimensions."""

    async def names(**request):
        answer = await list_metrics(measurements, caller, request)
        assert all(each["Namespace"] == "AWS/Lambda" for each in answer["Metrics"])
        return [
            (each["MetricName"], *(dimension["Value"] for dimension in each["Dimensions"]))
            for each in answer["Metrics"]
        ]

    return names


async def test_every_set_of_dimensions_is_a_metric(names, function):
    function("f", "live", "1").add("Errors")
    assert await names() == [
        ("Errors",),
        ("Errors", "f"),
        ("Errors", "f", "f:live"),
        ("Errors", "f", "f:live", "1"),
    ]


async def test_levels_are_listed_where_they_were_measured(names, function):
    with function().at_work(nullcontext(), is_reserved=True, provisioned=0):
        pass
    level = "ConcurrentExecutions"
    assert await names() == [(level,), (level, "f"), (level, "f", "f")]


async def test_filters_are_names_and_dimensions_with_and_without_values(names, function):
    function("f").add("Errors")
    function("g").add("Errors")
    function("g").add("Throttles")
    assert await names(MetricName="Throttles", Dimensions=[{"Name": "Resource"}]) == [
        ("Throttles", "g", "g")
    ]
    of_f = [{"Name": "FunctionName", "Value": "f"}]
    assert await names(Dimensions=of_f) == [("Errors", "f"), ("Errors", "f", "f")]
    assert await names(Dimensions=[{"Name": "Colour"}]) == []


async def test_only_what_had_data_lately_is_listed(names, function, measurements, clock):
    function().add("Errors")
    clock.minute += 4 * 60
    await measurements.write()
    assert await names(RecentlyActive="PT3H") == []
    assert len(await names()) == 3
    clock.minute += 15 * 24 * 60
    assert await names() == []


async def test_pages_go_on_where_the_last_one_ended(
    measurements, caller, function, clock, monkeypatch
):
    monkeypatch.setattr(module, "_PAGE", 2)
    function().add("Errors")
    first = await list_metrics(measurements, caller, {})
    second = await list_metrics(measurements, caller, {"NextToken": first["NextToken"]})
    assert (len(first["Metrics"]), len(second["Metrics"])) == (2, 1)
    assert "NextToken" not in second
    with pytest.raises(ServiceError, match="NextToken"):
        await list_metrics(measurements, caller, {"NextToken": "mine"})
