"""What requests to the companion are traced with, kept in what they make its services do.

moto drops it. AWS's services hand it on, which is how loops through them are found:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

import contextlib
import contextvars
from typing import TYPE_CHECKING, Any

import flask
from moto.events.models import EventsBackend
from moto.sqs.models import SQSBackend
from moto.sqs.utils import validate_message_attributes

from lambent.companion.seams import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEADER = "X-Amzn-Trace-Id"
_ATTRIBUTE = "AWSTraceHeader"
_MOST_EVENTS = 10  # in one call; moto refuses more
# In the place of the request's own, for what is done meanwhile.
_given: contextvars.ContextVar[str | None] = contextvars.ContextVar("trace", default=None)
# The system attributes of the messages of a batch that are still to be sent, in their order.
_batch: contextvars.ContextVar[Iterator[Any] | None] = contextvars.ContextVar("batch", default=None)


def install() -> None:
    """Have queues keep traces with their messages, and buses those of their events."""
    _trace_messages()
    _trace_batches()
    _trace_events()


def trace_header() -> str | None:
    """What is done now was traced with, so that loops are found; None outside of requests."""
    if given := _given.get():
        return given
    if not flask.has_request_context():
        return None
    header: str = flask.request.headers.get(_HEADER, "")
    # botocore sends the header a function was given on with its bars percent-encoded.
    return header.replace("%7C", "|").replace("%7c", "|") or None


@contextlib.contextmanager
def traced_with(header: str | None) -> Iterator[None]:
    """Meanwhile that is the trace, where it is one; else the request's own stays it."""
    token = _given.set(header or _given.get())
    try:
        yield
    finally:
        _given.reset(token)


def _trace_messages() -> None:
    """Of whoever sends: a caller, or a topic, a bucket or a rule for one."""
    send: Callable[..., Any] = SQSBackend.send_message

    def sent(
        backend: Any, *message: Any, system_attributes: dict[str, Any] | None = None, **options: Any
    ) -> Any:
        in_batch = _batch.get()
        attributes = next(in_batch) if in_batch else system_attributes
        traced = _with_trace(attributes or {})
        return send(backend, *message, system_attributes=traced, **options)

    replace(SQSBackend, "send_message", sent)


def _with_trace(attributes: dict[str, Any]) -> dict[str, Any]:
    header = trace_header()
    if _ATTRIBUTE in attributes or header is None:
        return attributes
    return attributes | {_ATTRIBUTE: {"DataType": "String", "StringValue": header}}


def _trace_batches() -> None:
    """moto sends a batch's messages one after the other, without their system attributes."""
    send: Callable[..., Any] = SQSBackend.send_message_batch

    def sent(backend: Any, queue_name: str, entries: dict[str, dict[str, Any]]) -> Any:
        attributes = [each.get("MessageSystemAttributes") for each in entries.values()]
        for each in attributes:
            validate_message_attributes(each or {})
        token = _batch.set(iter(attributes))
        try:
            return send(backend, queue_name, entries)
        finally:
            _batch.reset(token)

    replace(SQSBackend, "send_message_batch", sent)


def _trace_events() -> None:
    put: Callable[..., list[dict[str, Any]]] = EventsBackend.put_events

    def was_put(backend: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(events) > _MOST_EVENTS or not any(each.get("TraceHeader") for each in events):
            return put(backend, events)
        answers: list[dict[str, Any]] = []
        for each in events:
            with traced_with(each.get("TraceHeader")):
                answers += put(backend, [each])
        return answers

    replace(EventsBackend, "put_events", was_put)
