"""The Invoke API of `lambent rie` and `lambent gateway`: one request in, one answer out.

Lambda's own operations in its own form, for a function of any name, and the few paths beside them
that health probes and OpenFaaS's gateway know.
"""

from __future__ import annotations

import functools
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from lambent.domain.arn import agreed_qualifier, split_function_name
from lambent.domain.errors import ServiceError
from lambent.domain.identifiers import new_uuid
from lambent.domain.invocation import Invocation
from lambent.domain.quotas import REQUEST_PAYLOAD_BYTES
from lambent.emulator.call import Call
from lambent.emulator.timed_out import as_original
from lambent.emulator.trace_header import trace_header
from lambent.invocation.output import invoke_output, stream_output
from lambent.invocation.payload import (
    check_queued_size,
    checked_client_context,
    event_too_large,
    refuse_durable_execution,
)
from lambent.protocol import browsers
from lambent.protocol.http import HttpResponse
from lambent.protocol.service import Service
from lambent.server.json_response import json_response

if TYPE_CHECKING:
    from lambent.emulator.call import Calls
    from lambent.emulator.timed_out import TimeOutAnswer
    from lambent.protocol.http import HttpRequest

logger = logging.getLogger(__name__)

_OPERATIONS = ("Invoke", "InvokeAsync", "InvokeWithResponseStream")
# The originals take any name. So it is read here, and the model's pattern never sees it.
_PATH = re.compile(
    r"(/2015-03-31/functions/)([^/]+)(/invocations)/?"
    r"|(/2021-11-15/functions/)([^/]+)(/response-streaming-invocations)/?"
    r"|(/2014-11-13/functions/)([^/]+)(/invoke-async)/?"
)
_ANY_NAME = "function"  # in place of the one in a path
_OPENFAAS_INVOKE = "/"
_OPENFAAS_PROBES = ("/_/health", "/_/ready")
_HEALTH, _READY = "/health", "/ready"  # as `lambent serve` has the first
_SENT_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_LONGEST_KNOWN_PATH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeOptions:
    """What operators choose of the API."""

    max_event_bytes: int = REQUEST_PAYLOAD_BYTES
    serves_openfaas: bool = False
    time_out_answer: TimeOutAnswer = "aws"


class _Target(NamedTuple):
    """What a path of the API's means."""

    path: str  # the same with a name that the model allows
    name: str
    qualifier: str | None


class InvokeApi:
    """Answers the requests of a listener with what `calls` does."""

    def __init__(self, calls: Calls, options: InvokeOptions) -> None:
        self._calls = calls
        self._options = options
        self._service = Service.load("lambda", operations=_OPERATIONS)
        self._ids_at_work: set[str] = set()

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        target = _target(request.path)
        if target is None:
            if self._options.serves_openfaas and (answer := await self._answer_openfaas(request)):
                return answer
            return self._answer_other(request)
        if browsers.is_of_another_page(request.headers):
            return json_response(403, {"Message": browsers.REFUSAL})
        return await self._answer_call(request, target)

    async def _answer_call(self, request: HttpRequest, target: _Target) -> HttpResponse:
        if request.method != "POST":
            return HttpResponse(status=405, headers=[("Allow", "POST")], body=b"")
        request_id = self._take_id(request.headers.get("amz-sdk-invocation-id"))
        operation = "?"
        try:
            request.path = target.path
            operation, parameters = self._parse(request)
            output = await self._run(operation, parameters, request, target, request_id)
            return self._service.serialize(operation, output, request_id)
        except ServiceError as error:
            logger.debug("%s (request %s) is refused: %s", operation, request_id, error)
            return self._service.serialize_error(error, request_id)
        except Exception:  # the API's boundary: the caller gets a 500, the operator the reason
            logger.exception("%s (request %s) failed", operation, request_id)
            failure = ServiceError(
                "ServiceException", "Lambent failed to answer this request; its log says why."
            )
            return self._service.serialize_error(failure, request_id)
        finally:
            self._ids_at_work.discard(request_id)

    def _take_id(self, sent: str | None) -> str:
        """What a call is told from all others by: the SDK's own number of it, where it can be.

        So the original has it, and people look for it in logs. A retry has the number of the
        attempt before; while that is at work, it gets one of its own.
        """
        is_usable = sent is not None and sent not in self._ids_at_work and _SENT_ID.fullmatch(sent)
        request_id = sent if sent is not None and is_usable else new_uuid()
        self._ids_at_work.add(request_id)
        return request_id

    def _parse(self, request: HttpRequest) -> tuple[str, dict[str, Any]]:
        limit = self._options.max_event_bytes
        if request.is_too_large or len(request.body) > limit:
            raise event_too_large(limit)
        operation, parameters = self._service.parse(request)
        refuse_durable_execution(parameters)
        return operation, parameters

    async def _run(
        self,
        operation: str,
        parameters: dict[str, Any],
        request: HttpRequest,
        target: _Target,
        request_id: str,
    ) -> dict[str, Any]:
        """The output of an operation. Raises ServiceError."""
        if operation == "InvokeAsync":
            parameters["InvocationType"] = "Event"
            parameters["Payload"] = parameters.pop("InvokeArgs", b"")
        call = self._call(parameters, target, request.headers, request_id)
        if call.invocation_type == "DryRun":
            await self._calls.check(call)
            return {"StatusCode": 204}
        if call.invocation_type == "Event":
            if self._options.max_event_bytes <= REQUEST_PAYLOAD_BYTES:
                check_queued_size(call.invocation.payload)
            await self._calls.accept(call)
            return {"StatusCode": 202, "Status": 202}
        if operation == "InvokeWithResponseStream":
            stream = await self._calls.stream(call)
            version = self._calls.executed_version(call)
            return stream_output(stream, version, wants_log_tail=call.wants_log_tail)
        return await self._answer_whole(call)

    async def _answer_whole(self, call: Call) -> dict[str, Any]:
        result = await self._calls.run(call)
        if self._options.time_out_answer != "aws":
            result = as_original(result, self._options.time_out_answer)
        version = self._calls.executed_version(call)
        return invoke_output(result, version, wants_log_tail=call.wants_log_tail)

    def _call(
        self,
        parameters: dict[str, Any],
        target: _Target,
        headers: dict[str, str],
        request_id: str,
    ) -> Call:
        """Raises ServiceError."""
        qualifier = agreed_qualifier(target.qualifier, parameters.get("Qualifier"))
        arn = self._calls.invoked_arn(target.name, qualifier)
        return Call(
            name=target.name,
            qualifier=qualifier,
            invocation_type=parameters.get("InvocationType", "RequestResponse"),
            wants_log_tail=parameters.get("LogType") == "Tail",
            invocation=Invocation(
                request_id=request_id,
                invoked_arn=arn,
                # Whatever it is: that it is no JSON, the runtime says, as it does there.
                payload=parameters.get("Payload") or b"{}",
                trace_header=trace_header(headers.get("x-amzn-trace-id"), arn),
                client_context=checked_client_context(parameters.get("ClientContext")),
                tenant_id=parameters.get("TenantId"),
            ),
        )

    # Beside the API

    async def _answer_openfaas(self, request: HttpRequest) -> HttpResponse | None:
        """What its gateway and its probes ask: https://docs.openfaas.com/reference/workloads/"""
        if request.path in _OPENFAAS_PROBES and request.method in ("GET", "HEAD"):
            is_ok = request.path != _OPENFAAS_PROBES[1] or self._calls.is_ready
            return _text_response(200, b"OK") if is_ok else _text_response(503, b"Not ready")
        if request.path == _OPENFAAS_INVOKE:
            # What browsers ask that gateway, it passes on with their marks: they are its to judge.
            target = _Target(f"/2015-03-31/functions/{_ANY_NAME}/invocations", "", None)
            return await self._answer_call(request, target)
        return None

    def _answer_other(self, request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            if request.path == _HEALTH:
                return json_response(200, self._calls.health())
            if request.path == _READY:
                is_ready = self._calls.is_ready
                return json_response(200 if is_ready else 503, {"ready": is_ready})
        error = ServiceError(
            "UnknownOperationException",
            "Only functions are invoked here: POST /2015-03-31/functions/function/invocations. "
            "For the whole of Lambda's API run `lambent serve`.",
        )
        return self._service.serialize_error(error, new_uuid())


def _target(path: str) -> _Target | None:
    """None for a path of no operation."""
    return _known_path(path) if len(path) <= _LONGEST_KNOWN_PATH else _read_path(path)


def _read_path(path: str) -> _Target | None:
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    beginning, name, end = (part for part in match.groups() if part is not None)
    return _Target(f"{beginning}{_ANY_NAME}{end}", *split_function_name(unquote(name)))


# The same few come again and again.
_known_path = functools.lru_cache(maxsize=1024)(_read_path)


def _text_response(status: int, body: bytes) -> HttpResponse:
    return HttpResponse(status=status, headers=[("content-type", "text/plain")], body=body)
