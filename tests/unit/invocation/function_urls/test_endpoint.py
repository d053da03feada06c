from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.versions import function_version
from tests.unit.invocation.function_urls.url_callers import EVERYBODY, HOST, OPEN, URL, statement
from tests.unit.invocation.test_response_stream import Incoming

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import ErrorType, InvocationResult, error_payload
from lambent.domain.quotas import REQUEST_PAYLOAD_BYTES
from lambent.invocation.function_urls.endpoint import FunctionUrls, answer
from lambent.invocation.function_urls.event import UrlRequest
from lambent.invocation.function_urls.prelude import CONTENT_TYPE as PRELUDE
from lambent.protocol.body_source import BodyCutShort, BodyStream
from lambent.protocol.http import HttpRequest
from lambent.telemetry.metrics.recorder import Metrics

if TYPE_CHECKING:
    from lambent.domain.function_url import Cors

STREAMED = replace(OPEN, invoke_mode="RESPONSE_STREAM")
FAILED = InvocationResult(
    payload=error_payload("Mine", "no"), is_function_error=True, error_type="Mine"
)
CORS: Cors = {"AllowOrigins": ["*"], "AllowMethods": ["GET"]}


class Function:
    """What answers an event, as the test says."""

    def __init__(self):
        self.version = function_version(account_id=URL.account_id, name=URL.name)
        self.result: InvocationResult | Exception = InvocationResult(payload=b'"ok"')
        self.incoming: Incoming | None = None
        self.invocations = []

    async def invoke(self, version, invocation, **options):
        self.invocations.append(invocation)
        if self.incoming is not None:
            invocation.on_stream(self.incoming)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    @property
    def event(self):
        [invocation] = self.invocations
        return json.loads(invocation.payload)


class Bench:
    def __init__(self, access, streams):
        self.function = Function()
        self.metrics = Metrics()
        self.url = OPEN
        self.throttled = False
        pool = SimpleNamespace(
            has_provisioned=lambda version: False,
            provisioned=lambda version: 0,
            invoke=self.function.invoke,
        )
        runs: Any = SimpleNamespace(
            functions=SimpleNamespace(version=lambda *key: self.function.version),
            aliases=SimpleNamespace(get=lambda *key: None),
            pool=pool,
            concurrency=SimpleNamespace(admit=self.admit, is_reserved=lambda version: False),
            metrics=self.metrics,
            streams=streams,
        )
        urls: Any = SimpleNamespace(get=lambda url_id: self.url if url_id == "abc" else None)
        self.functions = FunctionUrls(runs=runs, urls=urls, access=access)

    def admit(self, version, **options):
        if self.throttled:
            raise ServiceError("TooManyRequestsException", "Rate Exceeded.")
        return contextlib.nullcontext()

    async def send(self, url_id="abc", *, region="us-east-1", **request):
        headers = {"host": HOST, **request.pop("headers", {})}
        http = HttpRequest(
            **{"method": "GET", "path": "/", "query": "", "body": b"", **request}, headers=headers
        )
        of = UrlRequest(request=http, url_id=url_id, region=region, path=http.path)
        return await answer(self.functions, of)

    def measured(self):
        return {
            each.metric: each.aggregate.total
            for each in self.metrics.now(0)
            if each.metric.startswith("Url") and each.metric != "UrlRequestLatency"
        }


@pytest.fixture
async def bench(access, policies):
    policies[""] = [statement("*", condition=EVERYBODY)]
    async with asyncio.TaskGroup() as streams:
        yield Bench(access, streams)


def header(response, name):
    [value] = [value for each, value in response.headers if each == name]
    return value


async def whole(response):
    pieces = []
    while piece := await response.source.read():
        pieces.append(piece)
    response.source.close()
    return b"".join(pieces)


async def test_a_request_is_an_event_and_the_function_s_answer_its_answer(bench):
    response = await bench.send(method="PUT", path="/a", query="b=c")
    assert (response.status, response.body) == (200, b"ok")
    assert bench.function.event["rawPath"] == "/a"
    assert bench.function.event["requestContext"]["http"]["method"] == "PUT"
    [invocation] = bench.function.invocations
    assert invocation.invoked_arn == URL.arn
    assert header(response, "x-amzn-requestid") == invocation.request_id
    assert bench.function.event["requestContext"]["requestId"] == invocation.request_id
    assert header(response, "x-amzn-trace-id") == invocation.trace_header
    assert bench.measured() == {"UrlRequestCount": 1, "Url4xxCount": 0, "Url5xxCount": 0}


async def test_a_trace_goes_on(bench):
    root = "1-5e9963aa-0123456789abcdef01234567"
    response = await bench.send(headers={"x-amzn-trace-id": f"Root={root};Sampled=1"})
    assert header(response, "x-amzn-trace-id").startswith(f"Root={root};")
    assert bench.function.event["headers"]["x-amzn-trace-id"] == f"Root={root};Sampled=1"


async def test_the_url_of_an_alias_invokes_the_alias(bench, policies):
    bench.url = replace(OPEN, qualifier="1")
    policies["1"] = [statement("*", resource=bench.url.arn, condition=EVERYBODY)]
    await bench.send()
    [invocation] = bench.function.invocations
    assert invocation.invoked_arn == f"{URL.arn}:1"


@pytest.mark.parametrize(("url_id", "region"), [("other", "us-east-1"), ("abc", "eu-west-1")])
async def test_an_address_that_nobody_has_is_refused_as_aws_does(bench, url_id, region):
    response = await bench.send(url_id, region=region)
    assert (response.status, response.body) == (403, b'{"Message":null}')
    assert header(response, "content-type") == "application/json"
    assert header(response, "x-amzn-errortype") == "AccessDeniedException"
    assert header(response, "x-amzn-requestid")
    assert bench.function.invocations == []


async def test_an_address_may_name_no_region(bench):
    assert (await bench.send(region=None)).status == 200


async def test_who_may_not_call_reaches_no_function(bench, policies):
    policies.clear()
    response = await bench.send()
    assert response.status == 403
    assert b"Forbidden" in response.body
    assert header(response, "x-amzn-errortype") == "AccessDeniedException"
    assert bench.function.invocations == []
    assert bench.measured() == {"UrlRequestCount": 1, "Url4xxCount": 1, "Url5xxCount": 0}


async def test_a_browser_s_question_is_answered_without_the_function(bench):
    bench.url = replace(OPEN, cors=CORS)
    asked = {"origin": "https://a.example", "access-control-request-method": "GET"}
    response = await bench.send(method="OPTIONS", headers=asked)
    assert (response.status, bench.function.invocations) == (200, [])
    assert header(response, "access-control-allow-methods") == "GET"
    assert header(response, "x-amzn-requestid")


async def test_errors_are_for_pages_of_other_origins_to_read(bench):
    bench.url = replace(OPEN, cors=CORS)
    bench.function.result = FAILED
    response = await bench.send(headers={"origin": "https://a.example"})
    assert response.status == 502
    assert header(response, "access-control-allow-origin") in ("*", "https://a.example")


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (FAILED, 502),
        (
            InvocationResult(
                payload=b"{}", is_function_error=True, error_type=ErrorType.TIMED_OUT.value
            ),
            504,
        ),
    ],
)
@pytest.mark.parametrize("url", [OPEN, STREAMED])
async def test_a_function_that_fails_or_takes_too_long_is_a_bad_gateway(bench, url, result, status):
    bench.url, bench.function.result = url, result
    response = await bench.send()
    assert (response.status, response.body) == (status, b"Internal Server Error")
    assert bench.measured()["Url5xxCount"] == 1


@pytest.mark.parametrize(
    "payload",
    [b'{"statusCode": 1}', b'{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}'],
)
async def test_an_answer_that_makes_no_sense_is_a_bad_gateway_and_logged(bench, payload, caplog):
    caplog.set_level("INFO")
    bench.function.result = InvocationResult(payload=payload)
    response = await bench.send()
    assert (response.status, response.body) == (502, b"Internal Server Error")
    request_id = header(response, "x-amzn-requestid")
    assert f"what {URL.arn} answered to request {request_id} is no HTTP" in caplog.text


async def test_a_stream_may_be_empty(bench):
    bench.url, bench.function.incoming = STREAMED, Incoming()
    bench.function.incoming.pieces.put_nowait(b"")
    response = await bench.send()
    assert (response.status, response.body, response.source) == (200, b"", None)
    assert header(response, "content-type") == "text/html"


@pytest.mark.parametrize("url", [OPEN, STREAMED])
async def test_what_is_throttled_can_be_tried_again(bench, url):
    bench.url, bench.throttled = url, True
    response = await bench.send()
    assert (response.status, response.body) == (429, b'{"Message":"Rate Exceeded."}')
    assert header(response, "x-amzn-errortype") == "TooManyRequestsException"


async def test_a_function_that_is_not_active_yet_is_a_conflict(bench):
    bench.function.version = replace(bench.function.version, state="Pending")
    assert (await bench.send()).status == 409


@pytest.mark.parametrize("error", [RuntimeError("secret"), ServiceError("ServiceException", "x")])
async def test_the_platform_s_failures_have_no_details(bench, error):
    bench.function.result = error
    response = await bench.send()
    assert (response.status, response.body) == (500, b"Internal Server Error")


@pytest.mark.parametrize(
    "request_of",
    [
        {"body": b"", "is_too_large": True},
        {"body": b"", "stream": BodyStream(REQUEST_PAYLOAD_BYTES + 1, lambda: None)},
        {"body": bytes(REQUEST_PAYLOAD_BYTES + 1)},
        # A third is added by base64.
        {"body": bytes(REQUEST_PAYLOAD_BYTES * 3 // 4)},
        {"body": b"a" * REQUEST_PAYLOAD_BYTES, "headers": {"content-type": "text/plain"}},
    ],
)
async def test_an_event_of_more_than_six_megabytes_is_too_large(bench, request_of):
    response = await bench.send(method="POST", **request_of)
    assert response.status == 413
    assert header(response, "x-amzn-errortype") == "RequestTooLargeException"
    assert bench.function.invocations == []


async def test_a_large_answer_is_read_beside_the_event_loop(bench):
    body = "a" * 300_000
    bench.function.result = InvocationResult(payload=json.dumps({"a b": body}).encode())
    assert (await bench.send()).body == f'{{"a b":"{body}"}}'.encode()


async def test_what_a_buffered_function_answers_is_streamed_as_it_is(bench):
    bench.url = STREAMED
    payload = b'{"statusCode": 418, "body": "tea"}'
    bench.function.result = InvocationResult(payload=payload)
    response = await bench.send()
    assert (response.status, header(response, "content-type")) == (200, "application/json")
    assert await whole(response) == payload


async def test_a_stream_has_the_content_type_that_its_function_says(bench):
    bench.url, bench.function.incoming = STREAMED, Incoming()
    for piece in (b"a", b"b", b""):
        bench.function.incoming.pieces.put_nowait(piece)
    response = await bench.send()
    assert (response.status, header(response, "content-type")) == (200, "text/html")
    assert await whole(response) == b"ab"
    assert bench.function.incoming.is_closed


async def test_a_prelude_says_status_headers_and_cookies(bench):
    bench.url, bench.function.incoming = STREAMED, Incoming()
    bench.function.incoming.content_type = PRELUDE
    prelude = b'{"statusCode":201,"headers":{"X-A":"b","content-length":"1"},"cookies":["c=d"]}'
    for piece in (prelude[:5], prelude[5:] + bytes(8) + b"bo", b"dy", b""):
        bench.function.incoming.pieces.put_nowait(piece)
    response = await bench.send()
    assert response.status == 201
    assert (header(response, "x-a"), header(response, "set-cookie")) == ("b", "c=d")
    assert await whole(response) == b"body"


async def test_a_prelude_that_never_came_is_no_error(bench):
    bench.url, bench.function.incoming = STREAMED, Incoming()
    bench.function.incoming.content_type = PRELUDE
    bench.function.incoming.pieces.put_nowait(b"")
    response = await bench.send()
    assert (response.status, response.body) == (200, b"")
    assert header(response, "content-type") == "application/octet-stream"


@pytest.mark.parametrize("result", [FAILED, InvocationResult(payload=b"")])
async def test_a_stream_that_ends_within_its_prelude_is_a_bad_gateway(bench, result):
    bench.url, bench.function.incoming = STREAMED, Incoming()
    bench.function.incoming.content_type = PRELUDE
    bench.function.result = result
    for piece in (b"{", b""):
        bench.function.incoming.pieces.put_nowait(piece)
    response = await bench.send()
    assert (response.status, response.body) == (502, b"Internal Server Error")


async def test_a_prelude_that_makes_no_sense_leaves_the_function_alone(bench):
    bench.url, bench.function.incoming = STREAMED, Incoming()
    bench.function.incoming.content_type = PRELUDE
    bench.function.incoming.pieces.put_nowait(b"no JSON" + bytes(8))
    assert (await bench.send()).status == 502
    assert bench.function.incoming.is_closed


async def test_a_stream_that_is_cut_short_does_not_look_whole(bench):
    bench.url, bench.function.incoming = STREAMED, Incoming()
    bench.function.incoming.is_whole = False
    bench.function.result = FAILED
    for piece in (b"half", b""):
        bench.function.incoming.pieces.put_nowait(piece)
    response = await bench.send()
    assert await response.source.read() == b"half"
    with pytest.raises(BodyCutShort):
        await response.source.read()


async def test_an_error_midway_that_the_runtime_told_of_is_in_the_trailers(bench):
    bench.url, bench.function.incoming = STREAMED, Incoming()
    bench.function.result = FAILED
    for piece in (b"half", b""):
        bench.function.incoming.pieces.put_nowait(piece)
    source: Any = (await bench.send()).source
    assert [await source.read(), await source.read()] == [b"half", b""]
    assert source.trailers == {
        "lambda-runtime-function-error-type": "Mine",
        "lambda-runtime-function-error-body": base64.b64encode(FAILED.payload).decode(),
    }


async def test_an_error_that_clients_could_not_take_is_named_only(bench):
    bench.url, bench.function.incoming = STREAMED, Incoming()
    bench.function.result = InvocationResult(
        payload=bytes(10_000), is_function_error=True, error_type="Mine\r\nx: y"
    )
    for piece in (b"half", b""):
        bench.function.incoming.pieces.put_nowait(piece)
    source: Any = (await bench.send()).source
    assert [await source.read(), await source.read()] == [b"half", b""]
    assert source.trailers == {"lambda-runtime-function-error-type": "Mine  x: y"}
