"""Events that callers do not wait for: run as soon as there is an instance, kept in memory until then.

Lambda keeps them in a queue, tries them again and sends what fails elsewhere. Nothing here outlives
the process, so an event is run once, and the log says what came of one that failed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError
from lambent.domain.quotas import MIB

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lambent.domain.invocation import Invocation, InvocationResult
    from lambent.emulator.unfinished import Unfinished

logger = logging.getLogger(__name__)

# Of what is accepted and not over: who sends more is told to wait.
_MOST_EVENTS = 1000
_MOST_BYTES = 64 * MIB
# All instances were at work for as long as a caller waits; nobody waits for an event.
_PAUSE_SECONDS = 1.0


class AcceptedEvents:
    """Runs each with `invoke`."""

    def __init__(
        self, unfinished: Unfinished, invoke: Callable[[Invocation], Awaitable[InvocationResult]]
    ) -> None:
        self._unfinished = unfinished
        self._invoke = invoke
        self.count = 0  # at work or waiting
        self._held_bytes = 0

    def accept(self, invocation: Invocation) -> None:
        """Raises TooManyRequestsException when there are too many already."""
        size = len(invocation.payload)
        if self.count >= _MOST_EVENTS or self._held_bytes + size > _MOST_BYTES:
            raise ServiceError(
                "TooManyRequestsException",
                f"{self.count} events wait for this function already, in the memory of one "
                "process. Send fewer at a time, or raise MAX_CONCURRENCY.",
                Reason="ConcurrentInvocationLimitExceeded",
            )
        self.count += 1
        self._held_bytes += size
        self._unfinished.create_task(self._run(invocation), name=f"event {invocation.request_id}")

    async def _run(self, invocation: Invocation) -> None:
        try:
            result = await self._invoke_in_its_turn(invocation)
            if result.is_function_error:
                logger.warning(
                    "event %s ended in an error of the function's: %s",
                    invocation.request_id,
                    result.error_type or "see the function's log",
                )
        except ServiceError as error:
            logger.error("event %s could not be run: %s", invocation.request_id, error)
        except Exception:  # a boundary: what fails for one event is no other's failure
            logger.exception("event %s could not be run", invocation.request_id)
        except asyncio.CancelledError:
            logger.error("event %s was accepted, and is not run to its end", invocation.request_id)
            raise
        finally:
            self.count -= 1
            self._held_bytes -= len(invocation.payload)

    async def _invoke_in_its_turn(self, invocation: Invocation) -> InvocationResult:
        while True:
            try:
                return await self._invoke(invocation)
            except ServiceError as error:
                if error.code != "TooManyRequestsException":
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)
