from __future__ import annotations

import asyncio
import base64
import json

import pytest
from tests.unit.emulator.invoke_bench import INVOKE, OWN_ARN, Bench, code_of, head

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import InvocationResult
from lambent.domain.quotas import MIB
from lambent.protocol.http import HttpRequest


@pytest.fixture
async def bench():
    bench = Bench()
    async with bench.calls:
        yield bench


async def test_the_answer_is_what_the_function_said(bench):
    response = await bench.send(body=b'{"a":1}')

    assert (response.status, response.body) == (200, b'{"a":1}')
    headers = head(response)
    assert headers["x-amz-executed-version"] == "$LATEST"
    assert headers["x-amzn-requestid"] == bench.invocation.request_id
    assert headers["content-type"] == "application/json"
    assert "x-amz-function-error" not in headers


@pytest.mark.parametrize(
    "name",
    [
        "function",
        "own-name",
        "other",
        "my%20function",
        "a%2Fb",
        "a;b",
        "%C3%BC",
        "x" * 400,
        "123456789012:function:own-name",
        "arn:aws:lambda:eu-west-1:123456789012:function:own-name",
        "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Aown-name",
    ],
)
async def test_any_name_is_the_functions(bench, name):
    response = await bench.send(f"/2015-03-31/functions/{name}/invocations")

    assert response.status == 200
    assert bench.invocation.invoked_arn == OWN_ARN


@pytest.mark.parametrize(
    "path",
    [
        "/2015-03-31/functions/name:PROD/invocations",
        "/2015-03-31/functions/name%3APROD/invocations",
        "/2015-03-31/functions/function/invocations?Qualifier=PROD",
        "/2015-03-31/functions/name:PROD/invocations?Qualifier=PROD",
        "/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:n:PROD/invocations",
    ],
)
async def test_a_qualifier_is_a_part_of_the_invoked_arn(bench, path):
    assert (await bench.send(path)).status == 200
    assert bench.invocation.invoked_arn == f"{OWN_ARN}:PROD"


async def test_two_qualifiers_that_differ_are_refused(bench):
    response = await bench.send("/2015-03-31/functions/name:A/invocations?Qualifier=B")

    assert code_of(response) == (400, "InvalidParameterValueException")
    assert not bench.engine.invocations


async def test_what_is_no_json_reaches_the_function(bench):
    await bench.send(body=b"hello")

    assert bench.invocation.payload == b"hello"


async def test_no_event_is_an_empty_object(bench):
    await bench.send(body=b"")

    assert bench.invocation.payload == b"{}"


async def test_an_error_of_the_functions_is_marked(bench):
    failed = InvocationResult(
        payload=b'{"errorType":"ValueError"}', is_function_error=True, error_type="ValueError"
    )
    bench.engine.outcomes.append(failed)

    response = await bench.send()

    assert (response.status, response.body) == (200, b'{"errorType":"ValueError"}')
    assert head(response)["x-amz-function-error"] == "Unhandled"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "DELETE"])
async def test_another_method_is_told_the_right_one(bench, method):
    response = await bench.send(method=method)

    assert (response.status, response.body) == (405, b"")
    assert head(response)["allow"] == "POST"
    assert not bench.engine.invocations


@pytest.mark.parametrize(
    "path", ["/", "/2015-03-31/functions/", "/2015-03-31/functions/f", "/a", "/_/health"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_path_is_not_found(bench, path, method):
    response = await bench.send(path, method=method)

    assert code_of(response) == (404, "UnknownOperationException")


async def test_other_operations_of_lambdas_are_not_found(bench):
    response = await bench.send("/2015-03-31/functions/", method="GET")

    assert "lambent serve" in json.loads(response.body)["message"]


async def test_a_client_context_is_decoded(bench):
    context = {"custom": {"foo": "bar"}}
    encoded = base64.b64encode(json.dumps(context).encode()).decode()

    await bench.send(x_amz_client_context=encoded)

    assert json.loads(bench.invocation.client_context) == context


async def test_a_client_context_that_is_none_is_refused_and_nothing_run(bench):
    response = await bench.send(x_amz_client_context="!!!")

    assert code_of(response) == (400, "InvalidRequestContentException")
    assert not bench.engine.invocations


async def test_a_trace_header_is_passed_on_to_the_letter(bench):
    sent = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1;Self=x"

    await bench.send(x_amzn_trace_id=sent)

    assert bench.invocation.trace_header == sent


@pytest.mark.parametrize("sent", [None, "", "a\x01b", "ä", "x" * 5000])
async def test_without_a_trace_header_that_can_be_passed_on_a_trace_begins(bench, sent):
    await bench.send(**({} if sent is None else {"x_amzn_trace_id": sent}))

    assert bench.invocation.trace_header.startswith("Root=1-")


async def test_the_request_id_is_the_sdks_number_of_the_call(bench):
    response = await bench.send(amz_sdk_invocation_id="0a0a-X")

    assert bench.invocation.request_id == "0a0a-X"
    assert head(response)["x-amzn-requestid"] == "0a0a-X"


@pytest.mark.parametrize("sent", ["", "a/b", "a b", "ä", "x" * 65])
async def test_a_number_that_could_not_be_in_a_path_is_replaced(bench, sent):
    await bench.send(amz_sdk_invocation_id=sent)

    assert len(bench.invocation.request_id) == 36


async def test_two_calls_of_one_number_have_each_their_own_answer(bench):
    bench.engine.may_answer.clear()
    calls = [
        asyncio.ensure_future(bench.send(body=body, amz_sdk_invocation_id="same"))
        for body in (b"1", b"2")
    ]
    await bench.engine.wait_begun(2)
    bench.engine.may_answer.set()

    assert [response.body for response in await asyncio.gather(*calls)] == [b"1", b"2"]
    first, second = (each.request_id for each in bench.engine.invocations)
    assert first == "same"
    assert second != "same"


async def test_a_number_is_free_again_after_its_call(bench):
    await bench.send(amz_sdk_invocation_id="same")
    await bench.send(amz_sdk_invocation_id="same")

    assert [each.request_id for each in bench.engine.invocations] == ["same", "same"]


async def test_a_tenant_is_passed_on(bench):
    await bench.send(x_amz_tenant_id="blue")

    assert bench.invocation.tenant_id == "blue"


async def test_the_end_of_the_log_is_answered_if_wanted(bench):
    response = await bench.send(x_amz_log_type="Tail")

    assert base64.b64decode(head(response)["x-amz-log-result"]) == b"REPORT"


async def test_an_event_is_accepted_and_run_with_nobody_waiting(bench):
    bench.engine.may_answer.clear()

    response = await bench.send(body=b'"later"', x_amz_invocation_type="Event")

    assert (response.status, response.body) == (202, b"")
    assert "x-amz-executed-version" not in head(response)
    bench.engine.may_answer.set()
    await bench.calls.drain()
    assert bench.invocation.payload == b'"later"'


async def test_the_older_operation_accepts_an_event_too(bench):
    response = await bench.send("/2014-11-13/functions/function/invoke-async/", b'"later"')

    assert response.status == 202
    await bench.calls.drain()
    assert bench.invocation.payload == b'"later"'


async def test_a_dry_run_runs_nothing(bench):
    response = await bench.send(x_amz_invocation_type="DryRun")

    assert (response.status, response.body) == (204, b"")
    assert not bench.engine.invocations


async def test_a_dry_run_of_a_stream_runs_nothing(bench):
    path = "/2021-11-15/functions/any/response-streaming-invocations"

    response = await bench.send(path, x_amz_invocation_type="DryRun")

    assert response.status == 204
    assert not bench.engine.invocations


async def test_an_unknown_invocation_type_is_refused(bench):
    response = await bench.send(x_amz_invocation_type="Whenever")

    assert code_of(response) == (400, "ValidationException")


async def test_a_durable_execution_is_refused(bench):
    response = await bench.send(x_amz_durable_execution_name="one")

    assert code_of(response) == (400, "InvalidParameterValueException")


async def test_a_refusal_of_the_engines_is_answered_in_awss_form(bench):
    bench.engine.outcomes.append(
        ServiceError("TooManyRequestsException", "Rate Exceeded.", Reason="Busy")
    )

    response = await bench.send()

    assert code_of(response) == (429, "TooManyRequestsException")
    assert json.loads(response.body)["Reason"] == "Busy"


async def test_a_failure_of_ours_is_told_without_details(bench, caplog):
    bench.engine.outcomes.append(RuntimeError("secret"))

    response = await bench.send()

    assert code_of(response) == (500, "ServiceException")
    assert b"secret" not in response.body
    assert "secret" in caplog.text


async def test_an_event_over_6_mib_is_refused(bench):
    response = await bench.send(body=b"x" * (6 * MIB + 1))

    assert code_of(response) == (413, "RequestTooLargeException")
    assert b"6291456" in response.body


async def test_an_event_nobody_waits_for_may_have_1_mib(bench):
    response = await bench.send(body=b"x" * (MIB + 1), x_amz_invocation_type="Event")

    assert code_of(response) == (413, "RequestTooLargeException")


async def test_what_the_listener_could_not_hold_is_refused(bench):
    request = HttpRequest(
        method="POST", path=INVOKE, query="", headers={}, body=b"", is_too_large=True
    )

    assert (await bench.api(request)).status == 413


async def test_a_response_is_streamed_as_events(bench):
    path = "/2021-11-15/functions/any/response-streaming-invocations"

    response = await bench.send(path, b'"whole"')

    assert response.status == 200
    assert head(response)["content-type"] == "application/vnd.amazon.eventstream"
    pieces = [piece async for piece in pieces_of(response.source)]
    assert b'"whole"' in pieces[0]
    assert b"InvokeComplete" in pieces[-1]


async def pieces_of(source):
    while piece := await source.read():
        yield piece


async def test_a_page_of_another_origin_can_invoke_nothing(bench):
    response = await bench.send(origin="http://evil.example")

    assert response.status == 403
    assert not bench.engine.invocations
