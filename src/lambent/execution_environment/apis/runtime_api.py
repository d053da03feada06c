"""The Runtime API as one environment's runtime meets it.

Paths, states and status codes: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html;
the texts of refusals are those of AWS's runtime interface emulator. The connections it is spoken
over belong to `EnvironmentApi`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from lambent.domain.invocation import ErrorType, Invocation
from lambent.domain.quotas import RESPONSE_PAYLOAD_BYTES
from lambent.execution_environment.apis.runtime_http import (
    OK_BODY,
    error_body,
    is_method,
    respond_not_found,
)
from lambent.execution_environment.lifecycle import (
    RuntimeEvent,
    RuntimeState,
    TransitionNotAllowed,
    next_runtime_state,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.protocol.http import HttpRequest
    from lambent.protocol.http_connection import Connection

_PREFIX = "/2018-06-01/runtime"
_NEXT = f"{_PREFIX}/invocation/next"
_INIT_ERROR = f"{_PREFIX}/init/error"
_RESTORE_NEXT = f"{_PREFIX}/restore/next"
_RESTORE_ERROR = f"{_PREFIX}/restore/error"
_ANSWER = re.compile(rf"{_PREFIX}/invocation/(?P<request_id>[^/]+)/(?P<kind>response|error)")
# Read as JSON in the event loop, only to learn an error's type: megabytes would hold it up.
_MAX_DESCRIPTION_BYTES = 64 * 1024
_PLATFORM_ERROR_TYPE = re.compile(r"(?:Runtime|Function)\.[A-Z][a-zA-Z]{1,63}")


@dataclass(slots=True, kw_only=True)
class Answer:
    """What the runtime posted for an invocation."""

    payload: bytes
    error_type: str | None = None  # None for a response
    # Monotonic seconds: it began to come in; None when it was here all at once.
    began: float | None = field(default=None, compare=False)

    @property
    def is_error(self) -> bool:
        return self.error_type is not None


class Environment(Protocol):
    """What the Runtime API tells of; called in the event loop, and must not block."""

    def runtime_is_ready(self) -> None:
        """The runtime asked for its next invocation."""

    def runtime_failed_to_initialize(self, error: Answer) -> None: ...

    def runtime_answered(self, answer: Answer) -> None: ...

    def runtime_is_ready_to_restore(self) -> None:
        """It is initialised for a snapshot; `RuntimeApi.restore` lets it go on."""

    def runtime_failed_to_restore(self, error: Answer) -> None: ...


class RuntimeApi:
    """One runtime's conversation with the platform, from its first request to its end."""

    def __init__(self, environment: Environment, *, offers_restore: bool = False) -> None:
        self._environment = environment
        self._offers_restore = offers_restore
        self._state = RuntimeState.STARTED
        self._polling: Connection | None = None  # the `next` that waits
        self._invocation: Invocation | None = None
        # Clients that know the header echo it with their answer: of two attempts at one request,
        # which have the same request ID, neither can then be given the other's answer.
        self._invocation_ids = secrets.token_hex(8)
        self._invocation_count = 0
        self._undelivered: str | None = None  # header lines of an invocation nobody polls for yet
        self._is_restored = False  # and has not been told yet
        self._is_closed = False

    def close(self) -> None:
        """Hang up on the runtime, for good: nothing it still says reaches the environment."""
        self._is_closed = True
        if self._polling is not None:
            self._polling.hang_up()

    @property
    def is_polling(self) -> bool:
        return self._state is RuntimeState.READY

    def send(self, invocation: Invocation, deadline_ms: int) -> None:
        """Give the runtime, which must be ready, an invocation."""
        self._state = next_runtime_state(self._state, RuntimeEvent.INVOKE)
        self._invocation = invocation
        self._invocation_count += 1
        self._undelivered = _next_head(invocation, deadline_ms, self._invocation_id)
        if self._polling is not None and self._polling.is_open:
            self._deliver(self._polling)

    @property
    def _invocation_id(self) -> str:
        return f"{self._invocation_ids}-{self._invocation_count}"

    def go_on_from_snapshot(self) -> None:
        """The runtime, which has asked for nothing yet, is one that was ready to be restored."""
        self._state = RuntimeState.RESTORING

    def restore(self) -> None:
        """Let the runtime, which must be ready for it, go on where its snapshot was taken."""
        self._state = next_runtime_state(self._state, RuntimeEvent.RESTORE)
        self._is_restored = True
        if self._polling is not None and self._polling.is_open:
            self._deliver_restore(self._polling)

    def _deliver(self, connection: Connection) -> None:
        invocation, head = self._invocation, self._undelivered
        assert invocation is not None
        assert head is not None
        self._polling = None
        self._undelivered = None
        connection.respond(200, invocation.payload, head)

    def _deliver_restore(self, connection: Connection) -> None:
        self._polling = None
        self._is_restored = False
        connection.respond(200, b"")

    def lose(self, connection: Connection) -> None:
        """A connection is gone; the runtime may ask again on another."""
        if self._polling is connection:
            self._polling = None

    def receive(self, request: HttpRequest, connection: Connection) -> None:
        """Answer one request, now or when there is something to answer."""
        if self._is_closed:
            connection.hang_up()
            return
        try:
            self._route(request, connection)
        except TransitionNotAllowed as refusal:
            connection.respond(403, error_body("InvalidStateTransition", str(refusal)))

    def _route(self, request: HttpRequest, connection: Connection) -> None:
        if request.path == _NEXT:
            if is_method(request, "GET", connection):
                self._poll(connection)
            return
        answer = _ANSWER.fullmatch(request.path)
        if answer is not None:
            if is_method(request, "POST", connection):
                self._take_answer(request, connection, answer["request_id"], answer["kind"])
        elif request.path == _INIT_ERROR:
            if is_method(request, "POST", connection):
                self._fail_to_initialize(request, connection)
        elif self._offers_restore:
            self._route_restore(request, connection)
        else:
            respond_not_found(connection)

    def _route_restore(self, request: HttpRequest, connection: Connection) -> None:
        if request.path == _RESTORE_NEXT:
            if is_method(request, "GET", connection):
                self._poll_for_restore(connection)
        elif request.path == _RESTORE_ERROR:
            if is_method(request, "POST", connection):
                self._fail_to_restore(request, connection)
        else:
            respond_not_found(connection)

    def _poll(self, connection: Connection) -> None:
        if self._undelivered is not None:
            self._deliver(connection)
            return
        # In the middle of an invocation: Node's client does not wait for the end of a stream that
        # failed, and asks on another connection. AWS's supervisor lets it wait for its own answer.
        may_wait = self._state in (RuntimeState.READY, RuntimeState.RUNNING)
        if may_wait and self._has_lost_its_poll:
            self._polling = connection
            return
        self._become_ready(connection)

    def _become_ready(self, connection: Connection) -> None:
        self._state = next_runtime_state(self._state, RuntimeEvent.NEXT)
        self._polling = connection
        self._environment.runtime_is_ready()

    @property
    def _has_lost_its_poll(self) -> bool:
        return self._polling is None or not self._polling.is_open

    def _poll_for_restore(self, connection: Connection) -> None:
        if self._is_restored:
            self._deliver_restore(connection)
            return
        if self._state is RuntimeState.RESTORE_READY and self._has_lost_its_poll:
            self._polling = connection
            return
        self._state = next_runtime_state(self._state, RuntimeEvent.RESTORE_NEXT)
        self._polling = connection
        self._environment.runtime_is_ready_to_restore()

    def _fail_to_initialize(self, request: HttpRequest, connection: Connection) -> None:
        if self._state is RuntimeState.RESTORING:
            # As AWS's supervisor takes it: clients post errors of restore hooks here, too.
            self._fail_to_restore(request, connection)
            return
        self._state = next_runtime_state(self._state, RuntimeEvent.INIT_ERROR)
        connection.respond(202, OK_BODY)
        self._environment.runtime_failed_to_initialize(_platform_error(request))

    def _fail_to_restore(self, request: HttpRequest, connection: Connection) -> None:
        self._state = next_runtime_state(self._state, RuntimeEvent.RESTORE_ERROR)
        connection.respond(202, OK_BODY)
        self._environment.runtime_failed_to_restore(_platform_error(request))

    def _take_answer(
        self, request: HttpRequest, connection: Connection, request_id: str, kind: str
    ) -> None:
        echo = request.headers.get("lambda-runtime-invocation-id")
        if (
            self._invocation is None
            or request_id != self._invocation.request_id
            or (echo is not None and echo != self._invocation_id)
        ):
            connection.respond(400, error_body("InvalidRequestID", "Invalid request ID"))
            return
        event = RuntimeEvent.RESPONSE if kind == "response" else RuntimeEvent.ERROR
        self._state = next_runtime_state(self._state, event)
        answer = _error_answer(request) if kind == "error" else _response_answer(request)
        answer.began = request.began
        if _is_over_limit(request):
            connection.respond(
                413,
                error_body(
                    "RequestEntityTooLarge",
                    f"Exceeded maximum allowed payload size ({RESPONSE_PAYLOAD_BYTES} bytes).",
                ),
            )
        else:
            connection.respond(202, OK_BODY)
        self._environment.runtime_answered(answer)
        if self._polling is not None and self._polling.is_open:
            self._become_ready(self._polling)


def _next_head(invocation: Invocation, deadline_ms: int, invocation_id: str) -> str:
    context, tenant = invocation.client_context, invocation.tenant_id
    return (
        f"Content-Type: {invocation.content_type}\r\n"
        f"Lambda-Runtime-Aws-Request-Id: {invocation.request_id}\r\n"
        f"Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n"
        f"Lambda-Runtime-Invoked-Function-Arn: {invocation.invoked_arn}\r\n"
        f"Lambda-Runtime-Trace-Id: {invocation.trace_header}\r\n"
        f"Lambda-Runtime-Invocation-Id: {invocation_id}\r\n"
        + (f"Lambda-Runtime-Client-Context: {context}\r\n" if context is not None else "")
        + (f"Lambda-Runtime-Aws-Tenant-Id: {tenant}\r\n" if tenant is not None else "")
    )


def _is_over_limit(request: HttpRequest) -> bool:
    return request.is_too_large or len(request.body) > RESPONSE_PAYLOAD_BYTES


def _response_answer(request: HttpRequest) -> Answer:
    if _is_over_limit(request):
        return too_large()
    # A streamed response whose function failed in the middle says so in its trailers.
    trailers = request.trailers or {}
    error_type = trailers.get("lambda-runtime-function-error-type")
    if error_type is not None:
        return Answer(payload=_trailer_body(trailers), error_type=error_type)
    return Answer(payload=request.body)


def _trailer_body(trailers: Mapping[str, str]) -> bytes:
    try:
        return base64.b64decode(
            trailers.get("lambda-runtime-function-error-body", ""), validate=True
        )
    except (binascii.Error, ValueError):
        return b"{}"


def _error_answer(request: HttpRequest) -> Answer:
    if _is_over_limit(request):
        return too_large()
    error_type = request.headers.get("lambda-runtime-function-error-type")
    return Answer(payload=request.body, error_type=error_type or _error_type_of(request.body))


def _platform_error(request: HttpRequest) -> Answer:
    """An error of the runtime's own, with a type the platform's lines may show."""
    error = _error_answer(request)
    return replace(error, error_type=platform_error_type(error.error_type or ""))


def _error_type_of(body: bytes) -> str:
    """Python's client names the type in the body only."""
    if len(body) > _MAX_DESCRIPTION_BYTES:
        return ErrorType.UNKNOWN
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorType.UNKNOWN
    found = document.get("errorType") if isinstance(document, dict) else None
    return found if isinstance(found, str) else ErrorType.UNKNOWN


def platform_error_type(error_type: str) -> str:
    """The type an INIT_REPORT line shows: one of Lambda's families, whatever the runtime said."""
    if _PLATFORM_ERROR_TYPE.fullmatch(error_type):
        return error_type
    return "Function.Unknown" if error_type.startswith("Function.") else ErrorType.UNKNOWN


def too_large() -> Answer:
    """A response over the limit, in AWS's recorded words."""
    message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_PAYLOAD_BYTES} bytes)."
    return Answer(
        payload=error_body(ErrorType.RESPONSE_SIZE_TOO_LARGE, message),
        error_type=ErrorType.RESPONSE_SIZE_TOO_LARGE,
    )
