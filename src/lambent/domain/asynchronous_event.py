"""An event of an asynchronous invocation, from its acceptance to what finally came of it.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from lambent.domain.arn import LATEST, FunctionKey, FunctionReference, function_arn
from lambent.domain.quotas import (
    EVENT_AGE_SECONDS,
    EVENT_RETRIES,
    LONGEST_BACK_OFF_SECONDS,
    RETRY_WAIT_SECONDS,
)


class Condition(StrEnum):
    """How it ended, in the words of AWS's invocation records."""

    SUCCESS = "Success"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"
    ZERO_RESERVED_CONCURRENCY = "ZeroReservedConcurrency"
    # Ours: AWS documents what becomes of such events, and not how records name it.
    RECURSIVE_INVOCATION = "RecursiveInvocation"
    FUNCTION_NOT_FOUND = "FunctionNotFound"


# Not frozen, as Caller is not: one is made for each request.
@dataclass(slots=True, kw_only=True)
class AsynchronousEvent:
    """An event that was accepted, and is kept until it has an outcome."""

    account_id: str
    region: str
    name: str
    qualifier: str | None  # exactly as the caller gave it
    request_id: str
    payload: bytes = field(repr=False)
    trace_header: str
    client_context: str | None = None
    tenant_id: str | None = None  # of a function with tenant isolation, and of no other
    accepted_ms: int  # since 1970
    due_ms: int = 0  # when it is to be tried; of a failed one, when it failed
    attempts: int = 0  # how often the function ran for it and failed
    id: int = 0  # of its row

    @property
    def function(self) -> FunctionKey:
        return self.account_id, self.region, self.name

    @property
    def reference(self) -> FunctionReference:
        return FunctionReference(
            account_id=self.account_id,
            region=self.region,
            name=self.name,
            qualifier=self.qualifier,
        )

    @property
    def arn(self) -> str:
        return function_arn(self.account_id, self.region, self.name)

    @property
    def invoked_arn(self) -> str:
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn

    @property
    def qualified_arn(self) -> str:
        """As invocation records name the function."""
        return f"{self.arn}:{self.qualifier or LATEST}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What finally came of an event: there is no other attempt."""

    event: AsynchronousEvent
    condition: Condition
    invoke_count: int  # how often the function ran
    executed_version: str | None  # None: it never ran
    response_payload: bytes | None = field(repr=False)
    is_function_error: bool
    status_code: int  # 200 when the function ran, else that of the error it was refused with
    ended_ms: int

    @property
    def is_success(self) -> bool:
        return self.condition is Condition.SUCCESS


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedEvent:
    """An event that failed for good and had nowhere to go: kept, to be looked at and redriven."""

    event: AsynchronousEvent
    condition: str
    error: str  # what the function or the platform answered last, cut short


def retry_wait_seconds(attempts: int) -> float:
    """Between the attempt that was the function's `attempts`th failure and the next one."""
    return RETRY_WAIT_SECONDS * attempts


def back_off_seconds(tries: int) -> float:
    """Before an event is tried again that could not be run `tries` times in a row."""
    return min(2.0 ** min(tries - 1, 30), LONGEST_BACK_OFF_SECONDS)


def most_attempts(maximum_retry_attempts: int | None) -> int:
    return 1 + (EVENT_RETRIES if maximum_retry_attempts is None else maximum_retry_attempts)


def longest_age_seconds(maximum_event_age_seconds: int | None) -> int:
    return maximum_event_age_seconds or EVENT_AGE_SECONDS
