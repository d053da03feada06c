"""Calls of the Invoke API for many functions, each behind the broker's queue of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.domain.arn import LATEST, function_arn
from lambent.domain.errors import resource_not_found
from lambent.domain.invocation import ErrorType, InvocationResult, invocation_error_payload
from lambent.emulator.amqp.broker_session import REPLIES_PREFIX, Request
from lambent.emulator.amqp.remote_message import read_answer, request_headers
from lambent.invocation.response_stream import ResponseStream
from lambent.telemetry.platform_lines import task_timed_out_message

if TYPE_CHECKING:
    from lambent.emulator.amqp.remote_functions import RemoteFunctions
    from lambent.emulator.call import Call
    from lambent.emulator.gateway_settings import GatewaySettings

_LONGEST_NAME = 255  # bytes, of a queue
_NO_FUNCTIONS = (REPLIES_PREFIX, "amq.")  # gateways' own queues, and the broker's


class RemoteCalls:
    """What `InvokeApi` calls, and what `Stop` ends."""

    def __init__(self, functions: RemoteFunctions, settings: GatewaySettings) -> None:
        self._functions = functions
        self._settings = settings
        self._versions: dict[str, str] = {}  # by request, from the answer until it is told

    # As `Stop` ends it

    def pause(self) -> None:
        """Nothing comes but by the listener."""

    async def drain(self) -> None:
        """Every caller has been answered when the listener is done."""

    def end_invocations(self) -> None:
        self._functions.abandon()

    # As the Invoke API calls it

    def invoked_arn(self, name: str, qualifier: str | None) -> str:
        arn = function_arn(self._settings.account_id, self._settings.region, name)
        return f"{arn}:{qualifier}" if qualifier else arn

    def executed_version(self, call: Call) -> str:
        return self._versions.pop(call.invocation.request_id, LATEST)

    async def run(self, call: Call) -> InvocationResult:
        request = self._request(call, expects_answer=True)
        try:
            answer = await self._functions.call(request, self._settings.reply_seconds)
        except TimeoutError:
            return _no_answer(call.invocation.request_id, self._settings.reply_seconds)
        result, version = read_answer(answer)
        if version != LATEST:
            self._versions[call.invocation.request_id] = version
        return result

    async def stream(self, call: Call) -> ResponseStream:
        """An answer comes whole, and is read as that of a function that does not stream."""
        stream = ResponseStream()
        stream.settle(await self.run(call))
        await stream.begin()
        return stream

    async def accept(self, call: Call) -> None:
        await self._functions.send(self._request(call, expects_answer=False))

    async def check(self, call: Call) -> None:
        await self._functions.check(_queue_of(call))

    def health(self) -> dict[str, Any]:
        return {
            "broker": self._broker_state(),
            "unanswered": self._functions.owed,
        }

    @property
    def is_ready(self) -> bool:
        return self._functions.is_connected and not self._functions.is_blocked

    def _broker_state(self) -> str:
        if not self._functions.is_connected:
            return "not connected"
        return "takes nothing for now" if self._functions.is_blocked else "connected"

    def _request(self, call: Call, *, expects_answer: bool) -> Request:
        return Request(
            function=_queue_of(call),
            id=call.invocation.request_id,
            body=call.invocation.payload,
            headers=request_headers(call),
            expects_answer=expects_answer,
            # An event is not to be lost with the broker, wherever that can be had.
            is_persistent=not expects_answer or self._settings.amqp.queue.is_durable,
            expires_ms=self._settings.reply_seconds * 1000 if expects_answer else None,
        )


def _queue_of(call: Call) -> str:
    """Raises ServiceError for a name that no function's queue can have."""
    if not call.name:
        raise resource_not_found(
            "Function not found: a gateway has many, and a call of this path names none."
        )
    if len(call.name.encode()) > _LONGEST_NAME or call.name.startswith(_NO_FUNCTIONS):
        raise resource_not_found(f"Function not found: {call.name}")
    return call.name


def _no_answer(request_id: str, seconds: int) -> InvocationResult:
    """As of a function that ran too long, which it may well have."""
    message = task_timed_out_message(seconds)
    return InvocationResult(
        payload=invocation_error_payload(ErrorType.TIMED_OUT, request_id, message),
        is_function_error=True,
        error_type=ErrorType.TIMED_OUT,
    )
