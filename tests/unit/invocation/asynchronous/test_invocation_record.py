from __future__ import annotations

import json

import pytest
from tests.support.outcomes import REQUEST_ID, event, failure, outcome

from lambent.domain.asynchronous_event import Condition
from lambent.invocation.asynchronous.invocation_record import invocation_record

ARN = "arn:aws:lambda:us-east-1:123456789012:function:greet"


def record_of(of):
    return json.loads(invocation_record(of))


def test_the_record_of_a_success_is_as_aws_has_it():
    assert record_of(outcome()) == {
        "version": "1.0",
        "timestamp": "2019-11-14T18:16:05.568Z",
        "requestContext": {
            "requestId": REQUEST_ID,
            "functionArn": f"{ARN}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"my": "event"},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"my": "event"},
    }


def test_the_record_of_a_failure_names_the_function_error_and_how_often_it_ran():
    record = record_of(failure())
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"] == {
        "statusCode": 200,
        "executedVersion": "$LATEST",
        "functionError": "Unhandled",
    }
    assert record["responsePayload"] == {"errorType": "Error", "errorMessage": "failure example"}


def test_members_have_the_order_of_awss():
    assert list(record_of(outcome())) == [
        "version",
        "timestamp",
        "requestContext",
        "requestPayload",
        "responseContext",
        "responsePayload",
    ]


def test_an_alias_is_named_as_it_was_invoked_and_the_version_that_ran_beside_it():
    record = record_of(outcome(of=event(qualifier="live"), executed_version="3"))
    assert record["requestContext"]["functionArn"] == f"{ARN}:live"
    assert record["responseContext"]["executedVersion"] == "3"


def test_nothing_answered_for_a_function_that_is_stopped():
    stopped = failure(
        condition=Condition.ZERO_RESERVED_CONCURRENCY,
        invoke_count=0,
        executed_version=None,
        response_payload=None,
        is_function_error=False,
        status_code=429,
    )
    record = record_of(stopped)
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert record.keys() == {"version", "timestamp", "requestContext", "requestPayload"}


def test_an_event_that_was_throttled_until_it_was_too_old_has_the_throttles_status_only():
    old = failure(
        condition=Condition.EVENT_AGE_EXCEEDED,
        executed_version=None,
        response_payload=None,
        is_function_error=False,
        status_code=429,
    )
    assert record_of(old)["responseContext"] == {"statusCode": 429}
    assert "responsePayload" not in record_of(old)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"n": 1.10, "big": 1e400, "long": 123456789012345678901234567890}',
        '{"name": "J\u00fcrgen"}'.encode(),
    ],
)
def test_payloads_stand_in_it_as_they_came(payload):
    text = invocation_record(outcome(of=event(payload=payload), response_payload=payload))
    assert text.count(payload) == 2


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"plain text", "plain text"),
        (b"", ""),
        (b"NaN", "NaN"),
        (b'"\xff"', '"\ufffd"'),
        (b'{"a": 1}, "version": "2.0"', '{"a": 1}, "version": "2.0"'),
        (b"[" * 100_000, "[" * 100_000),
    ],
)
def test_an_answer_that_is_no_json_is_a_text(payload, said):
    assert record_of(outcome(response_payload=payload))["responsePayload"] == said


def test_a_byte_order_mark_is_no_part_of_a_document():
    assert record_of(outcome(of=event(payload=b"\xef\xbb\xbf{}")))["requestPayload"] == {}
