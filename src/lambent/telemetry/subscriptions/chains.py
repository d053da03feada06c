"""Which chain of events log events belong to.

A function that is subscribed to its own log is invoked by what each invocation logs, for ever. AWS
warns of it and lets it run; no trace goes through a log. But a log stream is written by one
environment, which serves one invocation at a time, and says with which request it starts. What
invocations made here have logged continues the chain these were in, and the loop is found like any
other.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Subscriptions-recursion-prevention.html
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from lambent.domain.trace import continue_trace, times_returned

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lambent.store.log_records import LogEvent

# The trace headers that led to log events, by the store's numbers of these.
Traces: TypeAlias = Mapping[int, str]
Key = TypeVar("Key")
Value = TypeVar("Value")

# As text, and as JSON.
_START = re.compile(r"START RequestId: |\{[^{]{0,64}\"type\": ?\"platform\.start\"", re.ASCII)
_REQUEST_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)
_SEARCHED_CHARACTERS = 512  # of a message: loggers name requests early
_REMEMBERED = 4096


class InvocationChains:
    """Remembers the latest invocations of subscribers, by request; a restart forgets them."""

    def __init__(self) -> None:
        self._headers: OrderedDict[str, str] = OrderedDict()
        # What each stream is about, as far as a subscription has read.
        self._streams: OrderedDict[tuple[str, str], str | None] = OrderedDict()

    def remember(self, request_id: str, header: str) -> None:
        """`header` is what the invocation itself was given."""
        _remember(self._headers, request_id, header)

    def traces_of(self, subscription_id: str, events: Sequence[LogEvent]) -> Traces:
        """Those of the events that are known; `events` are the next ones, matching or not."""
        if not self._headers:
            return {}
        traces: dict[int, str] = {}
        for event in events:
            place = (subscription_id, event.stream)
            named = self._named(event.message)
            if _START.match(event.message):
                _remember(self._streams, place, named)
            header = named or self._streams.get(place)
            if header is not None:
                traces[event.position.event_id] = header
        return traces

    def _named(self, message: str) -> str | None:
        """The trace of the request that a line names itself."""
        for request_id in _REQUEST_ID.findall(message[:_SEARCHED_CHARACTERS]):
            if (header := self._headers.get(request_id)) is not None:
                return header
        return None


def furthest(events: Iterable[LogEvent], traces: Traces) -> str | None:
    """Of the traces that led to these events the one that has gone furthest."""
    found = {traces[number] for event in events if (number := event.position.event_id) in traces}
    return max(found, key=times_returned, default=None)


def next_headers(previous: str | None, function_arn: str) -> tuple[str, str]:
    """The trace header to invoke a function with, and the one the invocation is then given."""
    given = continue_trace(previous, function_arn)
    if previous is not None:
        return previous, given
    sent, _, _ = given.partition(";Lineage=")
    return sent, given


def _remember(latest: OrderedDict[Key, Value], key: Key, value: Value) -> None:
    latest[key] = value
    latest.move_to_end(key)
    while len(latest) > _REMEMBERED:
        latest.popitem(last=False)
