"""The Runtime API as one environment's runtime meets it.

Paths, states and status codes: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html;
the texts of refusals are those of AWS's runtime interface emulator. The connections it is spoken
over belong to `EnvironmentApi`.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lambent.execution_environment.apis.answer import (
    Answer,
    error_answer,
    is_over_limit,
    platform_error,
    response_answer,
    stream_answer,
    too_large,
    truncated,
)
from lambent.execution_environment.apis.runtime_http import (
    OK_BODY,
    error_body,
    is_method,
    respond_not_found,
)
from lambent.execution_environment.apis.streamed_response import (
    DEFAULT_CONTENT_TYPE,
    StreamedResponse,
    StreamLimits,
    body_of,
    is_streaming,
)
from lambent.execution_environment.lifecycle import (
    RuntimeEvent,
    RuntimeState,
    TransitionNotAllowed,
    next_runtime_state,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.invocation import Invocation
    from lambent.protocol.body_source import BodyStream
    from lambent.protocol.http import HttpRequest
    from lambent.protocol.http_connection import Connection

_PREFIX = "/2018-06-01/runtime"
_NEXT = f"{_PREFIX}/invocation/next"
_INIT_ERROR = f"{_PREFIX}/init/error"
_RESTORE_NEXT = f"{_PREFIX}/restore/next"
_RESTORE_ERROR = f"{_PREFIX}/restore/error"
_ANSWER = re.compile(rf"{_PREFIX}/invocation/(?P<request_id>[^/]+)/(?P<kind>response|error)")
_MAY_WAIT = (RuntimeState.READY, RuntimeState.RUNNING, RuntimeState.RESPONDING)


class Environment(Protocol):
    """What the Runtime API tells of; called in the event loop, and must not block."""

    def runtime_is_ready(self) -> None:
        """The runtime asked for its next invocation."""

    def runtime_failed_to_initialize(self, error: Answer) -> None: ...

    def runtime_answered(self, answer: Answer) -> None: ...

    def runtime_is_ready_to_restore(self) -> None:
        """It is initialised for a snapshot; `RuntimeApi.restore` lets it go on."""

    def runtime_failed_to_restore(self, error: Answer) -> None: ...


@dataclass(slots=True)
class _Streaming:
    """The response the runtime is at."""

    response: StreamedResponse
    body: BodyStream
    connection: Connection  # whose request it is
    began: float
    is_refused: bool = False  # more came than may be read, and its caller knows


class RuntimeApi:
    """One runtime's conversation with the platform, from its first request to its end."""

    def __init__(
        self, environment: Environment, limits: StreamLimits, *, offers_restore: bool = False
    ) -> None:
        self._environment = environment
        self._limits = limits
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
        self._streaming: _Streaming | None = None
        self._is_closed = False

    def close(self) -> None:
        """Hang up on the runtime, for good: nothing it still says reaches the environment."""
        self._is_closed = True
        if self._streaming is not None:
            self._streaming.response.end()
        if self._polling is not None:
            self._polling.hang_up()

    @property
    def response_bytes(self) -> int:
        """How large a response may be that is not streamed."""
        return self._limits.whole_bytes

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
        if self._streaming is not None and self._streaming.body.is_cut_short:
            self._truncate(self._streaming)  # it lives, and goes on as if nothing were
        # In the middle of an invocation: Node's client does not wait for the end of a stream that
        # failed, and asks on another connection. AWS's supervisor lets it wait for its own answer.
        if self._state in _MAY_WAIT and self._has_lost_its_poll:
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
        self._environment.runtime_failed_to_initialize(platform_error(request))

    def _fail_to_restore(self, request: HttpRequest, connection: Connection) -> None:
        self._state = next_runtime_state(self._state, RuntimeEvent.RESTORE_ERROR)
        connection.respond(202, OK_BODY)
        self._environment.runtime_failed_to_restore(platform_error(request))

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
        if kind == "response" and self._invocation.on_stream is not None and is_streaming(request):
            self._state = next_runtime_state(self._state, RuntimeEvent.RESPONSE_BEGINS)
            self._take_stream(self._invocation.on_stream, request, connection)
            return
        event = RuntimeEvent.RESPONSE if kind == "response" else RuntimeEvent.ERROR
        self._state = next_runtime_state(self._state, event)
        limit = self._limits.whole_bytes
        read = error_answer if kind == "error" else response_answer
        answer = read(request, limit)
        answer.began = request.began
        if is_over_limit(request, limit):
            _respond_too_large(connection, limit)
        else:
            connection.respond(202, OK_BODY)
        self._tell_answer(answer)

    def _tell_answer(self, answer: Answer) -> None:
        self._environment.runtime_answered(answer)
        if self._polling is not None and self._polling.is_open:
            self._become_ready(self._polling)

    # A response that is streamed

    def held_of(self, request: HttpRequest) -> int | None:
        """See `protocol.http.HeldOf`: a response that is streamed is passed on while it comes."""
        invocation = self._invocation
        is_streamed = (
            self._state is RuntimeState.RUNNING
            and invocation is not None
            and invocation.on_stream is not None
            and is_streaming(request)
            and request.path == f"{_PREFIX}/invocation/{invocation.request_id}/response"
        )
        return 0 if is_streamed else None

    def _take_stream(
        self,
        on_stream: Callable[[StreamedResponse], None],
        request: HttpRequest,
        connection: Connection,
    ) -> None:
        body = body_of(request)
        content_type = request.headers.get("content-type", DEFAULT_CONTENT_TYPE)
        # Its reader, and its connection, may speak up when others' responses are long on their way.
        response = StreamedResponse(
            body, content_type, self._limits, lambda: self._refuse_rest(response)
        )
        self._streaming = _Streaming(response, body, connection, request.began)
        on_stream(response)
        if request.stream is None:
            self._end_stream(response)
        else:
            body.on_end = lambda: self._end_stream(response)

    def _at_work_on(self, response: StreamedResponse) -> _Streaming | None:
        is_current = self._streaming is not None and self._streaming.response is response
        return self._streaming if is_current and not self._is_closed else None

    def _end_stream(self, response: StreamedResponse) -> None:
        """The runtime has ended the body, or its connection is gone."""
        streaming = self._at_work_on(response)
        if streaming is None:
            return
        is_over_limit = response.received_bytes > self._limits.limit_bytes
        response.end(is_whole=not (streaming.body.is_cut_short or is_over_limit))
        if is_over_limit:
            self._refuse(streaming)
            _respond_too_large(streaming.connection, self._limits.limit_bytes)
            self._end_streaming()
        elif not streaming.body.is_cut_short:
            streaming.connection.respond(202, OK_BODY)
            self._tell_streamed(streaming, stream_answer(streaming.body.received_trailers))
            self._end_streaming()
        elif self._polling is not None and self._polling.is_open:
            self._truncate(streaming)
        # Else its process ends, as a rule, and how it did is the better answer.

    def _truncate(self, streaming: _Streaming) -> None:
        self._tell_streamed(streaming, truncated())
        self._end_streaming()

    def _refuse_rest(self, response: StreamedResponse) -> None:
        """More came than may be read."""
        streaming = self._at_work_on(response)
        response.close()
        if streaming is not None:
            self._refuse(streaming)

    def _refuse(self, streaming: _Streaming) -> None:
        """Tell the caller. The runtime hears of it at the end of its body: Node's client gives up its
        connection when it is answered before, and a handler that waits for `drain` waits for ever.
        """
        if not streaming.is_refused:
            streaming.is_refused = True
            self._tell_streamed(streaming, too_large(self._limits.limit_bytes))

    def _tell_streamed(self, streaming: _Streaming, answer: Answer) -> None:
        answer.began = streaming.began
        answer.streamed_bytes = streaming.body.received_bytes
        self._environment.runtime_answered(answer)

    def _end_streaming(self) -> None:
        self._streaming = None
        self._state = next_runtime_state(self._state, RuntimeEvent.RESPONSE_ENDS)
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


def _respond_too_large(connection: Connection, limit_bytes: int) -> None:
    message = f"Exceeded maximum allowed payload size ({limit_bytes} bytes)."
    connection.respond(413, error_body("RequestEntityTooLarge", message))
