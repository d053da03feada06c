"""The Runtime API as one environment's runtime meets it.

Paths, states and status codes: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html;
the texts of refusals are those of AWS's runtime interface emulator. Who calls is known by the
socket: it listens inside that environment's own network namespace and nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, replace
from typing import Protocol

from lambent.domain.invocation import ErrorType, Invocation
from lambent.domain.quotas import RESPONSE_PAYLOAD_BYTES
from lambent.execution_environment.lifecycle import (
    RuntimeEvent,
    RuntimeState,
    TransitionNotAllowed,
    next_runtime_state,
)
from lambent.execution_environment.runtime_http import BodyBudget, Connection, Refusal, Request

# Clients use one or two; each costs this server a descriptor.
_MAX_CONNECTIONS = 256
_PREFIX = "/2018-06-01/runtime"
_NEXT = f"{_PREFIX}/invocation/next"
_INIT_ERROR = f"{_PREFIX}/init/error"
_ANSWER = re.compile(rf"{_PREFIX}/invocation/(?P<request_id>[^/]+)/(?P<kind>response|error)")
_OK = b'{"status":"OK"}\n'
# Read as JSON in the event loop, only to learn an error's type: megabytes would hold it up.
_MAX_DESCRIPTION_BYTES = 64 * 1024
_PLATFORM_ERROR_TYPE = re.compile(r"(?:Runtime|Function)\.[A-Z][a-zA-Z]{1,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the runtime posted for an invocation."""

    payload: bytes
    error_type: str | None = None  # None for a response

    @property
    def is_error(self) -> bool:
        return self.error_type is not None


class Environment(Protocol):
    """What the Runtime API tells of; called in the event loop, and must not block."""

    def runtime_is_ready(self) -> None:
        """The runtime asked for its next invocation."""

    def runtime_failed_to_initialize(self, error: Answer) -> None: ...

    def runtime_answered(self, answer: Answer) -> None: ...


class RuntimeApi:
    """One runtime's conversation with the platform, from its first request to its end."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._state = RuntimeState.STARTED
        # Room for one response of full size beside whatever else the runtime sends.
        self._budget = BodyBudget(limit_bytes=2 * RESPONSE_PAYLOAD_BYTES)
        self._polling: Connection | None = None  # the `next` that waits
        self._invocation: Invocation | None = None
        self._undelivered: str | None = None  # header lines of an invocation nobody polls for yet
        self._connections: set[Connection] = set()
        self._is_closed = False

    def connect(self) -> Connection | Refusal:
        """The protocol factory of the environment's listener."""
        if self._is_closed or len(self._connections) >= _MAX_CONNECTIONS:
            return Refusal()
        connection = Connection(self._receive, self._lose, self._budget)
        self._connections.add(connection)
        return connection

    def close(self) -> None:
        """Hang up, for good: nothing the runtime still says reaches the environment."""
        self._is_closed = True
        for connection in list(self._connections):
            connection.hang_up()

    @property
    def has_started(self) -> bool:
        """Whether the runtime has asked for anything yet."""
        return self._state is not RuntimeState.STARTED

    @property
    def is_polling(self) -> bool:
        return self._state is RuntimeState.READY

    def send(self, invocation: Invocation, deadline_ms: int) -> None:
        """Give the runtime, which must be ready, an invocation."""
        self._state = next_runtime_state(self._state, RuntimeEvent.INVOKE)
        self._invocation = invocation
        self._undelivered = _next_head(invocation, deadline_ms)
        if self._polling is not None and self._polling.is_open:
            self._deliver(self._polling)

    def _deliver(self, connection: Connection) -> None:
        invocation, head = self._invocation, self._undelivered
        assert invocation is not None
        assert head is not None
        self._polling = None
        self._undelivered = None
        connection.respond(200, invocation.payload, head)

    def _lose(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._polling is connection:
            self._polling = None

    def _receive(self, request: Request, connection: Connection) -> None:
        try:
            self._route(request, connection)
        except TransitionNotAllowed as refusal:
            connection.respond(403, _error_body("InvalidStateTransition", str(refusal)))

    def _route(self, request: Request, connection: Connection) -> None:
        answer = _ANSWER.fullmatch(request.path)
        if request.path == _NEXT:
            if _is_method(request, "GET", connection):
                self._poll(connection)
        elif request.path == _INIT_ERROR:
            if _is_method(request, "POST", connection):
                self._fail_to_initialize(request, connection)
        elif answer is not None:
            if _is_method(request, "POST", connection):
                self._take_answer(request, connection, answer["request_id"], answer["kind"])
        else:
            connection.respond(404, b"404 page not found\n", "Content-Type: text/plain\r\n")

    def _poll(self, connection: Connection) -> None:
        if self._undelivered is not None:
            self._deliver(connection)
            return
        if self._state is RuntimeState.READY and (
            self._polling is None or not self._polling.is_open
        ):
            self._polling = connection  # it lost the connection it polled on before
            return
        self._state = next_runtime_state(self._state, RuntimeEvent.NEXT)
        self._polling = connection
        self._environment.runtime_is_ready()

    def _fail_to_initialize(self, request: Request, connection: Connection) -> None:
        self._state = next_runtime_state(self._state, RuntimeEvent.INIT_ERROR)
        connection.respond(202, _OK)
        error = _error_answer(request)
        error_type = platform_error_type(error.error_type or "")
        self._environment.runtime_failed_to_initialize(replace(error, error_type=error_type))

    def _take_answer(
        self, request: Request, connection: Connection, request_id: str, kind: str
    ) -> None:
        if self._invocation is None or request_id != self._invocation.request_id:
            connection.respond(400, _error_body("InvalidRequestID", "Invalid request ID"))
            return
        event = RuntimeEvent.RESPONSE if kind == "response" else RuntimeEvent.ERROR
        self._state = next_runtime_state(self._state, event)
        answer = _error_answer(request) if kind == "error" else _response_answer(request)
        if _is_over_limit(request):
            connection.respond(
                413,
                _error_body(
                    "RequestEntityTooLarge",
                    f"Exceeded maximum allowed payload size ({RESPONSE_PAYLOAD_BYTES} bytes).",
                ),
            )
        else:
            connection.respond(202, _OK)
        self._environment.runtime_answered(answer)


def _is_method(request: Request, method: str, connection: Connection) -> bool:
    if request.method == method:
        return True
    connection.respond(405, b"", f"Allow: {method}\r\n")
    return False


def _next_head(invocation: Invocation, deadline_ms: int) -> str:
    context = invocation.client_context
    return (
        f"Content-Type: {invocation.content_type}\r\n"
        f"Lambda-Runtime-Aws-Request-Id: {invocation.request_id}\r\n"
        f"Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n"
        f"Lambda-Runtime-Invoked-Function-Arn: {invocation.invoked_arn}\r\n"
        f"Lambda-Runtime-Trace-Id: {invocation.trace_header}\r\n"
        + (f"Lambda-Runtime-Client-Context: {context}\r\n" if context is not None else "")
    )


def _is_over_limit(request: Request) -> bool:
    return request.is_too_large or len(request.body) > RESPONSE_PAYLOAD_BYTES


def _response_answer(request: Request) -> Answer:
    if _is_over_limit(request):
        return too_large()
    # A streamed response whose function failed in the middle says so in its trailers.
    error_type = request.headers.get("lambda-runtime-function-error-type")
    if error_type is not None and request.headers.get("transfer-encoding"):
        return Answer(payload=_trailer_body(request), error_type=error_type)
    return Answer(payload=request.body)


def _trailer_body(request: Request) -> bytes:
    try:
        return base64.b64decode(
            request.headers.get("lambda-runtime-function-error-body", ""), validate=True
        )
    except (binascii.Error, ValueError):
        return b"{}"


def _error_answer(request: Request) -> Answer:
    if _is_over_limit(request):
        return too_large()
    error_type = request.headers.get("lambda-runtime-function-error-type")
    return Answer(payload=request.body, error_type=error_type or _error_type_of(request.body))


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
        payload=_error_body(ErrorType.RESPONSE_SIZE_TOO_LARGE, message),
        error_type=ErrorType.RESPONSE_SIZE_TOO_LARGE,
    )


def _error_body(error_type: str, message: str) -> bytes:
    return json.dumps({"errorMessage": message, "errorType": error_type}).encode()
