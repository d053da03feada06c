"""A record of an asynchronous invocation on its way to a destination or a dead-letter queue.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

DeliveryKind = Literal["destination", "dead_letter"]
DeliveryState = Literal["waiting", "failed"]


class DeliveryRefused(Exception):
    """Raised when a delivery can never succeed as it is: nothing is tried again of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What is to be sent, where to, and what came of it so far."""

    account_id: str  # the function's, as its region and name
    region: str
    name: str
    request_id: str  # of the invocation
    kind: DeliveryKind
    condition: str  # how the invocation ended, in the words of invocation records
    target_arn: str
    function_arn: str  # with a qualifier always
    trace_header: str
    body: bytes = field(repr=False)  # an invocation record, or as a dead letter the event
    # Of a dead letter: RequestID, ErrorCode and ErrorMessage.
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False)
    created_ms: int  # since 1970: when the invocation ended
    state: DeliveryState = "waiting"
    due_ms: int  # when it is to be tried; of a failed one, when it failed
    attempts: int = 0  # that failed
    last_error: str | None = None
    id: int = 0  # of its row

    @property
    def function(self) -> tuple[str, str, str]:
        return self.account_id, self.region, self.name

    @property
    def is_success(self) -> bool:
        """Of the invocation it tells of."""
        return self.condition == "Success"


@dataclass(frozen=True, slots=True)
class Target:
    """The parts of an ARN that say which service is to be called, where, and for what."""

    service: str  # sqs, sns, events, s3, lambda
    region: str  # empty for S3
    account_id: str  # empty for S3
    resource: str  # a name, event-bus/NAME, function:NAME:QUALIFIER


def target_of(arn: str) -> Target:
    """Raises DeliveryRefused for what is no ARN."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        raise DeliveryRefused(f"{arn} is not an ARN")
    return Target(parts[2], parts[3], parts[4], parts[5])
