from __future__ import annotations

import base64
import json
import random
import string

from tests.unit.telemetry.subscriptions.conftest import ACCOUNT, read, subscription

from lambent.store.log_records import LogEvent, Position
from lambent.telemetry.subscriptions.messages import (
    control_message,
    function_event,
    messages_of,
)


def event(number, message="m", stream="s"):
    return LogEvent(
        position=Position(1000 + number, number), stream=stream, ingestion_ms=2000, message=message
    )


def noise(length):
    return "".join(random.Random(length).choices(string.printable, k=length))


def test_a_message_is_as_aws_documents_it():
    [message], too_large = messages_of(subscription(), [event(7, "héllo")], 10_000)
    assert read(message.data) == {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": "g",
        "logStream": "s",
        "subscriptionFilters": ["f"],
        "logEvents": [
            {"id": "00000000000000001007" + f"{7:036}", "timestamp": 1007, "message": "héllo"}
        ],
    }
    assert (message.oldest_ingestion_ms, too_large) == (2000, 0)


def test_each_stream_has_messages_of_its_own():
    events = [event(1, "a"), event(2, "b", stream="t"), event(3, "c")]
    messages, _ = messages_of(subscription(), events, 10_000)
    assert [(m.stream, [e.message for e in m.events]) for m in messages] == [
        ("s", ["a", "c"]),
        ("t", ["b"]),
    ]


def test_what_is_too_much_for_one_message_becomes_several_in_order():
    events = [event(number, noise(1000 + number)) for number in range(20)]
    messages, too_large = messages_of(subscription(), events, 5000)
    assert len(messages) > 1
    assert all(len(message.data) <= 5000 for message in messages)
    assert [each for message in messages for each in message.events] == events
    assert too_large == 0


def test_an_event_that_fits_in_none_is_counted():
    events = [event(1, "before"), event(2, noise(20_000)), event(3, "after")]
    messages, too_large = messages_of(subscription(), events, 5000)
    assert [each.message for message in messages for each in message.events] == ["before", "after"]
    assert too_large == 1


def test_only_what_matches_is_sent():
    events = [event(1, "ERROR one"), event(2, "fine"), event(3, "ERROR two", stream="t")]
    messages, _ = messages_of(subscription(pattern="ERROR"), events, 10_000)
    assert [each.message for m in messages for each in m.events] == ["ERROR one", "ERROR two"]


def test_no_events_are_no_message():
    assert messages_of(subscription(), [], 5000) == ([], 0)


def test_the_control_message_is_aws_s():
    document = read(control_message("Kinesis stream"))
    [told] = document.pop("logEvents")
    assert told["message"] == "CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."
    assert document == {
        "messageType": "CONTROL_MESSAGE",
        "owner": "CloudwatchLogs",
        "logGroup": "",
        "logStream": "",
        "subscriptionFilters": [],
    }


def test_a_function_gets_the_data_in_base64():
    assert json.loads(function_event(b"data")) == {
        "awslogs": {"data": base64.b64encode(b"data").decode()}
    }
