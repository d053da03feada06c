"""The public listener's application: one request in, the API it is for, one answer out.

Here is the one exit for errors: an operation raises ServiceError, and nothing else leaves as
anything but a 500 with no details in it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from lambent.control_plane.deployment_packages import code_location
from lambent.domain.caller import Caller
from lambent.domain.errors import ServiceError
from lambent.domain.identifiers import new_uuid
from lambent.domain.quotas import REQUEST_PAYLOAD_BYTES
from lambent.invocation.function_urls.endpoint import held_of
from lambent.invocation.payload import event_too_large
from lambent.protocol import browsers, credential_scope
from lambent.protocol.body_source import FileSource
from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.protocol.rejections import too_large
from lambent.server import (
    cloudwatch,
    custom_resources,
    function_urls,
    misdirected,
    service_door,
)
from lambent.server.json_response import json_response
from lambent.server.neighbours import Neighbours, unsigned_service
from lambent.telemetry.metrics import prometheus

if TYPE_CHECKING:
    from lambent.invocation.function_urls.endpoint import FunctionUrls
    from lambent.invocation.function_urls.event import UrlRequest
    from lambent.protocol.service import Service
    from lambent.server.queue_api import QueueApi
    from lambent.store.deployment_packages import DeploymentPackages

logger = logging.getLogger(__name__)

Operation = Callable[[Caller, dict[str, Any]], Awaitable[dict[str, Any]]]
# Raises ServiceError unless a function may: signing name, operation and input.
Authorize = Callable[[Caller, str, str, dict[str, Any]], Awaitable[None]]

# What AWS takes for any operation, by the number its refusal names.
MAX_REQUEST_BYTES = 70_167_211
_LONG_TO_PARSE_BYTES = 256 * 1024
# Signing names; None: not signed.
_SERVED = (None, "lambda", "logs", cloudwatch.SIGNING_NAME)
_LOGS_TARGET = "Logs_20140328."
# Ours: no operation of AWS's has such paths.
_OWN_PREFIX = "/_lambent/"
_ENVIRONMENTS_PATH = "/_lambent/environments"
_METRICS_PATH = "/metrics"  # where Prometheus looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One AWS API: its wire protocol, and what answers its operations."""

    service: Service
    operations: Mapping[str, Operation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """What the public listener answers."""

    functions: Api
    logs: Api
    cloudwatch: cloudwatch.CloudWatch
    packages: DeploymentPackages
    code_location_key: bytes = field(repr=False)
    account_id: str
    region: str
    health: Callable[[], dict[str, object]]
    environments: Callable[[str | None], dict[str, object]]  # of a function, or all
    metrics: Callable[[], Awaitable[str]]  # as Prometheus reads them
    queue: QueueApi
    services: service_door.ServiceDoor
    custom_resources: custom_resources.CustomResourceResponses
    neighbours: Neighbours
    authorize: Authorize
    function_urls: FunctionUrls

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        # First: whose pages may use a function's URL, its own settings say.
        if (for_function := function_urls.url_request(request)) is not None:
            return await self.answer_function_url(for_function)
        if browsers.is_of_another_page(request.headers):
            return json_response(403, {"Message": browsers.REFUSAL})
        is_signed = credential_scope.is_signed(request.headers, request.query)
        if not is_signed and (own := await self._answer_own(request)) is not None:
            return own
        return await self._answer_api(request, new_uuid())

    async def answer_function_url(
        self, request: UrlRequest, sandbox_keys: frozenset[str] | None = None
    ) -> HttpResponse:
        """What a function answers; only signatures with `sandbox_keys` count if they are given."""
        return await function_urls.answer(self.function_urls, request, sandbox_keys)

    async def _answer_own(self, request: HttpRequest) -> HttpResponse | None:
        """What is Lambent's own, and of no API of AWS's; None for any other path."""
        if request.path == "/health":
            return json_response(200, self.health())
        if request.path == _METRICS_PATH and request.method in ("GET", "HEAD"):
            content_type = ("content-type", prometheus.CONTENT_TYPE)
            body = (await self.metrics()).encode()
            return HttpResponse(status=200, headers=[content_type], body=body)
        if request.path.startswith(_OWN_PREFIX):
            return await self._answer_below_prefix(request)
        return None

    async def _answer_below_prefix(self, request: HttpRequest) -> HttpResponse | None:
        if request.path == _ENVIRONMENTS_PATH:
            return self._list_environments(request)
        if self.queue.serves(request.path):
            return await self.queue(request)
        if request.path == service_door.PATH:
            return await self.services(request)
        if request.path.startswith(code_location.PATH_PREFIX):
            return await self._download(request)
        return None

    async def _answer_api(self, request: HttpRequest, request_id: str) -> HttpResponse:
        caller, signed_for = credential_scope.identify(
            request.headers,
            request.query,
            request_id=request_id,
            default_account=self.account_id,
            default_region=self.region,
        )
        return await self.answer_signed(request, caller, signed_for)

    async def answer_signed(
        self, request: HttpRequest, caller: Caller, signed_for: str | None
    ) -> HttpResponse:
        """What the API answers a caller that is known; nothing but APIs is behind this."""
        request_id = caller.request_id
        if signed_for == "s3" and custom_resources.is_response(request.path):
            return self.custom_resources.answer(request, request_id)
        service = self._neighbour_of(request, signed_for)
        if service is not None and self.neighbours.serves(service):
            return await self.neighbours.answer(request, service, caller)
        if signed_for not in _SERVED:
            return self._answer_other_service(request, signed_for, request_id)
        api = self._api_of(request, signed_for)
        operation = "?"
        try:
            _refuse_too_large(request, api.service)
            operation, parameters = await _parse(api.service, request)
            if caller.principal is not None:
                await self.authorize(caller, api.service.signing_name, operation, parameters)
            output = await api.operations[operation](caller, parameters)
            response = api.service.serialize(operation, output, request_id)
        except ServiceError as error:
            response = api.service.serialize_error(error, request_id)
        except Exception:  # the API's boundary: the caller gets a 500, the operator the reason
            logger.exception("%s (request %s) failed", operation, request_id)
            response = api.service.serialize_error(_internal_error(), request_id)
        logger.debug("%s => %s", operation, response.status)
        return response

    def held_of(self, request: HttpRequest) -> int | None:
        """See `protocol.http.HeldOf`: what is for a neighbour is passed on while it comes."""
        if (for_function := function_urls.url_request(request)) is not None:
            return self.held_of_function_url(for_function)
        return 0 if self._is_passed_on(request) else None

    def held_of_function_url(self, request: UrlRequest) -> int:
        """The same of a request to a function URL."""
        return held_of(self.function_urls, request)

    def _is_passed_on(self, request: HttpRequest) -> bool:
        _, signed_for = credential_scope.identify(
            request.headers,
            request.query,
            request_id="",
            default_account=self.account_id,
            default_region=self.region,
        )
        if signed_for == cloudwatch.SIGNING_NAME:
            return False  # whose it is, its body says
        if custom_resources.is_response(request.path):
            return False
        service = self._neighbour_of(request, signed_for)
        return service is not None and self.neighbours.serves(service)

    def is_operators(self, service: str) -> bool:
        """Whether an endpoint is configured for just this service, by its signing name."""
        return self.neighbours.is_operators(service)

    def _neighbour_of(self, request: HttpRequest, signed_for: str | None) -> str | None:
        """The other service that a request is for; None: it is for one of our APIs."""
        if signed_for is None:
            return unsigned_service(request)
        if signed_for == cloudwatch.SIGNING_NAME:
            return None if self.cloudwatch.is_ours(request) else signed_for
        return None if signed_for in _SERVED else signed_for

    def _api_of(self, request: HttpRequest, signed_for: str | None) -> Api:
        if signed_for == cloudwatch.SIGNING_NAME:
            service = self.cloudwatch.service_of(request)
            return Api(service=service, operations=self.cloudwatch.operations)
        is_logs = request.headers.get("x-amz-target", "").startswith(_LOGS_TARGET)
        return self.logs if is_logs else self.functions

    def _answer_other_service(
        self, request: HttpRequest, service: str, request_id: str
    ) -> HttpResponse:
        """To a request that may have an operation's path all the same."""
        if answer := misdirected.xml_answer(request, service, request_id):
            return answer
        # The services with JSON are like one of ours or the other.
        api = self.logs if "x-amz-target" in request.headers else self.functions
        message = misdirected.other_service_message(service)
        return api.service.serialize_error(
            ServiceError("UnknownOperationException", message), request_id
        )

    def _list_environments(self, request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return json_response(405, {"Message": "Environments can only be looked at."})
        [function] = parse_qs(request.query).get("function", [None])[-1:]
        return json_response(200, self.environments(function))

    async def _download(self, request: HttpRequest) -> HttpResponse:
        """A deployment package, to whoever has a link that GetFunction gave out."""
        sha256 = code_location.verify(
            self.code_location_key, request.path, request.query, time.time()
        )
        if request.method not in ("GET", "HEAD") or sha256 is None:
            return json_response(403, {"Message": "This link is not valid, or no longer."})
        try:
            archive = await self.packages.open(sha256)
        except ServiceError:
            return json_response(404, {"Message": "This deployment package is gone."})
        return HttpResponse(
            status=200,
            headers=[("content-type", "application/zip")],
            body=b"",
            source=await FileSource.measure(archive),
        )


async def _parse(service: Service, request: HttpRequest) -> tuple[str, dict[str, Any]]:
    """Off the event loop when it takes long: a deployment package is 70 MB of base64."""
    if len(request.body) > _LONG_TO_PARSE_BYTES and not _is_invocation(request.path):
        return await asyncio.to_thread(service.parse, request)
    return service.parse(request)


def _refuse_too_large(request: HttpRequest, service: Service) -> None:
    limit = _body_limit(request.path)
    if request.is_too_large or len(request.body) > limit:
        raise _too_large(limit, service.operation_of(request))


def _body_limit(path: str) -> int:
    return REQUEST_PAYLOAD_BYTES if _is_invocation(path) else MAX_REQUEST_BYTES


def _is_invocation(path: str) -> bool:
    """Whether a path is that of Invoke or InvokeWithResponseStream, which have an event's limit."""
    return path.endswith(("/invocations", "/response-streaming-invocations"))


def _too_large(limit: int, operation: str) -> ServiceError:
    if limit == REQUEST_PAYLOAD_BYTES:
        return event_too_large()
    return too_large(operation, limit)


def _internal_error() -> ServiceError:
    return ServiceError(
        "ServiceException", "Lambent failed to answer this request; its log says why."
    )
