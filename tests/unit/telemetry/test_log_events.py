from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from lambent.domain.errors import ServiceError
from lambent.domain.paging import marker_after

DAY_MS = 24 * 60 * 60 * 1000


def now_ms():
    return int(time.time() * 1000)


def messages(answer):
    return [event["message"] for event in answer["events"]]


async def get(client, **request):
    return await client("GetLogEvents", logGroupName="g", logStreamName="s", **request)


async def put_at(client, *timestamps):
    return await client(
        "PutLogEvents",
        logGroupName="g",
        logStreamName="s",
        logEvents=[
            {"timestamp": timestamp, "message": f"at {timestamp}"} for timestamp in timestamps
        ],
    )


async def filtered(client, **request):
    """All pages of FilterLogEvents."""
    events: list[dict[str, object]] = []
    token: dict[str, str] = {}
    while True:
        page = await client("FilterLogEvents", logGroupName="g", **request, **token)
        events += page["events"]
        if page["nextToken"] is None:
            return events
        token = {"nextToken": page["nextToken"]}


async def test_what_is_put_is_got_in_order(client):
    await client.make("g", "s")
    answer = await client.put("g", "s", "one", "two 🙀", "three")
    assert len(answer["nextSequenceToken"]) == 56
    assert answer["rejectedLogEventsInfo"] is None
    got = await get(client)
    assert messages(got) == ["one", "two 🙀", "three"]
    assert set(got["events"][0]) == {"timestamp", "message", "ingestionTime"}


async def test_sequence_tokens_are_ignored(client):
    await client.make("g", "s")
    event = {"timestamp": now_ms(), "message": "m"}
    for token in ("1", "nonsense"):
        await client(
            "PutLogEvents",
            logGroupName="g",
            logStreamName="s",
            logEvents=[event],
            sequenceToken=token,
        )
    assert messages(await get(client)) == ["m", "m"]


async def test_half_a_surrogate_pair_is_stored_as_a_question_mark(client):
    await client.make("g", "s")
    await client.put("g", "s", "a\ud800b\x00c")
    assert messages(await get(client)) == ["a?b\x00c"]


async def test_an_unknown_stream_is_not_found(client):
    await client.make("g")
    for call in (client.put("g", "s", "m"), get(client), filtered(client, logStreamNames=["s"])):
        with pytest.raises(ServiceError, match="The specified log stream does not exist"):
            await call


async def test_events_of_a_call_must_be_in_order(client):
    await client.make("g", "s")
    with pytest.raises(ServiceError, match="must be in chronological order") as failure:
        await put_at(client, now_ms(), now_ms() - 1000)
    assert failure.value.code == "InvalidParameterException"
    assert messages(await get(client)) == []


async def test_events_of_a_call_may_not_span_more_than_a_day(client):
    await client.make("g", "s")
    with pytest.raises(ServiceError, match="cannot span more than 24 hours"):
        await put_at(client, now_ms() - DAY_MS - 1000, now_ms())


async def test_too_old_and_too_new_events_are_rejected_and_the_others_kept(client):
    await client.make("g", "s")
    now = now_ms()
    answer = await put_at(client, 5, now - 15 * DAY_MS, now - 10, now, now + 3 * 3600_000)
    assert answer["rejectedLogEventsInfo"] == {
        "tooOldLogEventEndIndex": 2,
        "tooNewLogEventStartIndex": 4,
    }
    assert messages(await get(client)) == [f"at {now - 10}", f"at {now}"]


async def test_events_past_the_retention_are_rejected_as_expired(client):
    await client.make("g", "s")
    await client("PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    now = now_ms()
    answer = await put_at(client, now - 20 * DAY_MS, now - 2 * DAY_MS, now)
    assert answer["rejectedLogEventsInfo"] == {
        "tooOldLogEventEndIndex": 1,
        "expiredLogEventEndIndex": 2,
    }
    assert messages(await get(client)) == [f"at {now}"]


async def test_a_call_of_nothing_but_rejected_events_succeeds(client):
    await client.make("g", "s")
    answer = await put_at(client, 2**70)
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}
    assert messages(await get(client)) == []


async def test_sizes_are_limited_with_26_bytes_for_each_event(client):
    await client.make("g", "s")
    await client.put("g", "s", "x" * (1024 * 1024 - 26))
    with pytest.raises(ServiceError) as failure:
        await client.put("g", "s", "é" * (512 * 1024))
    assert failure.value.message == "Log event too large: 1048602 bytes exceeds limit of 1048576"
    with pytest.raises(ServiceError) as failure:
        await client.put("g", "s", "x" * 600_000, "x" * 600_000)
    assert failure.value.message == "Upload too large: 1200052 bytes exceeds limit of 1048576"


async def test_the_latest_events_come_first_unless_asked_otherwise(client):
    await client.make("g", "s")
    await client.put("g", "s", *"abcdef")
    assert messages(await get(client, limit=2)) == ["e", "f"]
    assert messages(await get(client, limit=2, startFromHead=True)) == ["a", "b"]


async def test_forward_to_the_end_and_back_to_the_start(client):
    await client.make("g", "s")
    await client.put("g", "s", *"abcde")
    page = await get(client, limit=2, startFromHead=True)
    seen = messages(page)
    while True:
        following = await get(client, limit=2, nextToken=page["nextForwardToken"])
        if following["nextForwardToken"] == page["nextForwardToken"]:
            break
        seen += messages(following)
        page = following
    assert seen == list("abcde")
    assert following["events"] == []
    seen = []
    token = following["nextBackwardToken"]
    while (page := await get(client, limit=2, nextToken=token))["nextBackwardToken"] != token:
        seen = messages(page) + seen
        token = page["nextBackwardToken"]
    assert seen == list("abcde")
    assert messages(await get(client, nextToken=page["nextForwardToken"])) == list("abcde")


async def test_the_forward_token_at_the_end_finds_what_comes_later(client):
    await client.make("g", "s")
    empty = await get(client)
    await client.put("g", "s", "first")
    page = await get(client, nextToken=empty["nextForwardToken"])
    assert messages(page) == ["first"]
    await client.put("g", "s", "second", now=page["events"][0]["timestamp"])
    assert messages(await get(client, nextToken=page["nextForwardToken"])) == ["second"]


async def test_get_excludes_its_end_and_filter_includes_it(client):
    await client.make("g", "s")
    now = now_ms()
    await put_at(client, now - 2, now - 1, now)
    window = {"startTime": now - 1, "endTime": now}
    assert messages(await get(client, **window)) == [f"at {now - 1}"]
    events = await filtered(client, **window)
    assert [event["timestamp"] for event in events] == [now - 1, now]


async def test_a_page_holds_a_mebibyte(client):
    await client.make("g", "s")
    for letter in "abc":
        await client.put("g", "s", letter * 500_000)
    page = await get(client, startFromHead=True)
    assert [message[0] for message in messages(page)] == ["a", "b"]
    page = await get(client, nextToken=page["nextForwardToken"])
    assert [message[0] for message in messages(page)] == ["c"]


async def test_filter_interleaves_the_streams_by_time(client):
    await client.make("g", "x", "y", "z1", "z2")
    now = now_ms()
    for offset, stream in enumerate(["z2", "x", "y", "x", "z1", "z2"]):
        await client.put("g", stream, f"{offset}", now=now + offset)
    events = await filtered(client, limit=2)
    assert [event["message"] for event in events] == list("012345")
    assert [event["logStreamName"] for event in events] == ["z2", "x", "y", "x", "z1", "z2"]
    identifiers = [event["eventId"] for event in events]
    assert identifiers == sorted(set(identifiers))
    assert all(len(identifier) == 56 for identifier in identifiers)
    chosen = await filtered(client, limit=1, logStreamNames=["x", "z2", "x"])
    assert [event["message"] for event in chosen] == list("0135")
    assert [e["message"] for e in await filtered(client, logStreamNamePrefix="z")] == list("045")
    newest_first = await filtered(client, limit=2, startFromHead=False, startTime=now + 1)
    assert [event["message"] for event in newest_first] == list("54321")


async def test_filter_finds_what_matches_the_pattern(client):
    await client.make("g", "s")
    await client.put("g", "s", "ERROR one", "fine", '{"level": "error"}', "ERROR two")
    page = await client("FilterLogEvents", logGroupName="g", filterPattern="ERROR", limit=1)
    assert messages(page) == ["ERROR one"]
    assert page["searchedLogStreams"] == []
    assert len(await filtered(client, filterPattern="ERROR", limit=1)) == 2
    assert len(await filtered(client, filterPattern="{ $.level = error }")) == 1
    with pytest.raises(ServiceError, match="Invalid filter pattern"):
        await filtered(client, filterPattern="{ $.level }")


async def test_a_long_search_answers_pages_that_are_not_full(client, monkeypatch):
    monkeypatch.setattr("lambent.store.log_search._SCAN_BYTES", 1000)
    await client.make("g", "s")
    await client.put("g", "s", *["chaff"] * 30, "wheat")
    first = await client("FilterLogEvents", logGroupName="g", filterPattern="wheat")
    assert first["events"] == []
    assert first["nextToken"] is not None
    events = await filtered(client, filterPattern="wheat")
    assert [event["message"] for event in events] == ["wheat"]


async def test_names_and_prefix_of_streams_exclude_each_other(client):
    await client.make("g", "s")
    with pytest.raises(ServiceError, match="mutually exclusive"):
        await filtered(client, logStreamNames=["s"], logStreamNamePrefix="s")


async def test_latest_first_needs_a_start_after_2023(client):
    await client.make("g", "s")
    with pytest.raises(ServiceError, match="Jan 1, 2024"):
        await filtered(client, startFromHead=False)


async def test_a_token_opens_no_other_stream_group_or_operation(client):
    await client.make("g", "s", "t")
    await client.make("h", "s")
    for group, stream in (("g", "s"), ("g", "t"), ("h", "s")):
        await client.put(group, stream, "a", "b")
    got = (await get(client, limit=1))["nextForwardToken"]
    found = (await client("FilterLogEvents", logGroupName="g", limit=1))["nextToken"]
    for operation, request in [
        ("GetLogEvents", {"logGroupName": "g", "logStreamName": "t", "nextToken": got}),
        ("GetLogEvents", {"logGroupName": "h", "logStreamName": "s", "nextToken": got}),
        ("GetLogEvents", {"logGroupName": "g", "logStreamName": "s", "nextToken": found}),
        ("GetLogEvents", {"logGroupName": "g", "logStreamName": "s", "nextToken": f"b{got[1:]}"}),
        ("FilterLogEvents", {"logGroupName": "h", "nextToken": found}),
        ("FilterLogEvents", {"logGroupName": "g", "nextToken": got}),
    ]:
        with pytest.raises(ServiceError, match="The specified nextToken is invalid"):
            await client(operation, **request)


KEYS = st.text(max_size=20) | st.from_regex(r"-?\d{1,30}/-?\d{1,30}", fullmatch=True)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(direction=st.sampled_from(["f", "b", "", "x"]), key=KEYS, noise=st.text(max_size=40))
async def test_forged_tokens_are_invalid_or_harmless(client, direction, key, noise):
    """Even with a right checksum, which anybody can compute."""
    if await client.logs.group("000000000000", "us-east-1", "g") is None:
        await client.make("g", "s")
        await client.put("g", "s", "m")
    group = await client.logs.group("000000000000", "us-east-1", "g")
    stream = await client.logs.stream(group.id, "s")
    storable = key.encode(errors="replace").decode()
    for token in (
        noise,
        f"{direction}/{noise}",
        f"{direction}/{marker_after(storable, f'GetLogEvents {stream.id} {direction}')}",
        f"{direction}/{marker_after(storable, f'FilterLogEvents {group.id} {direction}')}",
        marker_after(storable, f"DescribeLogStreams {group.id} LogStreamName False "),
    ):
        for operation, members in (
            ("GetLogEvents", {"logStreamName": "s"}),
            ("FilterLogEvents", {}),
            ("DescribeLogStreams", {}),
            ("DescribeLogGroups", None),
        ):
            names = {} if members is None else {"logGroupName": "g", **members}
            code = None
            try:
                await client(operation, nextToken=token, **names)
            except ServiceError as refusal:
                code = refusal.code
            assert code in {None, "InvalidParameterException"}
