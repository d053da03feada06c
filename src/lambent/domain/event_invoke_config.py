"""How events of asynchronous invocations are treated: retries, age, destinations.

https://docs.aws.amazon.com/lambda/latest/api/API_FunctionEventInvokeConfig.html
"""

from __future__ import annotations

from dataclasses import dataclass

from lambent.domain.records import FunctionRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInvokeConfig(FunctionRecord):
    """For one qualifier: `$LATEST`, a version or an alias; each has its own or none.

    None is Lambda's default: two retries, six hours, no destination.
    """

    maximum_retry_attempts: int | None  # after function errors: 0 to 2
    maximum_event_age_seconds: int | None
    on_success: str | None  # the destination's ARN
    on_failure: str | None  # the destination's ARN
    last_modified: float  # seconds since 1970
