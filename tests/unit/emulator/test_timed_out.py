from __future__ import annotations

import json

import pytest

from lambent.domain.invocation import ErrorType, InvocationResult, error_payload
from lambent.emulator.timed_out import TIME_OUT_ANSWERS, as_original

MESSAGE = "2026-01-31T12:00:00.000Z id Task timed out after 1.50 seconds"
TIMED_OUT = InvocationResult(
    payload=error_payload(ErrorType.TIMED_OUT, MESSAGE),
    is_function_error=True,
    error_type=ErrorType.TIMED_OUT,
)


def test_awss_emulator_answers_plain_text():
    assert as_original(TIMED_OUT, "rie").payload == b"Task timed out after 1.50 seconds"


def test_the_daemon_answers_an_error_type_of_its_own():
    assert json.loads(as_original(TIMED_OUT, "daemon").payload) == {
        "errorType": "TimeoutError",
        "errorMessage": MESSAGE,
    }


@pytest.mark.parametrize("answer", TIME_OUT_ANSWERS)
def test_the_words_people_look_for_are_in_each(answer):
    result = as_original(TIMED_OUT, answer)

    assert b"Task timed out after 1.50 seconds" in result.payload
    assert result.is_function_error


@pytest.mark.parametrize("answer", TIME_OUT_ANSWERS)
def test_what_is_no_time_out_stays(answer):
    for result in (
        InvocationResult(payload=b"1"),
        InvocationResult(payload=b"{}", is_function_error=True, error_type="Mine"),
    ):
        assert as_original(result, answer) == result


@pytest.mark.parametrize("answer", TIME_OUT_ANSWERS)
@pytest.mark.parametrize("payload", [b"no JSON", b"[1]", b"\xff", b"", b"[" * 100_000])
def test_a_function_may_call_anything_a_time_out(answer, payload):
    result = InvocationResult(
        payload=payload, is_function_error=True, error_type=ErrorType.TIMED_OUT
    )
    assert as_original(result, answer) == result
