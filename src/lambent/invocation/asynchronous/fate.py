"""What becomes of an event before and after an attempt to run it: decided here, done elsewhere.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lambent.domain.arn import LATEST
from lambent.domain.asynchronous_event import (
    AsynchronousEvent,
    Condition,
    Outcome,
    longest_age_seconds,
    most_attempts,
    retry_wait_seconds,
)
from lambent.domain.recursion import ends_loops, loop_detected

if TYPE_CHECKING:
    from lambent.domain.errors import ServiceError
    from lambent.domain.event_invoke_config import EventInvokeConfig
    from lambent.domain.invocation import InvocationResult
    from lambent.domain.recursion import RecursionConfig
    from lambent.domain.reserved_concurrency import ReservedConcurrency
    from lambent.invocation.asynchronous.queue_clock import QueueClock
    from lambent.store.records import FunctionRecords

_RAN = 200
_THROTTLED = 429
_NOT_FOUND = 404
_LOOP = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Fates:
    """The settings that decide, and the time."""

    event_invoke_configs: FunctionRecords[EventInvokeConfig]
    reserved_concurrency: FunctionRecords[ReservedConcurrency]
    recursion_configs: FunctionRecords[RecursionConfig]
    clock: QueueClock

    def config(self, event: AsynchronousEvent) -> EventInvokeConfig | None:
        """The one of the qualifier the event came with: they do not inherit from each other."""
        return self.event_invoke_configs.get(*event.function, event.qualifier or LATEST)

    def before_running(self, event: AsynchronousEvent) -> Outcome | None:
        """Its outcome, if it is not to be run at all any more."""
        if self.clock.now_ms() >= self.last_moment(event):
            return self._unrun(event, Condition.EVENT_AGE_EXCEEDED, _RAN)
        reserved = self.reserved_concurrency.get(*event.function)
        if reserved is not None and reserved.executions == 0:
            return self._unrun(event, Condition.ZERO_RESERVED_CONCURRENCY, _THROTTLED)
        if loop_detected(event.trace_header) and ends_loops(
            self.recursion_configs.get(*event.function)
        ):
            return self._unrun(event, Condition.RECURSIVE_INVOCATION, _LOOP)
        return None

    def not_found(self, event: AsynchronousEvent, error: ServiceError) -> Outcome:
        """The function, or what the event's qualifier named, is gone."""
        outcome = self._unrun(event, Condition.FUNCTION_NOT_FOUND, _NOT_FOUND)
        return replace(outcome, response_payload=error.message.encode())

    def after_running(
        self, event: AsynchronousEvent, version: str, result: InvocationResult
    ) -> Outcome | AsynchronousEvent:
        """Its outcome, or the event as it is tried again.

        A retry that would come when the event is too old does not: that outcome is known now.
        """
        condition = Condition.SUCCESS
        attempts = event.attempts + result.is_function_error
        if result.is_function_error:
            config = self.config(event)
            due_ms = self.clock.after(retry_wait_seconds(attempts))
            if attempts >= most_attempts(config.maximum_retry_attempts if config else None):
                condition = Condition.RETRIES_EXHAUSTED
            elif due_ms >= self.last_moment(event):
                condition = Condition.EVENT_AGE_EXCEEDED
            else:
                return replace(event, attempts=attempts, due_ms=due_ms)
        return Outcome(
            event=replace(event, attempts=attempts),
            condition=condition,
            invoke_count=event.attempts + 1,
            executed_version=version,
            response_payload=result.payload,
            is_function_error=result.is_function_error,
            status_code=_RAN,
            ended_ms=self.clock.now_ms(),
        )

    def last_moment(self, event: AsynchronousEvent) -> int:
        """From when on it is too old to be run (ms)."""
        config = self.config(event)
        longest = longest_age_seconds(config.maximum_event_age_seconds if config else None)
        return self.clock.end_of_age(event.accepted_ms, longest)

    def _unrun(self, event: AsynchronousEvent, condition: Condition, status: int) -> Outcome:
        return Outcome(
            event=event,
            condition=condition,
            invoke_count=event.attempts,
            executed_version=None,
            response_payload=None,
            is_function_error=False,
            status_code=status,
            ended_ms=self.clock.now_ms(),
        )
