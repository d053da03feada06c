"""Calls of the Invoke API, run by the engine of `lambent rie`: of whatever name, its one function."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from lambent.emulator.accepted_events import AcceptedEvents
from lambent.emulator.unfinished import Unfinished
from lambent.invocation.response_stream import open_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.invocation import InvocationResult
    from lambent.emulator.call import Call, Engine
    from lambent.invocation.response_stream import ResponseStream


class EngineCalls:
    """Used as a context: what is accepted or streamed may outlive its caller, and not this."""

    def __init__(
        self,
        engine: Engine,
        *,
        is_ready: Callable[[], bool],
        details: Callable[[], dict[str, Any]],
    ) -> None:
        """`details` are what health tells beside the function's name."""
        self._engine = engine
        self._arn = engine.version.arn
        self._is_ready = is_ready
        self._details = details
        self._unfinished = Unfinished()
        self._events = AcceptedEvents(self._unfinished, engine.invoke)

    async def __aenter__(self) -> EngineCalls:
        await self._unfinished.__aenter__()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._unfinished.__aexit__(*exception)

    async def drain(self) -> None:
        """Wait until all that nobody waits for has been run."""
        await self._unfinished.wait()

    def invoked_arn(self, name: str, qualifier: str | None) -> str:
        return f"{self._arn}:{qualifier}" if qualifier else self._arn

    def executed_version(self, call: Call) -> str:
        return self._engine.version.version

    async def run(self, call: Call) -> InvocationResult:
        return await self._engine.invoke(call.invocation, wants_log_tail=call.wants_log_tail)

    async def stream(self, call: Call) -> ResponseStream:
        invoke = functools.partial(
            self._engine.invoke, call.invocation, wants_log_tail=call.wants_log_tail
        )
        return await open_stream(
            self._unfinished, self._engine.version.name, call.invocation, invoke
        )

    async def accept(self, call: Call) -> None:
        self._events.accept(call.invocation)

    async def check(self, call: Call) -> None:
        """Every call can be run: there is one function."""

    def health(self) -> dict[str, Any]:
        function = self._engine.version.name
        return {"function": function, "events": self._events.count, **self._details()}

    @property
    def is_ready(self) -> bool:
        return self._is_ready()
