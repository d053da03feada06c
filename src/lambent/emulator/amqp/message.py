"""A request as it stands in the queue, and the reply to it.

The headers are those of the Invoke API, in whatever case. What a reply says beside its body:
`X-Amz-Function-Error` for an error of the function's, and `X-Amzn-ErrorType` for a request that the
function never saw.
"""

from __future__ import annotations

import base64
import contextlib
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pamqp import encode
from pamqp.commands import Basic

from lambent.domain.errors import ServiceError
from lambent.domain.identifiers import new_uuid
from lambent.domain.invocation import Invocation, error_payload
from lambent.emulator.trace_header import trace_header
from lambent.invocation.payload import checked_client_context

if TYPE_CHECKING:
    from aiormq.abc import DeliveredMessage
    from pamqp.common import FieldTable, FieldValue

    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import InvocationResult

CLIENT_CONTEXT = "x-amz-client-context"
TRACE_ID = "x-amzn-trace-id"
TENANT_ID = "x-amz-tenant-id"
LOG_TYPE = "x-amz-log-type"
QUALIFIER = "x-amz-qualifier"  # of Lambent's own: in the Invoke API it is no header
FUNCTION_ERROR = "X-Amz-Function-Error"
ERROR_TYPE = "X-Amzn-ErrorType"
EXECUTED_VERSION = "X-Amz-Executed-Version"
LOG_RESULT = "X-Amz-Log-Result"
# An instance whose queue was not there says that it is now, for those whose requests went with the
# one before. Where nobody has declared the exchange, nobody wants to know.
QUEUES_EXCHANGE = "lambent.queues"
QUEUE_HEADER = "X-Lambent-Queue"
# How often a request was taken up by an instance that was lost over it. RabbitMQ counts so itself
# in quorum queues only; in others it is whatever the sender says, and our count goes with the
# request.
_BROKERS_COUNT = "x-delivery-count"
_OUR_COUNT = "x-lambent-redeliveries"

# They tell the broker something, say what happened to the request, or are about this one reply.
_NOT_ECHOED = {
    *("cc", "bcc", "x-death", "x-match", _BROKERS_COUNT, _OUR_COUNT, CLIENT_CONTEXT),
    *(name.lower() for name in (FUNCTION_ERROR, ERROR_TYPE, EXECUTED_VERSION, LOG_RESULT)),
}
# A message's headers are sent in one frame, of which brokers take 128 KB, and other things are in it.
_MOST_HEADER_BYTES = 16 * 1024
_LONGEST_NAME_BYTES = 128
_DIRECT = "amq.rabbitmq.reply-to"
# What is a step of a path of the Runtime API; of dots alone it would be another one's.
_ID = re.compile(r"(?!\.{1,2}$)[0-9A-Za-z._~-]{1,128}")
_QUALIFIER = re.compile(r"\$LATEST|[a-zA-Z0-9_-]{1,128}")
PERSISTENT, TRANSIENT = 2, 1


class Identity(NamedTuple):
    """What a request is known by when it comes again."""

    correlation_id: str
    reply_to: str | None
    body_hash: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    queue: str
    body: bytes
    properties: Basic.Properties

    @property
    def is_direct(self) -> bool:
        """It goes to the client's channel, and to no queue.

        https://www.rabbitmq.com/docs/direct-reply-to
        """
        return self.queue.startswith(_DIRECT)


def identity(message: DeliveredMessage) -> Identity | None:
    """None for one that cannot be told from others."""
    properties = message.header.properties
    if not properties.correlation_id:
        return None
    return Identity(properties.correlation_id, properties.reply_to, hash(message.body))


def read_invocation(message: DeliveredMessage, version: FunctionVersion) -> Invocation:
    """Raises ServiceError for headers that mean nothing."""
    properties = message.header.properties
    sent_id = properties.correlation_id or ""
    headers = _headers(message)
    qualifier = _text(headers, QUALIFIER)
    is_qualified = qualifier is not None and _QUALIFIER.fullmatch(qualifier)
    return Invocation(
        request_id=sent_id if _ID.fullmatch(sent_id) else new_uuid(),
        invoked_arn=f"{version.arn}:{qualifier}" if is_qualified else version.arn,
        # Whatever it is: that it is no JSON, the runtime says.
        payload=message.body or b"{}",
        trace_header=trace_header(_text(headers, TRACE_ID), version.arn),
        client_context=checked_client_context(_text(headers, CLIENT_CONTEXT)),
        tenant_id=_line(headers, TENANT_ID),
    )


def wants_log_tail(message: DeliveredMessage) -> bool:
    return _headers(message).get(LOG_TYPE) == "Tail"


def result_reply(
    message: DeliveredMessage, result: InvocationResult, executed_version: str
) -> Reply | None:
    """None where nobody waits for one."""
    headers: FieldTable = {EXECUTED_VERSION: executed_version}
    if result.is_function_error:
        headers[FUNCTION_ERROR] = "Unhandled"
    if wants_log_tail(message):
        headers[LOG_RESULT] = base64.b64encode(result.log_tail).decode()
    return _reply(message, result.payload, headers)


def refusal_reply(message: DeliveredMessage, error: ServiceError) -> Reply | None:
    """For a request that the function never saw."""
    return _reply(message, error_payload(error.code, error.message), {ERROR_TYPE: error.code})


def failure_reply(message: DeliveredMessage, error_type: str, text: str) -> Reply | None:
    """For a request that the function may have seen, and gave no answer to that could be sent.

    Nothing of the request's headers is in it: they may be what could not be.
    """
    payload = error_payload(error_type, text)
    return _reply(message, payload, {FUNCTION_ERROR: "Unhandled"}, echoes=False)


def times_lost(message: DeliveredMessage, *, is_quorum: bool) -> int:
    """How often it was given to somebody who was lost before it was answered."""
    if not message.redelivered:
        return _count(message, _OUR_COUNT)
    if is_counted_by_broker(message, is_quorum=is_quorum):
        return _count(message, _BROKERS_COUNT)
    return _count(message, _OUR_COUNT) + 1


def is_counted_by_broker(message: DeliveredMessage, *, is_quorum: bool) -> bool:
    """Out of a quorum queue."""
    return is_quorum and _count(message, _BROKERS_COUNT) > 0


def counted_again(message: DeliveredMessage) -> Basic.Properties:
    """The properties of the same request, to be sent in its place with the count raised.

    It is for who has not counted by itself how often it was lost: of a queue that is no quorum queue.
    """
    properties = message.header.properties
    count: FieldTable = {_OUR_COUNT: times_lost(message, is_quorum=False)}
    return Basic.Properties(
        app_id=properties.app_id,
        content_encoding=properties.content_encoding,
        content_type=properties.content_type,
        correlation_id=properties.correlation_id,
        delivery_mode=_delivery_mode(properties),
        expiration=properties.expiration,
        headers=_sendable(properties.headers or {}) | count,
        message_type=properties.message_type,
        priority=properties.priority,
        reply_to=properties.reply_to,
        timestamp=properties.timestamp,
    )


def announcement(queue: str) -> Basic.Properties:
    """What tells whoever wants to know that the queue is there."""
    return Basic.Properties(headers={QUEUE_HEADER: queue}, delivery_mode=TRANSIENT)


def _reply(
    message: DeliveredMessage, body: bytes, headers: FieldTable, *, echoes: bool = True
) -> Reply | None:
    """With what the request says of itself; not with what only the request's sender may say.

    The broker refuses a `user_id` of another user's, and drops a reply by the `expiration` of its
    request. A `message_id` is one message's own, and the body's `content_encoding` the runtime's.
    """
    request = message.header.properties
    if not request.reply_to:
        return None
    return Reply(
        queue=request.reply_to,
        body=body,
        properties=Basic.Properties(
            app_id=request.app_id,
            content_type=request.content_type or "application/json",
            correlation_id=request.correlation_id,
            delivery_mode=_delivery_mode(request),
            headers=(_echoed(request.headers or {}) if echoes else {}) | headers,
            message_type=request.message_type,
            priority=request.priority,
            timestamp=request.timestamp,
        ),
    )


def _echoed(headers: FieldTable) -> FieldTable:
    return _sendable(
        {
            name: value
            for name, value in headers.items()
            if isinstance(value, str | bool | int) and name.lower() not in _NOT_ECHOED
        }
    )


def _sendable(headers: FieldTable) -> FieldTable:
    """Without what cannot be sent; the largest go first, if they are too many."""
    # Text that is no UTF-8 is read as bytes, which are not sent as text.
    kept: FieldTable = {
        name: bytearray(value) if isinstance(value, bytes) else value
        for name, value in headers.items()
    }
    sizes = {name: _encoded_size(name, value) for name, value in kept.items()}
    left = _MOST_HEADER_BYTES
    for name in sorted(sizes, key=lambda each: sizes[each]):
        left -= sizes[name]
        if left < 0:
            del kept[name]
    return kept


def _encoded_size(name: str, value: FieldValue) -> int:
    """More than may be sent, of what cannot be."""
    if len(name.encode()) <= _LONGEST_NAME_BYTES:
        with contextlib.suppress(TypeError, ValueError, OverflowError, struct.error):
            return len(encode.field_table({name: value}))
    return _MOST_HEADER_BYTES + 1


def _delivery_mode(properties: Basic.Properties) -> int:
    return PERSISTENT if properties.delivery_mode == PERSISTENT else TRANSIENT


def _headers(message: DeliveredMessage) -> dict[str, FieldValue]:
    headers = message.header.properties.headers or {}
    return {name.lower(): value for name, value in headers.items()}


def _text(headers: dict[str, FieldValue], name: str) -> str | None:
    value = headers.get(name)
    if value is not None and not isinstance(value, str):
        raise ServiceError(
            "InvalidRequestContentException", f"The message's header {name} must be a string."
        )
    return value


def _line(headers: dict[str, FieldValue], name: str) -> str | None:
    """One that can be told to the runtime in a header."""
    value = _text(headers, name)
    if value is not None and not (value.isascii() and value.isprintable() and len(value) <= 256):
        raise ServiceError(
            "InvalidRequestContentException", f"The message's header {name} is not valid."
        )
    return value


def _count(message: DeliveredMessage, header: str) -> int:
    value = (message.header.properties.headers or {}).get(header)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
