"""The Invoke API of `lambent rie`, as callers of its two originals use it."""

from __future__ import annotations

import base64
import contextlib
import json
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError
from tests.support.emulator import RunningEmulator, running_emulator
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INVOKE = "/2015-03-31/functions/function/invocations"
MB = 1_000_000


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    place = tmp_path_factory.mktemp("echo")
    with running_emulator(place, "function.echo", AWS_LAMBDA_FUNCTION_NAME="own") as running:
        yield running


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    """Does what its event says."""
    place = tmp_path_factory.mktemp("told")
    with running_emulator(
        place, "told.handler", AWS_LAMBDA_FUNCTION_NAME="own", AWS_LAMBDA_FUNCTION_TIMEOUT="60"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    """Of which no test wants that the function runs."""
    with running_emulator(tmp_path_factory.mktemp("untouched"), "function.echo") as running:
        yield running


CTX = {"do": "ctx"}


# Rows 1 to 10


def test_the_answer_is_what_the_function_returns(echo: RunningEmulator) -> None:
    answer = echo.invoke({"a": 1})

    assert (answer.status, answer.json) == (200, {"a": 1})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amz-executed-version"] == "$LATEST"
    assert answer.headers["x-amzn-requestid"]
    assert answer.function_error is None


@pytest.mark.parametrize("name", ["function", "own", "any-name", "a%2Fb", "own:PROD"])
def test_a_function_of_any_name_is_the_one_there_is(echo: RunningEmulator, name: str) -> None:
    answer = echo.invoke("hello", name=name)

    assert (answer.status, answer.body) == (200, b'"hello"')


def test_what_is_no_json_is_the_runtimes_to_refuse(echo: RunningEmulator) -> None:
    answer = echo.invoke(body=b"hello")

    assert (answer.status, answer.json["errorType"]) == (200, "Runtime.UnmarshalError")
    assert answer.function_error == "Unhandled"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_told_that_it_is_post(echo: RunningEmulator, method: str) -> None:
    answer = echo.request(method, INVOKE)

    assert (answer.status, answer.headers["allow"], answer.body) == (405, "POST", b"")


@pytest.mark.parametrize("path", ["/", "/nowhere", "/_/health", "/_/ready"])
def test_an_unknown_path_is_not_found(echo: RunningEmulator, path: str) -> None:
    assert echo.request("POST", path).status == 404
    assert echo.request("GET", path).status == 404


def test_an_error_of_the_functions_is_marked_in_the_head(told: RunningEmulator) -> None:
    answer = told.invoke({"do": "boom"})

    assert (answer.status, answer.json["errorType"]) == (200, "ValueError")
    assert isinstance(answer.json["stackTrace"], list)
    assert answer.function_error == "Unhandled"


def test_a_client_context_reaches_the_function_decoded(told: RunningEmulator) -> None:
    encoded = base64.b64encode(b'{"custom":{"foo":"bar"}}').decode()

    assert told.invoke(CTX, X_Amz_Client_Context=encoded).json["client_context"]["custom"] == {
        "foo": "bar"
    }


def test_a_client_context_that_is_none_is_refused_and_runs_nothing(
    untouched: RunningEmulator,
) -> None:
    answer = untouched.invoke({}, X_Amz_Client_Context="!!!")

    assert answer.status == 400
    assert answer.headers["x-amzn-errortype"] == "InvalidRequestContentException"
    assert untouched.request("GET", "/health").json["instances"] == 0


def test_a_trace_header_reaches_the_function_to_the_letter(told: RunningEmulator) -> None:
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"

    assert told.invoke(CTX, X_Amzn_Trace_Id=header).json["trace"] == header


def test_the_sdks_number_of_a_call_is_its_request_id(told: RunningEmulator) -> None:
    answer = told.invoke(CTX, Amz_Sdk_Invocation_Id="1234-abcd")

    assert answer.json["request_id"] == "1234-abcd"
    assert answer.headers["x-amzn-requestid"] == "1234-abcd"


def test_overlapping_calls_of_one_number_have_each_their_own_answer(echo: RunningEmulator) -> None:
    number = "0f9b1f3e-6d9b-4c3c-9a57-000000000000"
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(
            lambda event: echo.invoke(event, Amz_Sdk_Invocation_Id=number).json, range(40)
        )

        assert list(answers) == list(range(40))


def test_a_qualifier_is_a_part_of_the_invoked_arn(told: RunningEmulator) -> None:
    assert told.invoke(CTX, name="own:PROD").json["arn"].endswith(":function:own:PROD")
    assert told.invoke(CTX, name="other").json["arn"].endswith(":function:own")


def test_a_tenant_reaches_the_function(told: RunningEmulator) -> None:
    assert told.invoke(CTX, X_Amz_Tenant_Id="blue").json["tenant_id"] == "blue"


# Row 29


def test_a_caller_who_goes_takes_nothing_from_the_next(
    told: RunningEmulator, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first = told.invoke({"do": "pid"}).json
    with contextlib.closing(HTTPConnection(urlsplit(told.url).netloc)) as caller:
        caller.request("POST", INVOKE, json.dumps({"do": "hold", "until": str(gate)}))
        told.wait_at_work()
    with ThreadPoolExecutor(1) as one:
        following = one.submit(told.invoke, {"do": "ctx"}, Amz_Sdk_Invocation_Id="following")
        eventually(lambda: told.request("GET", "/health").json["waiting"] == 1, "the next in line")
        gate.touch()

        assert following.result().json["request_id"] == "following"
    assert told.invoke({"do": "pid"}).json == first


# Row 42


def test_openfaas_has_its_routes_where_they_are_enabled(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.echo", ENABLE_OPENFAAS="TRUE") as running:
        for path in ("/_/health", "/_/ready"):
            answer = running.request("GET", path)
            assert (answer.status, answer.body) == (200, b"OK")
        assert running.request("POST", "/", b'"event"').body == b'"event"'


# Rows 61 and 62


def test_boto3_has_everything_that_lambda_answers(echo: RunningEmulator) -> None:
    answer = echo.client().invoke(FunctionName="own", Payload=b'{"a": 1}', LogType="Tail")

    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert json.load(answer["Payload"]) == {"a": 1}
    assert "FunctionError" not in answer
    request_id = answer["ResponseMetadata"]["RequestId"]
    log = base64.b64decode(answer["LogResult"]).decode()
    assert log.startswith(f"START RequestId: {request_id} Version: $LATEST\n")
    assert f"REPORT RequestId: {request_id}\t" in log


def test_boto3_tells_an_error_of_the_functions(told: RunningEmulator) -> None:
    answer = told.client().invoke(FunctionName="function", Payload=b'{"do": "boom"}')

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.load(answer["Payload"])["errorType"] == "ValueError"


def test_boto3_need_not_wait_for_events_and_they_are_run_before_the_end(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.printer") as running:
        for number in range(5):
            answer = running.client().invoke(
                FunctionName="function",
                InvocationType="Event",
                Payload=json.dumps({"text": f"<{number}>"}),
            )
            assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")

        assert running.stop() == 0
        assert all(f"<{number}>" in running.printed for number in range(5))


def test_boto3s_dry_run_runs_nothing(untouched: RunningEmulator) -> None:
    answer = untouched.client().invoke(FunctionName="function", InvocationType="DryRun")

    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    assert untouched.request("GET", "/health").json["instances"] == 0


def test_boto3_reads_a_response_as_a_stream(echo: RunningEmulator) -> None:
    answer = echo.client().invoke_with_response_stream(FunctionName="own", Payload=b'"whole"')

    events = list(answer["EventStream"])
    assert b"".join(e["PayloadChunk"]["Payload"] for e in events[:-1]) == b'"whole"'
    assert "ErrorCode" not in events[-1]["InvokeComplete"]


def test_boto3_is_told_that_there_is_no_more_than_invocations(echo: RunningEmulator) -> None:
    with pytest.raises(ClientError, match="lambent serve"):
        echo.client().list_functions()


def test_boto3_clients_of_many_threads_have_each_their_own_answer(echo: RunningEmulator) -> None:
    client = echo.client()

    def call(number: int) -> object:
        payload = json.dumps({"Hello": number}).encode()
        return json.load(client.invoke(FunctionName="own", Payload=payload)["Payload"])

    with ThreadPoolExecutor(10) as threads:
        assert list(threads.map(call, range(50))) == [{"Hello": n} for n in range(50)]


# Row 63


def test_events_and_responses_have_lambdas_limits(told: RunningEmulator) -> None:
    refused = told.invoke("x" * 7 * MB)
    assert refused.status == 413
    assert refused.headers["x-amzn-errortype"] == "RequestTooLargeException"

    answer = told.invoke({"do": "large", "bytes": 6_400_000})
    assert answer.json == {
        "errorType": "Function.ResponseSizeTooLarge",
        # Without its own size, which AWS's emulator tells and Lambda does not.
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }
    assert answer.function_error == "Unhandled"
    assert told.invoke({"do": "large", "bytes": 1}).body == b'"x"', "the next call is served"


def test_limits_of_sizes_can_be_turned_off(tmp_path: Path) -> None:
    with running_emulator(tmp_path, "function.echo", LIMIT_SIZES="false") as running:
        event = "x" * 7 * MB

        assert running.invoke(event).json == event
