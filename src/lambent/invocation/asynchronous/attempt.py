"""One attempt to run an event's function."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError
from lambent.domain.invocation import Invocation
from lambent.invocation.run import admit, chosen_version, run, runnable_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.asynchronous_event import AsynchronousEvent
    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import InvocationResult
    from lambent.invocation.run import Runs

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An event with a place to run in, which `answer` gives back."""

    event: AsynchronousEvent
    version: FunctionVersion
    runs: Runs
    place: contextlib.ExitStack

    async def answer(self, on_begin: Callable[[], None]) -> InvocationResult | ServiceError:
        """What came of it; an error when it did not run, for no fault of the function's.

        `on_begin` is called when it has an environment.
        """
        with self.place:
            try:
                return await run(
                    self.runs, self.version, _invocation(self.event), on_begin=on_begin
                )
            except ServiceError as error:
                return error
            except Exception:  # a boundary: an event must not take the queue along
                logger.exception("an event of %s could not be run", self.event.invoked_arn)
                return ServiceError("ServiceException", "It could not be run.")


def begin_attempt(runs: Runs, event: AsynchronousEvent) -> Attempt:
    """Takes a place for it. Raises ServiceError when it cannot run now."""
    version = runnable_version(runs, event.reference)
    place = contextlib.ExitStack()
    place.enter_context(admit(runs, version, event.qualifier, is_waited_for=False))
    return Attempt(event=event, version=version, runs=runs, place=place)


def version_for(runs: Runs, event: AsynchronousEvent) -> FunctionVersion | None:
    """The version that would run, whether it can or not; None when it is gone."""
    return chosen_version(runs, event.reference)


def _invocation(event: AsynchronousEvent) -> Invocation:
    return Invocation(
        request_id=event.request_id,
        invoked_arn=event.invoked_arn,
        payload=event.payload,
        trace_header=event.trace_header,
        client_context=event.client_context,
        tenant_id=event.tenant_id,
    )
