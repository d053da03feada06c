"""What subscribers are sent: log events as JSON, compressed.

The form: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.telemetry.clock import now_ms
from lambent.telemetry.filter_pattern import parse_filter_pattern
from lambent.telemetry.log_references import event_identifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.domain.log_subscription import LogSubscription
    from lambent.store.log_records import LogEvent

# As AWS's own library for Java does by default: most of the gain for little of the time.
_COMPRESSION = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionMessage:
    """Events of one stream, ready to be sent."""

    stream: str
    events: Sequence[LogEvent]
    data: bytes  # gzip

    @property
    def oldest_ingestion_ms(self) -> int:
        return min(event.ingestion_ms for event in self.events)


def messages_of(
    subscription: LogSubscription, events: Sequence[LogEvent], most_bytes: int
) -> tuple[list[SubscriptionMessage], int]:
    """The events that match, by stream, in messages of up to so many bytes; how many fit in none."""
    matches = parse_filter_pattern(subscription.pattern)
    streams: dict[str, list[LogEvent]] = {}
    for event in events:
        if matches(event.message):
            streams.setdefault(event.stream, []).append(event)
    messages: list[SubscriptionMessage] = []
    too_large = 0
    # Halved until they fit; what is last here comes first.
    waiting = [*streams.items()][::-1]
    while waiting:
        stream, part = waiting.pop()
        data = _compressed(_document(subscription, stream, part))
        if len(data) <= most_bytes:
            messages.append(SubscriptionMessage(stream=stream, events=part, data=data))
        elif len(part) == 1:
            too_large += 1
        else:
            middle = len(part) // 2
            waiting += [(stream, part[middle:]), (stream, part[:middle])]
    return messages, too_large


def control_message(destination: str) -> bytes:
    """What AWS sends to a stream to see whether it can, compressed; `destination` names its kind."""
    return _compressed(
        {
            "messageType": "CONTROL_MESSAGE",
            "owner": "CloudwatchLogs",
            "logGroup": "",
            "logStream": "",
            "subscriptionFilters": [],
            "logEvents": [
                {
                    "id": "",
                    "timestamp": now_ms(),
                    "message": f"CWL CONTROL MESSAGE: Checking health of destination {destination}.",
                }
            ],
        }
    )


def function_event(data: bytes) -> bytes:
    """The event a function is invoked with."""
    return json.dumps({"awslogs": {"data": base64.b64encode(data).decode()}}).encode()


def _document(
    subscription: LogSubscription, stream: str, events: Sequence[LogEvent]
) -> dict[str, object]:
    return {
        "messageType": "DATA_MESSAGE",
        "owner": subscription.account_id,
        "logGroup": subscription.group,
        "logStream": stream,
        "subscriptionFilters": [subscription.filter_name],
        "logEvents": [
            {
                "id": event_identifier(event.position),
                "timestamp": event.position.timestamp_ms,
                "message": event.message,
            }
            for event in events
        ],
    }


def _compressed(document: dict[str, object]) -> bytes:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), _COMPRESSION)
