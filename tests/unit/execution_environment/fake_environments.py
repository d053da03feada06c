"""Environments that do what the test says, for the races of whoever has many of them."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any

from lambent.domain.invocation import Invocation, InvocationResult
from lambent.execution_environment.environment import EnvironmentUnavailable
from lambent.execution_environment.lifecycle import EnvironmentState as State

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.errors import ServiceError
    from lambent.domain.function import FunctionVersion


class FakeEnvironment:
    """Is seen as an `Environment` from outside; the test plays its runtime."""

    def __init__(
        self,
        version: FunctionVersion,
        world: World,
        on_available: Callable[[Any], None],
        *,
        initialization_type: str = "on-demand",
        tenant_id: str | None = None,
    ) -> None:
        self.version = version
        self.tenant_id = tenant_id
        self.initialization_type = initialization_type
        self.state = State.INITIALIZING
        self.id = f"environment-{next(world.numbers)}"
        self.last_used = time.monotonic()
        self.created_ms = 1_769_860_800_000
        self.invocations = 0
        self.is_frozen = False
        self.used_bytes = 0
        self.is_between_answer_and_next = False
        self.request_id: str | None = None
        self.ended = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()
        self._world = world
        self._failure: Exception | None = None
        self._tell_available = on_available
        self._started = asyncio.Event()
        self._closed = asyncio.Event()
        self._result: asyncio.Future[InvocationResult] | None = None
        world.made.append(self)
        world.started.put_nowait(self)

    # As the pool sees it

    async def run(self) -> None:
        await self._closed.wait()
        await self.may_end.wait()
        self._started.set()
        self.ended.set()
        if self._failure is not None:
            raise self._failure

    async def wait_started(self) -> None:
        await self._started.wait()

    async def invoke(
        self, invocation: Invocation, *, wants_log_tail: bool = False
    ) -> InvocationResult:
        if self.state is State.SHUTDOWN:
            raise EnvironmentUnavailable(self.id)
        assert self._result is None, "it is at work"
        assert invocation.tenant_id == self.tenant_id, "it is another tenant's"
        self.state, self.is_frozen = State.INVOKING, False
        self.invocations += 1
        self.request_id = invocation.request_id
        self._result = asyncio.get_running_loop().create_future()
        return await self._result

    @property
    def is_at_work(self) -> bool:
        return self.state is State.INVOKING

    def memory_bytes(self) -> int:
        return self.used_bytes

    def close(self) -> None:
        self.state, self.is_frozen = State.SHUTDOWN, False
        if self._result is not None and not self._result.done():
            self._result.set_exception(EnvironmentUnavailable(self.id))
        self._closed.set()

    # As the test plays it

    def ready(self) -> None:
        self._become(State.READY)

    def fail_init(self) -> None:
        self._become(State.RESET)

    def answer(self, payload: bytes = b"null") -> None:
        assert self._result is not None
        if not self._result.done():
            self._result.set_result(InvocationResult(payload=payload))
        self._result, self.request_id = None, None
        self.is_between_answer_and_next = True

    def next(self) -> None:
        self.is_between_answer_and_next = False
        self.last_used = time.monotonic()
        self.ready()

    def finish(self, payload: bytes = b"null") -> None:
        self.answer(payload)
        self.next()

    def fail_invocation(self) -> None:
        """It timed out or crashed at work."""
        self.answer()
        self.is_between_answer_and_next = False
        self._become(State.RESET)

    def freeze(self, used_bytes: int = 0) -> None:
        self.state, self.is_frozen, self.used_bytes = State.FROZEN, True, used_bytes

    def die(self) -> None:
        """Its runtime ends while nobody uses it."""
        self.state, self.is_frozen = State.RESET, False

    def crash(self, failure: Exception) -> None:
        """The platform failed it."""
        self._failure = failure
        self._closed.set()

    def _become(self, state: State) -> None:
        self.state = state
        self._started.set()
        self._tell_available(self)


class World:
    """All fake environments of a test, in the order they were made."""

    def __init__(self) -> None:
        self.made: list[FakeEnvironment] = []
        self.started: asyncio.Queue[FakeEnvironment] = asyncio.Queue()
        self.numbers = itertools.count(1)
        self.unreadable: ServiceError | None = None  # why variables cannot be read

    async def opened(self, version: FunctionVersion) -> FunctionVersion:
        if self.unreadable is not None:
            raise self.unreadable
        return version

    @property
    def living(self) -> list[FakeEnvironment]:
        return [each for each in self.made if each.state is not State.SHUTDOWN]
