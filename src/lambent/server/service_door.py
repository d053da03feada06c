"""Where the companion hands in what its services have to tell functions, and asks for answers.

Whoever gets in can speak as any AWS service, so only the companion does: it alone was told the
secret, on its standard input when it started.
"""

from __future__ import annotations

import hmac
import json
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lambent.domain.errors import ServiceError
from lambent.invocation.service_invocation import (
    ServiceInvocation,
    check_service,
    invoke_for_service,
    invoke_for_waiting_service,
)
from lambent.server.custom_resources import Asked
from lambent.server.json_response import json_response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from lambent.invocation.invoke import DataPlane
    from lambent.protocol.http import HttpRequest, HttpResponse
    from lambent.server.custom_resources import CustomResourceResponses

logger = logging.getLogger(__name__)

# Ours: no operation of AWS's has such a path.
PATH = "/_lambent/service-invocations"
_TEXTS = ("service", "function_arn", "payload")
_OPTIONAL_TEXTS = ("source_arn", "source_account", "trace_header")

Answer = tuple[int, dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDoor:
    """Answers POST requests to PATH."""

    plane: DataPlane
    secret: str = field(repr=False)
    custom_resources: CustomResourceResponses

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        if not self._is_companion(request):
            # Like a path that is not there: nobody else has to know of it.
            return json_response(404, {"Message": "There is nothing here."})
        try:
            status, document = await self._answer(json.loads(request.body))
        except ServiceError as error:
            status, document = 400, {"code": error.code, "message": error.message}
        except Exception:  # the door's boundary: the companion tries again, the operator reads why
            logger.exception("An invocation by a service failed")
            status, document = 500, {"code": "ServiceException", "message": "see the log"}
        return json_response(status, document)

    def _is_companion(self, request: HttpRequest) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        is_right = hmac.compare_digest(given.encode(), self.secret.encode())
        return is_right and request.method == "POST" and bool(self.secret)

    async def _answer(self, document: dict[str, Any]) -> Answer:
        if document["mode"] == "open-response":
            del document["mode"]
            url, path = self.custom_resources.open(Asked(**document))
            return 200, {"url": url, "path": path}
        if document["mode"] == "await-response":
            path, seconds = document["path"], document["seconds"]
            return 200, {"response": await self.custom_resources.wait(path, seconds)}
        return await _MODES[document["mode"]](self.plane, _service_invocation(document))


async def _queue(plane: DataPlane, invocation: ServiceInvocation) -> Answer:
    return 202, {"request_id": await invoke_for_service(plane, invocation)}


async def _wait(plane: DataPlane, invocation: ServiceInvocation) -> Answer:
    answer = await invoke_for_waiting_service(plane, invocation)
    text = answer.payload.decode(errors="replace")
    return 200, {"payload": text, "is_function_error": answer.is_function_error}


async def _check(plane: DataPlane, invocation: ServiceInvocation) -> Answer:
    await check_service(plane, invocation)
    return 200, {}


_MODES: Mapping[str, Callable[[DataPlane, ServiceInvocation], Awaitable[Answer]]] = {
    "event": _queue,
    "wait": _wait,
    "check": _check,
}


def _service_invocation(document: dict[str, str | None]) -> ServiceInvocation:
    service, function_arn, payload = (str(document[name]) for name in _TEXTS)
    source_arn, source_account, trace_header = (document.get(name) for name in _OPTIONAL_TEXTS)
    return ServiceInvocation(
        service=service,
        function_arn=function_arn,
        payload=payload.encode(),
        source_arn=source_arn,
        source_account=source_account,
        trace_header=trace_header,
    )
