"""The public listener's application: one request in, the API it is for, one answer out.

Raw ASGI, since it is on the path of every invocation (docs/design.md, D2). Here is the one exit
for errors: an operation raises ServiceError, and nothing else leaves as anything but a 500 with
no details in it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from lambent.control_plane import code_location
from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError
from lambent.domain.quotas import REQUEST_PAYLOAD_BYTES
from lambent.protocol import credential_scope
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.protocol.rejections import too_large

if TYPE_CHECKING:
    from lambent.protocol.service import Service
    from lambent.store.deployment_packages import DeploymentPackages

logger = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Operation = Callable[[Caller, dict[str, Any]], Awaitable[dict[str, Any]]]

# What AWS takes for any operation, by the number its refusal names.
MAX_REQUEST_BYTES = 70_167_211
# What is still read, and thrown away, of a request that is too large, so that the client hears why.
_MAX_DISCARDED_BYTES = 4 * MAX_REQUEST_BYTES
_LONG_TO_PARSE_BYTES = 256 * 1024
_LOGS_TARGET = "Logs_20140328."
# Ours: no operation of AWS's has such a path.
_ENVIRONMENTS_PATH = "/_lambent/environments"


class ClientGone(Exception):
    """Raised when the client hung up before its request was whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One AWS API: its wire protocol, and what answers its operations."""

    service: Service
    operations: Mapping[str, Operation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """The ASGI application."""

    functions: Api
    logs: Api
    packages: DeploymentPackages
    code_location_key: bytes = field(repr=False)
    account_id: str
    region: str
    health: Callable[[], dict[str, object]]
    environments: Callable[[str | None], dict[str, object]]  # of a function, or all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _request_head(scope)
        request_id = str(uuid.uuid4())
        if request.path == "/health":
            response = _json_response(200, self.health())
        elif request.path == _ENVIRONMENTS_PATH:
            response = self._list_environments(request)
        elif request.path.startswith(code_location.PATH_PREFIX):
            response = await self._download(request)
        else:
            try:
                response = await self._answer_api(request, receive, request_id)
            except ClientGone:
                return
        await _send(response, request.method, send)

    async def _answer_api(
        self, request: HttpRequest, receive: Receive, request_id: str
    ) -> HttpResponse:
        api = self._api_of(request)
        operation = "?"
        try:
            request = await _with_body(request, receive, api.service)
            self._refuse_other_services(request)
            operation, parameters = await _parse(api.service, request)
            caller = self._caller(request, request_id)
            output = await api.operations[operation](caller, parameters)
            response = api.service.serialize(operation, output, request_id)
        except ServiceError as error:
            response = api.service.serialize_error(error, request_id)
        except ClientGone:
            raise
        except Exception:  # the API's boundary: the caller gets a 500, the operator the reason
            logger.exception("%s (request %s) failed", operation, request_id)
            response = api.service.serialize_error(_internal_error(), request_id)
        logger.debug("%s => %s", operation, response.status)
        return response

    def _api_of(self, request: HttpRequest) -> Api:
        is_logs = request.headers.get("x-amz-target", "").startswith(_LOGS_TARGET)
        return self.logs if is_logs else self.functions

    def _refuse_other_services(self, request: HttpRequest) -> None:
        """What is signed for another service is not for us, though its path may look so."""
        service = credential_scope.scoped_service(request.headers, request.query)
        if service not in (None, "lambda", "logs"):
            raise ServiceError(
                "UnknownOperationException",
                f"This endpoint serves Lambda and CloudWatch Logs; the request is for {service}.",
            )

    def _caller(self, request: HttpRequest, request_id: str) -> Caller:
        caller = credential_scope.identify(
            request.headers,
            request.query,
            request_id=request_id,
            default_account=self.account_id,
            default_region=self.region,
        )
        return replace(caller, trace_header=request.headers.get("x-amzn-trace-id"))

    def _list_environments(self, request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return _json_response(405, {"Message": "Environments can only be looked at."})
        [function] = parse_qs(request.query).get("function", [None])[-1:]
        return _json_response(200, self.environments(function))

    async def _download(self, request: HttpRequest) -> HttpResponse:
        """A deployment package, to whoever has a link that GetFunction gave out."""
        sha256 = code_location.verify(
            self.code_location_key, request.path, request.query, time.time()
        )
        if request.method not in ("GET", "HEAD") or sha256 is None:
            return _json_response(403, {"Message": "This link is not valid, or no longer."})
        try:
            archive = await self.packages.read(sha256)
        except ServiceError:
            return _json_response(404, {"Message": "This deployment package is gone."})
        return HttpResponse(status=200, headers=[("content-type", "application/zip")], body=archive)


def _request_head(scope: Scope) -> HttpRequest:
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers={
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        },
        body=b"",
    )


async def _parse(service: Service, request: HttpRequest) -> tuple[str, dict[str, Any]]:
    """Off the event loop when it takes long: a deployment package is 70 MB of base64."""
    if len(request.body) > _LONG_TO_PARSE_BYTES and not request.path.endswith("/invocations"):
        return await asyncio.to_thread(service.parse, request)
    return service.parse(request)


async def _with_body(request: HttpRequest, receive: Receive, service: Service) -> HttpRequest:
    limit = _body_limit(request.path)
    message = await _next_part(receive)
    body = message.get("body", b"")
    if message.get("more_body"):
        body = await _read_rest(body, receive, limit)
    if len(body) > limit:
        raise _too_large(limit, service.operation_of(request))
    return HttpRequest(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=body,
    )


async def _read_rest(start: bytes, receive: Receive, limit: int) -> bytes:
    """The whole body; of one over the limit just enough to be seen as such."""
    body = bytearray(start)
    read = len(start)
    more = True
    while more and read < _MAX_DISCARDED_BYTES:
        message = await _next_part(receive)
        chunk = message.get("body", b"")
        read += len(chunk)
        if len(body) <= limit:
            body += chunk
        more = message.get("more_body", False)
    return bytes(body)


async def _next_part(receive: Receive) -> dict[str, Any]:
    message = await receive()
    if message["type"] == "http.disconnect":
        # Half a payload may be JSON too: it must not be taken for the whole.
        raise ClientGone
    return message


def _body_limit(path: str) -> int:
    return REQUEST_PAYLOAD_BYTES if path.endswith("/invocations") else MAX_REQUEST_BYTES


def _too_large(limit: int, operation: str) -> ServiceError:
    if limit == REQUEST_PAYLOAD_BYTES:
        return ServiceError(
            "RequestTooLargeException",
            f"Request must be smaller than {limit} bytes for the InvokeFunction operation",
        )
    return too_large(operation, limit)


def _internal_error() -> ServiceError:
    return ServiceError(
        "ServiceException", "Lambent failed to answer this request; its log says why."
    )


def _json_response(status: int, document: dict[str, object]) -> HttpResponse:
    return HttpResponse(
        status=status,
        headers=[("content-type", "application/json")],
        body=json.dumps(document).encode(),
    )


async def _send(response: HttpResponse, method: str, send: Send) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers
    ]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    body = b"" if method == "HEAD" else response.body
    await send({"type": "http.response.body", "body": body})
