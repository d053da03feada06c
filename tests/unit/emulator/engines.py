"""A stand-in for the engine: what it answers, the test says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.support.versions import function_version

from lambent.domain.invocation import InvocationResult

if TYPE_CHECKING:
    from lambent.domain.invocation import Invocation


class FakeEngine:
    """Answers with the event itself, unless told otherwise."""

    def __init__(self) -> None:
        self.version = function_version(name="own-name")
        self.invocations: list[Invocation] = []
        self.outcomes: list[InvocationResult | Exception] = []  # the next ones, in this order
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._has_begun = asyncio.Semaphore(0)

    async def wait_begun(self, count: int) -> None:
        """Until so many more invocations have come."""
        for _ in range(count):
            await self._has_begun.acquire()

    async def invoke(
        self, invocation: Invocation, *, wants_log_tail: bool = False
    ) -> InvocationResult:
        self.invocations.append(invocation)
        self._has_begun.release()
        await self.may_answer.wait()
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        tail = b"REPORT" if wants_log_tail else b""
        return outcome or InvocationResult(payload=invocation.payload, log_tail=tail)
