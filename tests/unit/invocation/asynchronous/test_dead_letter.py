from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.outcomes import REQUEST_ID, failure

from lambent.domain.asynchronous_event import Condition
from lambent.invocation.asynchronous.dead_letter import dead_letter_attributes

NEVER_RAN: dict[str, Any] = {
    "executed_version": None,
    "response_payload": None,
    "is_function_error": False,
    "invoke_count": 0,
}


def message_of(answer):
    return dead_letter_attributes(failure(response_payload=answer))["ErrorMessage"]


def test_a_dead_letter_names_the_request_and_the_functions_error():
    assert dead_letter_attributes(failure()) == {
        "RequestID": REQUEST_ID,
        "ErrorCode": "200",
        "ErrorMessage": "failure example",
    }


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        (
            {"condition": Condition.ZERO_RESERVED_CONCURRENCY, "status_code": 429},
            "429",
            "Function not invoked. Function is configured with zero reserved concurrent executions",
        ),
        (
            {"condition": Condition.EVENT_AGE_EXCEEDED, "status_code": 429},
            "429",
            "Rate Exceeded.",
        ),
        (
            {"condition": Condition.FUNCTION_NOT_FOUND, "status_code": 404},
            "404",
            "Function not found: arn:aws:lambda:us-east-1:123456789012:function:greet:$LATEST",
        ),
        (
            {"condition": Condition.RECURSIVE_INVOCATION, "status_code": 400},
            "400",
            "RecursiveInvocation",
        ),
    ],
)
def test_one_of_an_event_that_never_ran_says_why(changes, code, said):
    attributes = dead_letter_attributes(failure(**NEVER_RAN, **changes))
    assert (attributes["ErrorCode"], attributes["ErrorMessage"]) == (code, said)


def test_the_message_is_cut_to_a_kilobyte_and_not_inside_a_character():
    message = "a" + "\u00e4" * 1000
    cut = message_of(json.dumps({"errorMessage": message}).encode())
    assert cut == "a" + "\u00e4" * 511
    assert len(cut.encode()) == 1023


@pytest.mark.parametrize("answer", [b"no json", b'{"errorMessage": 5}', b"[1]", b"[" * 900])
def test_an_answer_without_a_message_is_the_message(answer):
    assert message_of(answer) == answer.decode()


def test_what_no_queue_takes_is_replaced():
    assert message_of(b'{"errorMessage": "a\\u0000b\\ud800\\n\xf0\x9f\x98\x80"}') == (
        "a\ufffdb\ufffd\n\N{GRINNING FACE}"
    )
