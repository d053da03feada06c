from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError
from lambent.telemetry.metrics import get_metric_data as module
from lambent.telemetry.metrics.get_metric_data import get_metric_data


def query(identifier="m", metric="Invocations", stat="Sum", period=60, **more):
    wanted = {
        "Namespace": more.pop("namespace", "AWS/Lambda"),
        "MetricName": metric,
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
    }
    stated = {"Metric": wanted, "Period": period, "Stat": stat, **more.pop("stated", {})}
    return {"Id": identifier, "MetricStat": stated, **more}


def math(identifier, expression, **more):
    return {"Id": identifier, "Expression": expression, **more}


@pytest.fixture
def ask(measurements, caller, clock):
    async def ask(*queries, before=10, **more):
        request = {"MetricDataQueries": list(queries), **clock.window(before), **more}
        return await get_metric_data(measurements, caller, request)

    return ask


@pytest.fixture
async def measured(measurements, function, clock):
    """Two invocations a minute ago, of which one failed, and one now."""
    function().invoked(10.0, is_error=False)
    function().invoked(20.0, is_error=True)
    await measurements.write()
    clock.minute += 1
    await measurements.write()
    function().invoked(30.0, is_error=False)


async def refusal(ask, *queries, **more):
    with pytest.raises(ServiceError) as caught:
        await ask(*queries, **more)
    return caught.value


async def test_the_newest_comes_first_unless_asked_otherwise(ask, measured, clock):
    [result] = (await ask(query()))["MetricDataResults"]
    assert result == {
        "Id": "m",
        "Label": "Invocations",
        "Timestamps": [clock.at(0), clock.at(-1)],
        "Values": [1.0, 2.0],
        "StatusCode": "Complete",
    }
    [result] = (await ask(query(), ScanBy="TimestampAscending"))["MetricDataResults"]
    assert result["Values"] == [2.0, 1.0]


async def test_periods_begin_at_the_start(ask, measured, clock):
    [result] = (await ask(query(period=300), before=7))["MetricDataResults"]
    assert (result["Timestamps"], result["Values"]) == ([clock.at(-2)], [3.0])


@pytest.mark.parametrize(
    ("stat", "values"),
    [
        ("SampleCount", [1, 2]),
        ("Average", [30, 15]),
        ("Minimum", [30, 10]),
        ("Maximum", [30, 20]),
        ("p100", [30, 20]),
    ],
)
async def test_statistics_are_of_each_period(ask, measured, stat, values):
    [result] = (await ask(query(metric="Duration", stat=stat)))["MetricDataResults"]
    assert result["Values"] == values


async def test_what_is_not_measured_has_no_values(ask, measured):
    unknown = query("a", "Invented")
    of_other_unit = query("b", stated={"Unit": "Seconds"})
    without_distribution = query("c", "Errors", "p50", period=1200)
    answer = await ask(unknown, of_other_unit, without_distribution)
    assert [each["Values"] for each in answer["MetricDataResults"]] == [[], [], []]


async def test_expressions_are_of_what_has_the_identifiers(ask, measured):
    answer = await ask(
        math("rate", "100 * e / m"),
        query(ReturnData=False),
        query("e", "Errors", ReturnData=False),
        math("twice", "rate * 2", Label="double"),
    )
    [rate, twice] = answer["MetricDataResults"]
    assert (rate["Label"], rate["Values"]) == ("rate", [0, 50])
    assert (twice["Label"], twice["Values"]) == ("double", [0, 100])


async def test_fill_has_a_value_for_every_period(ask, measured):
    answer = await ask(query(ReturnData=False), math("e", "FILL(m, 0)"), before=3)
    assert answer["MetricDataResults"][0]["Values"] == [1, 2, 0, 0]


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        ([query(), query()], "not unique"),
        ([{"Id": "m"}], "exactly one"),
        ([query(stat="tm90")], "not available"),
        ([query(period=61)], "multiple of 60"),
        ([query(AccountId="999999999999")], "other accounts"),
        ([query(), query("n", namespace="Mine")], "two requests"),
        ([query(), math("e", "SELECT 1")], "not available"),
        ([query(), math("e", "SEARCH('{AWS/Lambda}', 'Sum')")], "there is no SEARCH here"),
        ([math("e", "ANOMALY_DETECTION_BAND(m, 2)")], "there is no ANOMALY_DETECTION_BAND here"),
        ([query(), math("e", "m +")], "Error in expression 'e': Syntax error"),
        ([query("M")], "The value M for parameter MetricDataQueries.member.1.Id is not matching"),
        ([query(), query("1a")], "MetricDataQueries.member.2.Id"),
        ([query(), math("e", "x + m")], "can not refer to 'x'"),
        ([query(), math("a", "b"), math("b", "a")], "can not refer"),
        ([query(), query("n", period=120), math("e", "m + n")], "same period"),
        ([math("e", "1 + 1")], "no metric"),
        ([query(f"m{number}") for number in range(501)], "more than 500"),
        ([query(), *(math(f"e{n}", f"e{n + 1}") for n in range(30)), math("e30", "m")], "refer"),
    ],
)
async def test_what_makes_no_sense_is_refused(ask, queries, message):
    assert message in (await refusal(ask, *queries)).message


async def test_an_expression_does_not_take_long(ask, measured):
    long = math("e", "+".join(["m"] * 1000))
    error = await refusal(ask, query(), long, before=10_000)
    assert "too much computing" in error.message
    error = await refusal(ask, query(), math("e", "FILL(m, 0)"), before=200_000)
    assert "too many periods" in error.message


async def test_more_than_can_be_answered_is_refused(ask, measured, monkeypatch):
    monkeypatch.setattr(module, "_MOST_VALUES", 3)
    assert "too many datapoints" in (await refusal(ask, query("a"), query("b"))).message


async def test_pages_go_on_where_the_last_one_ended(ask, measured):
    queries = [query("a"), query("b"), query("c", "Throttles")]
    pages = []
    token: dict[str, str] = {}
    while True:
        page = await ask(*queries, MaxDatapoints=3, **token)
        pages.append(
            [(each["Id"], each["Values"], each["StatusCode"]) for each in page["MetricDataResults"]]
        )
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert pages == [
        [("a", [1, 2], "Complete"), ("b", [1], "PartialData")],
        [("b", [2], "Complete"), ("c", [0, 0], "Complete")],
    ]
    assert (await refusal(ask, *queries, NextToken="x")).code == "InvalidNextToken"
