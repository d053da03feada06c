"""A function's response read while it comes.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
"""

from __future__ import annotations

import asyncio
import base64
import logging
from typing import TYPE_CHECKING, Any, Protocol

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import InvocationResult, error_payload
from lambent.invocation.run import admit, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import IncomingResponse, Invocation
    from lambent.invocation.run import Runs

logger = logging.getLogger(__name__)

_WHOLE_CONTENT_TYPE = "application/json"
# Of an error, which may have 6 MB: clients take messages of 16 MiB at most, and JSON may write a
# character as six.
_MAX_DETAILS_BYTES = 1024 * 1024


class TaskOwner(Protocol):
    """Who keeps an invocation whose reader may go; a task group does."""

    def create_task(self, work: Coroutine[Any, Any, None], /, *, name: str) -> object: ...


class ResponseStream:
    """What one invocation answers; one reads it."""

    def __init__(self) -> None:
        self.content_type = _WHOLE_CONTENT_TYPE
        self.is_streamed = False  # the function answers whole, or has not answered yet
        self.is_cut_short = False  # at the end: the runtime did not end the response itself
        self.result: InvocationResult | None = None  # at the end
        self._incoming: IncomingResponse | None = None
        self._whole = b""  # of an answer that is not streamed, until it is read
        self._refusal: ServiceError | None = None
        self._first: bytes | None = None  # read to see how it begins
        self._is_closed = False
        self._has_changed = asyncio.Event()

    # Who runs the function calls these

    def take(self, incoming: IncomingResponse) -> None:
        """The function streams its response."""
        self._incoming = incoming
        self.content_type = incoming.content_type
        self.is_streamed = True
        if self._is_closed:
            incoming.close()
        self._has_changed.set()

    def settle(self, result: InvocationResult) -> None:
        self.result = result
        if self._incoming is not None:
            self.is_cut_short = not self._incoming.is_whole
        elif not result.is_function_error:
            self._whole = result.payload
        self._has_changed.set()

    def refuse(self, refusal: ServiceError) -> None:
        """There is no result: the platform could not run it, or not to its end."""
        if self._incoming is None:
            self._refusal = refusal
        else:  # too late to refuse: it ends like an error of the function's
            payload = error_payload(refusal.code, refusal.message)
            self.settle(
                InvocationResult(payload=payload, is_function_error=True, error_type=refusal.code)
            )
        self._has_changed.set()

    # The reader calls these

    async def begin(self) -> None:
        """Wait until something can be read, or all is over. Raises what `refuse` was given."""
        await self._has_changed.wait()
        if self._refusal is not None:
            raise self._refusal
        self._first = await self._read()

    async def read(self) -> bytes:
        """The next piece; empty at the end, whichever that is."""
        if self._first is None:
            return await self._read()
        first, self._first = self._first, None
        return first

    async def _read(self) -> bytes:
        if self._incoming is None:
            whole, self._whole = self._whole, b""
            return whole
        piece = await self._incoming.read()
        while not piece and self.result is None:  # the runtime is done with it, and not the rest
            self._has_changed.clear()
            await self._has_changed.wait()
        return piece

    def close(self) -> None:
        """Nobody reads on; the function goes on to its end all the same, as on AWS."""
        self._is_closed = True
        if self._incoming is not None:
            self._incoming.close()


async def open_response_stream(
    runs: Runs,
    version: FunctionVersion,
    invocation: Invocation,
    qualifier: str | None,
    *,
    wants_log_tail: bool = False,
) -> ResponseStream:
    """Run a function, and return when its response begins or all is over.

    Raises ServiceError as `admit` and `run` do.
    """

    async def admit_and_run() -> InvocationResult:
        with admit(runs, version, qualifier):
            return await run(runs, version, invocation, wants_log_tail=wants_log_tail)

    return await open_stream(runs.streams, version.name, invocation, admit_and_run)


async def open_stream(
    tasks: TaskOwner,
    name: str,
    invocation: Invocation,
    invoke: Callable[[], Awaitable[InvocationResult]],
) -> ResponseStream:
    """Have `invoke` run `invocation`, and return when its response begins or all is over.

    It is a task of its own, one of `tasks`, for the function `name`: whoever reads may go. Raises
    the ServiceError that `invoke` does.
    """
    stream = ResponseStream()
    invocation.on_stream = stream.take
    tasks.create_task(_run(stream, name, invoke), name=f"stream of {name}")
    try:
        await stream.begin()
    except BaseException:
        stream.close()
        raise
    return stream


async def _run(
    stream: ResponseStream, name: str, invoke: Callable[[], Awaitable[InvocationResult]]
) -> None:
    try:
        stream.settle(await invoke())
    except ServiceError as refusal:
        stream.refuse(refusal)
    except Exception:  # a boundary: what fails here ends its reader's request, and no other stream
        logger.exception("a streamed invocation of %s failed", name)
        stream.refuse(ServiceError("ServiceException", "Lambent failed; its log says why."))


class ResponseEvents:
    """A response as the events of InvokeWithResponseStream.

    https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
    """

    def __init__(self, stream: ResponseStream, *, wants_log_tail: bool) -> None:
        self._stream = stream
        self._wants_log_tail = wants_log_tail
        self._is_complete = False

    async def next_event(self) -> tuple[str, dict[str, Any]] | None:
        """The name of the next event and its members; None after the last."""
        if self._is_complete:
            return None
        if piece := await self._stream.read():
            return "PayloadChunk", {"Payload": piece}
        self._is_complete = True
        return "InvokeComplete", self._completion()

    def _completion(self) -> dict[str, Any]:
        result = self._stream.result
        assert result is not None
        members: dict[str, Any] = {}
        if result.is_function_error:
            # Whatever failed, as in Invoke's FunctionError; what it was is in the details.
            members["ErrorCode"] = "Unhandled"
            members["ErrorDetails"] = result.payload[:_MAX_DETAILS_BYTES].decode(errors="replace")
        if self._wants_log_tail:
            members["LogResult"] = base64.b64encode(result.log_tail).decode()
        return members

    def close(self) -> None:
        self._stream.close()
