from __future__ import annotations

import json

from lambent.domain.invocation import ErrorType, Invocation, InvocationResult, error_payload


def test_error_types_are_the_strings_lambda_uses():
    assert {str(each) for each in ErrorType} == {
        "Runtime.ExitError",
        "Runtime.InvalidEntrypoint",
        "Runtime.Unknown",
        "Runtime.TruncatedResponse",
        "Function.ResponseSizeTooLarge",
        "Sandbox.Timedout",
        "Sandbox.Failure",
        "Extension.Crash",
        "Extension.LaunchError",
        "Extension.ExitError",
        "Extension.InitError",
    }


def test_an_error_payload_is_the_json_lambda_answers():
    payload = error_payload(ErrorType.TIMED_OUT, 'RequestId: 1 Error: "late"')
    assert json.loads(payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": 'RequestId: 1 Error: "late"',
    }


def test_a_result_is_a_success_without_a_log_unless_it_says_otherwise():
    result = InvocationResult(payload=b"1")
    assert (result.is_function_error, result.log_tail) == (False, b"")


def test_an_invocation_s_event_is_json_unless_it_says_otherwise():
    invocation = Invocation(request_id="r", invoked_arn="a", payload=b"{}", trace_header="t")
    assert (invocation.content_type, invocation.client_context) == ("application/json", None)
