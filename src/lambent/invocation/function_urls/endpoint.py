"""One request to a function URL, and its one answer.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError
from lambent.domain.identifiers import new_uuid
from lambent.domain.invocation import ErrorType, Invocation
from lambent.domain.quotas import REQUEST_PAYLOAD_BYTES
from lambent.domain.trace import continue_trace
from lambent.invocation.function_urls.access import UrlForbidden, authorize
from lambent.invocation.function_urls.cors import preflight_answer, with_cors_headers
from lambent.invocation.function_urls.event import EventContext, build_event
from lambent.invocation.function_urls.metrics import measure
from lambent.invocation.function_urls.prelude import BYTES_TYPE, is_prelude_type, read_prelude
from lambent.invocation.function_urls.response import (
    JSON_TYPE,
    MalformedResponse,
    read_head,
    read_response,
)
from lambent.invocation.payload import event_too_large
from lambent.invocation.response_stream import open_response_stream
from lambent.invocation.run import admit, run, runnable_version
from lambent.protocol.body_source import BodyCutShort
from lambent.protocol.http import HttpResponse
from lambent.protocol.serializer import header_safe

if TYPE_CHECKING:
    from lambent.domain.function import FunctionVersion
    from lambent.domain.function_url import FunctionUrl
    from lambent.domain.invocation import InvocationResult
    from lambent.invocation.function_urls.access import UrlAccess
    from lambent.invocation.function_urls.event import UrlRequest
    from lambent.invocation.function_urls.response import Headers
    from lambent.invocation.response_stream import ResponseStream
    from lambent.invocation.run import Runs
    from lambent.store.function_urls import FunctionUrlIndex

logger = logging.getLogger(__name__)

_LONG_BYTES = 256 * 1024  # to read or to write as JSON beside the event loop
_ERROR_TYPE = "lambda-runtime-function-error-type"
_ERROR_BODY = "lambda-runtime-function-error-body"
_MAX_ERROR_BYTES = 8 * 1024  # Node.js and others take 16 KiB of trailers at most
_STATUSES = {
    "RequestTooLargeException": 413,
    "ResourceConflictException": 409,
    "TooManyRequestsException": 429,
}  # else 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionUrls:
    """What answers at the URLs of functions."""

    runs: Runs
    urls: FunctionUrlIndex
    access: UrlAccess


def held_of(functions: FunctionUrls, of: UrlRequest) -> int:
    """How much of a long body is held: nothing of one that no function gets, as its head says."""
    length = of.request.headers.get("content-length", "0")
    url = _url_of(functions, of)
    is_answered_without = url is None or preflight_answer(url.cors, of.request) is not None
    return (
        0 if is_answered_without or int(length) > REQUEST_PAYLOAD_BYTES else REQUEST_PAYLOAD_BYTES
    )


def _url_of(functions: FunctionUrls, of: UrlRequest) -> FunctionUrl | None:
    url = functions.urls.get(of.url_id)
    return url if url is not None and of.region in (None, url.region) else None


async def answer(
    functions: FunctionUrls, of: UrlRequest, sandbox_keys: frozenset[str] | None = None
) -> HttpResponse:
    """The answer to `of`, whatever comes of it; see `access.authorize` for `sandbox_keys`."""
    request_id = new_uuid()
    url = _url_of(functions, of)
    if url is None:
        # So AWS answers for an address that nobody has.
        response = _error(403, "AccessDeniedException", None)
    else:
        response = await _answer_at(functions, url, of, request_id, sandbox_keys)
        measure(functions.runs.metrics, url, status=response.status, began=of.request.began)
    response.headers.append(("x-amzn-requestid", request_id))
    return response


async def _answer_at(
    functions: FunctionUrls,
    url: FunctionUrl,
    of: UrlRequest,
    request_id: str,
    sandbox_keys: frozenset[str] | None,
) -> HttpResponse:
    if (preflight := preflight_answer(url.cors, of.request)) is not None:
        return preflight
    response = await _respond(functions, url, of, request_id, sandbox_keys)
    response.headers = with_cors_headers(url.cors, of.request, response.headers)
    return response


async def _respond(
    functions: FunctionUrls,
    url: FunctionUrl,
    of: UrlRequest,
    request_id: str,
    sandbox_keys: frozenset[str] | None,
) -> HttpResponse:
    """The function's answer, or an error instead."""
    try:
        # A body that still comes is one that is too long: see `server/function_urls.py`.
        if of.request.is_too_large or of.request.stream is not None:
            raise event_too_large()
        caller = await authorize(functions.access, url, of.request, sandbox_keys)
        trace_header = continue_trace(of.request.headers.get("x-amzn-trace-id"), url.reference.arn)
        context = EventContext(
            request_id=request_id, trace_header=trace_header, now=datetime.now(UTC), caller=caller
        )
        response = await _invoke(functions.runs, url, await _event(of, context), context)
    except UrlForbidden as refusal:
        return _refusal(refusal)
    except ServiceError as error:
        return _service_error(error)
    except MalformedResponse as error:
        # Nothing else tells: the function itself did not fail.
        logger.info(
            "what %s answered to request %s is no HTTP response: %s", url.arn, request_id, error
        )
        return _plain_error(502)
    except Exception:  # the URL's boundary: the caller gets a 500, the operator the reason
        logger.exception("a request to the URL of %s (%s) failed", url.arn, request_id)
        return _plain_error(500)
    response.headers.append(("x-amzn-trace-id", trace_header))
    return response


async def _event(of: UrlRequest, context: EventContext) -> bytes:
    """Raises ServiceError for one that is too large, whose size AWS counts as a whole, too."""
    if len(of.request.body) > REQUEST_PAYLOAD_BYTES:
        raise event_too_large()
    if len(of.request.body) > _LONG_BYTES:
        event = await asyncio.to_thread(build_event, of, context)
    else:
        event = build_event(of, context)
    if len(event) > REQUEST_PAYLOAD_BYTES:
        raise event_too_large()
    return event


async def _invoke(
    runs: Runs, url: FunctionUrl, event: bytes, context: EventContext
) -> HttpResponse:
    """Raises ServiceError, MalformedResponse."""
    reference = url.reference
    version = runnable_version(runs, reference)
    invocation = Invocation(
        request_id=context.request_id,
        invoked_arn=reference.qualified_arn,
        payload=event,
        trace_header=context.trace_header,
    )
    if url.invoke_mode == "RESPONSE_STREAM":
        return await _streamed(runs, version, invocation, reference.qualifier)
    return await _buffered(runs, version, invocation, reference.qualifier)


async def _buffered(
    runs: Runs, version: FunctionVersion, invocation: Invocation, qualifier: str | None
) -> HttpResponse:
    with admit(runs, version, qualifier):
        result = await run(runs, version, invocation)
    if result.is_function_error:
        return _function_error(result)
    if len(result.payload) > _LONG_BYTES:
        return await asyncio.to_thread(read_response, result.payload)
    return read_response(result.payload)


async def _streamed(
    runs: Runs, version: FunctionVersion, invocation: Invocation, qualifier: str | None
) -> HttpResponse:
    stream = await open_response_stream(runs, version, invocation, qualifier)
    try:
        return await _begun(stream)
    except BaseException:
        stream.close()
        raise


async def _begun(stream: ResponseStream) -> HttpResponse:
    """An answer whose head is known, and whose body is read while it is sent."""
    # What a function answers whole is sent as it is, statusCode and all: so AWS has answered.
    has_prelude = stream.is_streamed and is_prelude_type(stream.content_type)
    status, headers = read_head({}, default_type=BYTES_TYPE if has_prelude else stream.content_type)
    first = await stream.read()
    if not first:
        # AWS sends nothing of a prelude, either, that comes with no body at all:
        # https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/97
        return _without_body(stream, headers)
    if has_prelude:
        try:
            status, headers, first = await read_prelude(first, stream.read)
        except MalformedResponse:
            if stream.result is not None and stream.result.is_function_error:
                return _function_error(stream.result)
            raise
    return HttpResponse(
        status=status, headers=headers, body=b"", source=_StreamedBody(stream, first)
    )


def _without_body(stream: ResponseStream, headers: Headers) -> HttpResponse:
    """To what has ended before its first byte."""
    if stream.result is not None and stream.result.is_function_error:
        return _function_error(stream.result)
    return HttpResponse(status=200, headers=headers, body=b"")


class _StreamedBody:
    """What is left of a function's response, as the body of an answer."""

    def __init__(self, stream: ResponseStream, first: bytes) -> None:
        self.length: int | None = None  # nobody knows before its end
        self.trailers: dict[str, str] = {}
        self._stream = stream
        self._first = first

    async def read(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        piece = await self._stream.read()
        if not piece:
            self._end()
        return piece

    def _end(self) -> None:
        """An error that the runtime told of is passed on; what just stopped must not look whole."""
        result = self._stream.result
        if self._stream.is_cut_short:
            why = result.error_type if result is not None else "it is gone"
            raise BodyCutShort(f"the function ended in the middle of its response ({why})")
        if result is not None and result.is_function_error:
            self.trailers = _error_trailers(result)

    def close(self) -> None:
        self._stream.close()


def _error_trailers(result: InvocationResult) -> dict[str, str]:
    """As the runtime sent them: "Lambda ... forwards the error metadata that the runtime provides".

    https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
    """
    trailers = {_ERROR_TYPE: header_safe(result.error_type or ErrorType.UNKNOWN)}
    body = base64.b64encode(result.payload).decode()
    if len(body) <= _MAX_ERROR_BYTES:
        trailers[_ERROR_BODY] = body
    return trailers


def _function_error(result: InvocationResult) -> HttpResponse:
    """What the function was to answer is not there, or not in time."""
    logger.debug("the function failed: %s", result.error_type)
    return _plain_error(504 if result.error_type == ErrorType.TIMED_OUT else 502)


def _plain_error(status: int) -> HttpResponse:
    """In the words recorded from AWS, for whichever it is."""
    return HttpResponse(
        status=status, headers=[("content-type", "text/plain")], body=b"Internal Server Error"
    )


def _refusal(refusal: UrlForbidden) -> HttpResponse:
    return HttpResponse(
        status=refusal.status,
        headers=[("content-type", JSON_TYPE), ("x-amzn-errortype", refusal.code)],
        body=json.dumps(refusal.document, separators=(",", ":")).encode(),
    )


def _service_error(error: ServiceError) -> HttpResponse:
    status = _STATUSES.get(error.code)
    if status is None:
        return _plain_error(500)
    response = _error(status, error.code, error.message)
    if reason := error.members.get("Reason"):  # as Invoke says it of its throttles
        told = {"Reason": reason, "Type": "User", "message": error.message}
        response.body = json.dumps(told, separators=(",", ":")).encode()
    return response


def _error(status: int, code: str, message: str | None) -> HttpResponse:
    return HttpResponse(
        status=status,
        headers=[("content-type", JSON_TYPE), ("x-amzn-errortype", code)],
        body=json.dumps({"Message": message}, separators=(",", ":")).encode(),
    )
