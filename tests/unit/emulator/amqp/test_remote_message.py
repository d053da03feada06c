from __future__ import annotations

import base64
from types import SimpleNamespace

import pytest

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import Invocation
from lambent.emulator.amqp.message import CLIENT_CONTEXT, LOG_TYPE, QUALIFIER, TENANT_ID, TRACE_ID
from lambent.emulator.amqp.remote_message import read_answer, request_headers
from lambent.emulator.call import Call


def message(body=b"{}", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(
        body=body, header=SimpleNamespace(properties=SimpleNamespace(headers=named or None))
    )


def call(**members):
    details = {name: members.pop(name) for name in ("client_context", "tenant_id") & members.keys()}
    invocation = Invocation(
        request_id="1", invoked_arn="arn", payload=b"{}", trace_header="Root=1-2-3", **details
    )
    return Call(
        name="f",
        qualifier=members.pop("qualifier", None),
        invocation_type="RequestResponse",
        invocation=invocation,
        **members,
    )


def test_a_request_says_what_the_function_side_reads():
    headers = request_headers(
        call(
            client_context='{"custom":{}}', tenant_id="blue", qualifier="PROD", wants_log_tail=True
        )
    )

    assert {name.lower(): value for name, value in headers.items()} == {
        TRACE_ID: "Root=1-2-3",
        CLIENT_CONTEXT: base64.b64encode(b'{"custom":{}}').decode(),
        TENANT_ID: "blue",
        QUALIFIER: "PROD",
        LOG_TYPE: "Tail",
    }


def test_a_request_says_no_more_than_its_caller_did():
    assert list(request_headers(call())) == ["X-Amzn-Trace-Id"]


def test_an_answer_without_headers_is_the_functions_response():
    """As that of the original."""
    result, version = read_answer(message(b"1"))

    assert (result.payload, result.is_function_error, version) == (b"1", False, "$LATEST")
    assert result.log_tail == b""


@pytest.mark.parametrize("name", ["X_Amz_Function_Error", "x_amz_function_error"])
def test_an_error_of_the_functions_is_marked(name):
    body = b'{"errorType": "Sandbox.Timedout"}'
    result, _ = read_answer(message(body, **{name: "Unhandled"}))

    assert result.is_function_error
    assert result.error_type == "Sandbox.Timedout"


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"errorType": 1}', b"[" * 100_000])
def test_an_error_may_be_anything(body):
    result, _ = read_answer(message(body, X_Amz_Function_Error="Unhandled"))

    assert (result.is_function_error, result.payload, result.error_type) == (True, body, None)


def test_a_request_that_no_function_saw_is_an_error_of_the_apis():
    body = b'{"errorType": "X", "errorMessage": "Rate Exceeded."}'
    with pytest.raises(ServiceError) as caught:
        read_answer(message(body, X_Amzn_ErrorType="TooManyRequestsException"))

    assert (caught.value.code, caught.value.message) == (
        "TooManyRequestsException",
        "Rate Exceeded.",
    )


@pytest.mark.parametrize("sent", ["bGluZQ==", "***", "é", 7])
def test_a_log_tail_is_told_where_it_is_one(sent):
    result, _ = read_answer(message(X_Amz_Log_Result=sent, X_Amz_Executed_Version="3"))

    assert result.log_tail == (b"line" if sent == "bGluZQ==" else b"")
