"""CloudWatch Logs through boto3."""

from __future__ import annotations

import time

import pytest
from tests.support.refusals import refusal

HOUR_MS = 60 * 60 * 1000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def logs(account):
    return account.client("logs")


@pytest.fixture
def stream(logs):
    """The arguments that name one stream."""
    logs.create_log_group(logGroupName="group")
    logs.create_log_stream(logGroupName="group", logStreamName="stream")
    return {"logGroupName": "group", "logStreamName": "stream"}


def now_ms():
    return int(time.time() * 1000)


def put(logs, stream, *messages, start=None):
    start = now_ms() if start is None else start
    events = [
        {"timestamp": start + number, "message": text} for number, text in enumerate(messages)
    ]
    return logs.put_log_events(**stream, logEvents=events)


def messages(answer):
    return [event["message"] for event in answer["events"]]


def test_a_group_is_made_described_and_deleted(account, logs):
    logs.create_log_group(logGroupName="/aws/lambda/a", tags={"team": "one"})
    assert refusal(logs.create_log_group, logGroupName="/aws/lambda/a") == (
        400,
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    (group,) = logs.describe_log_groups()["logGroups"]
    arn = f"arn:aws:logs:us-east-1:{account.id}:log-group:/aws/lambda/a"
    assert group["logGroupName"] == "/aws/lambda/a"
    assert (group["arn"], group["logGroupArn"]) == (f"{arn}:*", arn)
    assert abs(group["creationTime"] - now_ms()) < HOUR_MS
    assert "retentionInDays" not in group
    logs.delete_log_group(logGroupName="/aws/lambda/a")
    assert refusal(logs.delete_log_group, logGroupName="/aws/lambda/a") == (
        400,
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )


def test_groups_are_paged_and_found_by_prefix_and_by_part(logs):
    for name in ("a/1", "a/2", "a/3", "b/1"):
        logs.create_log_group(logGroupName=name)
    paginator = logs.get_paginator("describe_log_groups")

    def found(**filters):
        pages = paginator.paginate(**filters, PaginationConfig={"PageSize": 2})
        return [group["logGroupName"] for group in pages.search("logGroups[]")]

    assert found() == ["a/1", "a/2", "a/3", "b/1"]
    assert found(logGroupNamePrefix="a/") == ["a/1", "a/2", "a/3"]
    assert found(logGroupNamePattern="/1") == ["a/1", "b/1"]


def test_retention_is_set_and_lifted(logs, stream):
    logs.put_retention_policy(logGroupName="group", retentionInDays=7)
    assert logs.describe_log_groups()["logGroups"][0]["retentionInDays"] == 7
    refused = refusal(logs.put_retention_policy, logGroupName="group", retentionInDays=8)
    assert refused.code == "InvalidParameterException"
    logs.delete_retention_policy(logGroupName="group")
    assert "retentionInDays" not in logs.describe_log_groups()["logGroups"][0]


def test_tags_of_a_group_by_arn_and_by_name(account, logs, stream):
    arn = f"arn:aws:logs:us-east-1:{account.id}:log-group:group"
    logs.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    logs.tag_log_group(logGroupName="group", tags={"c": "3"})
    logs.untag_log_group(logGroupName="group", tags=["b"])
    assert logs.list_tags_log_group(logGroupName="group")["tags"] == {"c": "3"}


def test_streams_are_made_described_and_deleted(account, logs, stream):
    logs.create_log_stream(logGroupName="group", logStreamName="other")
    assert refusal(logs.create_log_stream, **stream) == (
        400,
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    put(logs, stream, "one", "two")
    described = logs.describe_log_streams(
        logGroupName="group", orderBy="LastEventTime", descending=True
    )["logStreams"]
    assert [each["logStreamName"] for each in described] == ["stream", "other"]
    first, last = described[0]["firstEventTimestamp"], described[0]["lastEventTimestamp"]
    assert last == first + 1
    assert described[0]["arn"] == (
        f"arn:aws:logs:us-east-1:{account.id}:log-group:group:log-stream:stream"
    )
    assert "lastEventTimestamp" not in described[1]
    logs.delete_log_stream(**stream)
    assert refusal(logs.get_log_events, **stream) == (
        400,
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )


def test_events_are_read_as_they_were_written(logs, stream):
    written = ["plain", "lines\nwithin", "tab\tand é \U0001f600", "\x00control"]
    start = now_ms()
    assert "rejectedLogEventsInfo" not in put(logs, stream, *written, start=start)
    events = logs.get_log_events(**stream, startFromHead=True)["events"]
    assert [event["message"] for event in events] == written
    assert [event["timestamp"] for event in events] == [start + number for number in range(4)]
    assert all(abs(event["ingestionTime"] - start) < HOUR_MS for event in events)


def test_events_are_read_forward_and_backward_in_pages(logs, stream):
    put(logs, stream, *map(str, range(5)))
    first = logs.get_log_events(**stream, limit=2, startFromHead=True)
    assert messages(first) == ["0", "1"]
    second = logs.get_log_events(**stream, limit=2, nextToken=first["nextForwardToken"])
    assert messages(second) == ["2", "3"]
    back = logs.get_log_events(**stream, limit=2, nextToken=second["nextBackwardToken"])
    assert messages(back) == ["0", "1"]
    assert messages(logs.get_log_events(**stream, limit=2)) == ["3", "4"]
    end = logs.get_log_events(**stream, nextToken=second["nextForwardToken"])
    again = logs.get_log_events(**stream, nextToken=end["nextForwardToken"])
    assert messages(again) == []
    assert again["nextForwardToken"] == end["nextForwardToken"]


def test_a_span_of_time_ends_before_its_end(logs, stream):
    start = now_ms()
    put(logs, stream, "0", "1", "2", start=start)
    spanned = logs.get_log_events(**stream, startTime=start + 1, endTime=start + 2)
    assert messages(spanned) == ["1"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("ERROR", ["ERROR one", "ERROR two WARN"]),
        ("ERROR -WARN", ["ERROR one"]),
        ("?one ?three", ["ERROR one", "INFO three"]),
        ('"two WARN"', ["ERROR two WARN"]),
        ("%^INFO%", ["INFO three"]),
        ('{ $.level = "high" && $.code > 400 }', ['{"level": "high", "code": 500}']),
        ("[level, word=one]", ["ERROR one"]),
    ],
)
def test_filter_patterns(logs, stream, pattern, found):
    put(
        logs,
        stream,
        *("ERROR one", "ERROR two WARN", "INFO three"),
        *('{"level": "high", "code": 500}', '{"level": "high", "code": 200}'),
    )
    answer = logs.filter_log_events(logGroupName="group", filterPattern=pattern)
    assert messages(answer) == found


def test_a_filter_searches_all_streams_in_order_of_time(logs, stream):
    logs.create_log_stream(logGroupName="group", logStreamName="other")
    other = {**stream, "logStreamName": "other"}
    start = now_ms()
    put(logs, stream, "0", "1", start=start)
    put(logs, other, "2", start=start + 2)
    put(logs, stream, "3", start=start + 3)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName="group", PaginationConfig={"PageSize": 1}
    )
    events = list(pages.search("events[]"))
    assert [event["message"] for event in events] == ["0", "1", "2", "3"]
    assert events[2]["logStreamName"] == "other"
    assert len({event["eventId"] for event in events}) == 4
    only = logs.filter_log_events(logGroupName="group", logStreamNames=["other"])
    assert messages(only) == ["2"]


def test_a_filter_pattern_that_is_none_is_refused(logs, stream):
    refused = refusal(logs.filter_log_events, logGroupName="group", filterPattern="{ $.a = ")
    assert (refused.status, refused.code) == (400, "InvalidParameterException")


def test_events_too_old_or_too_new_are_left_out(logs, stream):
    now = now_ms()
    events = [
        {"timestamp": timestamp, "message": text}
        for timestamp, text in ((now, "now"), (now + 3 * HOUR_MS, "too new"))
    ]
    answer = logs.put_log_events(**stream, logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    answer = put(logs, stream, "too old", start=now - 15 * DAY_MS)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    assert messages(logs.get_log_events(**stream)) == ["now"]


def test_batches_that_may_not_be(logs, stream):
    now = now_ms()
    backward = [{"timestamp": now - number, "message": "x"} for number in range(2)]
    refused = refusal(logs.put_log_events, **stream, logEvents=backward)
    assert refused == (
        400,
        "InvalidParameterException",
        "Log events in a single PutLogEvents request must be in chronological order.",
    )
    refused = refusal(put, logs, stream, *["x" * 600_000] * 2)
    assert refused.code == "InvalidParameterException"
    assert messages(logs.get_log_events(**stream)) == []
