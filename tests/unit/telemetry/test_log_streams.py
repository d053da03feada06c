from __future__ import annotations

import pytest

from lambent.domain.errors import ServiceError

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:g"


async def names(client, **request):
    answer = await client("DescribeLogStreams", logGroupName="g", **request)
    return [stream["logStreamName"] for stream in answer["logStreams"]]


async def paged(client, **request):
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await client("DescribeLogStreams", logGroupName="g", limit=2, **request, **token)
        seen += [stream["logStreamName"] for stream in page["logStreams"]]
        if "nextToken" not in page:
            return seen
        token = {"nextToken": page["nextToken"]}


async def test_a_stream_without_events_has_no_times(client):
    await client.make("g", "s")
    [stream] = (await client("DescribeLogStreams", logGroupName="g"))["logStreams"]
    assert stream.pop("creationTime") > 1_700_000_000_000
    assert {name: value for name, value in stream.items() if value is not None} == {
        "logStreamName": "s",
        "arn": f"{ARN}:log-stream:s",
        "storedBytes": 0,
    }


async def test_a_stream_with_events_tells_their_times(client):
    await client.make("g", "s")
    await client.put("g", "s", "one", "two", "three")
    await client.put("g", "s", "four", "five", "six", "seven", "eight", "nine")
    [stream] = (await client("DescribeLogStreams", logGroupName="g"))["logStreams"]
    events = (await client("FilterLogEvents", logGroupName="g"))["events"]
    assert stream["firstEventTimestamp"] == events[0]["timestamp"]
    assert stream["lastEventTimestamp"] == events[-1]["timestamp"]
    assert stream["lastIngestionTime"] == max(event["ingestionTime"] for event in events)
    assert len(stream["uploadSequenceToken"]) == 56


async def test_a_second_stream_of_the_name_is_refused(client):
    await client.make("g", "s")
    with pytest.raises(ServiceError, match="The specified log stream already exists") as failure:
        await client("CreateLogStream", logGroupName="g", logStreamName="s")
    assert failure.value.code == "ResourceAlreadyExistsException"


async def test_a_deleted_stream_takes_its_events_with_it(client):
    await client.make("g", "s", "other")
    await client.put("g", "s", "gone")
    await client.put("g", "other", "kept")
    await client("DeleteLogStream", logGroupName="g", logStreamName="s")
    assert await names(client) == ["other"]
    events = (await client("FilterLogEvents", logGroupName="g"))["events"]
    assert [event["message"] for event in events] == ["kept"]
    with pytest.raises(ServiceError, match="The specified log stream does not exist"):
        await client("DeleteLogStream", logGroupName="g", logStreamName="s")


async def test_streams_are_listed_by_name_with_a_prefix(client):
    await client.make("g", "b2", "a", "b1", "c")
    assert await names(client) == ["a", "b1", "b2", "c"]
    assert await names(client, descending=True) == ["c", "b2", "b1", "a"]
    assert await names(client, logStreamNamePrefix="b") == ["b1", "b2"]


async def test_streams_are_listed_by_their_last_event(client):
    await client.make("g", "late", "never", "early")
    await client.put("g", "early", "m", now=None)
    await client.put("g", "late", "m", "n")
    early = (await client("DescribeLogStreams", logGroupName="g"))["logStreams"][0]
    await client.put("g", "late", "o", now=early["lastEventTimestamp"] + 1000)
    assert await names(client, orderBy="LastEventTime") == ["never", "early", "late"]
    expected = ["late", "early", "never"]
    assert await names(client, orderBy="LastEventTime", descending=True) == expected


@pytest.mark.parametrize("order", ["LogStreamName", "LastEventTime"])
@pytest.mark.parametrize("descending", [False, True])
async def test_pages_hold_every_stream_once(client, order, descending):
    await client.make("g", *(f"s{number}" for number in range(7)))
    for number in (2, 5, 3):
        await client.put("g", f"s{number}", "m")
    assert sorted(await paged(client, orderBy=order, descending=descending)) == [
        f"s{number}" for number in range(7)
    ]


async def test_pages_keep_to_the_prefix_in_both_directions(client):
    await client.make("g", "a", "b1", "b2", "b3", "b4", "c")
    expected = ["b1", "b2", "b3", "b4"]
    assert await paged(client, logStreamNamePrefix="b") == expected
    assert await paged(client, logStreamNamePrefix="b", descending=True) == expected[::-1]


async def test_last_event_time_takes_no_prefix(client):
    await client.make("g")
    with pytest.raises(ServiceError, match="Cannot order by LastEventTime with a logStream"):
        await names(client, orderBy="LastEventTime", logStreamNamePrefix="b")


@pytest.mark.parametrize("identifier", ["g", ARN, f"{ARN}:*"])
async def test_a_group_is_found_by_identifier(client, identifier):
    await client.make("g", "s")
    answer = await client("DescribeLogStreams", logGroupIdentifier=identifier)
    assert [stream["logStreamName"] for stream in answer["logStreams"]] == ["s"]


async def test_name_and_identifier_exclude_each_other_and_one_is_needed(client):
    await client.make("g")
    with pytest.raises(ServiceError, match="LogGroup name and LogGroup ARN are") as failure:
        await client("DescribeLogStreams", logGroupName="g", logGroupIdentifier="g")
    assert failure.value.code == "ValidationException"
    with pytest.raises(ServiceError, match="must be specified"):
        await client("DescribeLogStreams")
