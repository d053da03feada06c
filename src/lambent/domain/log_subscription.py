"""Subscription filters: where a log group's new events are sent, and how far they have been.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lambent.domain.records import AccountRecord

Distribution = Literal["ByLogStream", "Random"]


def subscription_id(group_id: int, filter_name: str) -> str:
    return f"{group_id}:{filter_name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSubscription(AccountRecord):
    """Its id is `subscription_id`: a group made again under the same name has another one."""

    group_id: int  # the log store's
    group: str
    filter_name: str
    pattern: str
    destination_arn: str
    role_arn: str | None
    distribution: Distribution
    created_ms: int
    # The last event, by the store's number, that was sent or did not match.
    done_event_id: int
