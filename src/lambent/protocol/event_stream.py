"""Answers that are events, one message each: `application/vnd.amazon.eventstream`.

https://smithy.io/2.0/aws/amazon-eventstream.html
https://smithy.io/2.0/spec/streaming.html#event-streams
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol
from zlib import crc32

from lambent.domain.errors import ServiceError
from lambent.protocol.http import HttpResponse
from lambent.protocol.json_values import body_encoder
from lambent.protocol.serializer import (
    BYTES,
    JSON,
    REQUEST_ID,
    Output,
    Serialize,
    header_writer,
    status_of,
)

if TYPE_CHECKING:
    from botocore.model import OperationModel, StructureShape

# From an event's members to its messages, each made when it is asked for.
_Encode = Callable[[Output], Iterator[bytes]]
_EncodeEvent = Callable[[str, Output], Iterator[bytes]]
_EncodeError = Callable[[ServiceError], bytes]

CONTENT_TYPE = "application/vnd.amazon.eventstream"
# Of what is nothing but bytes, so much goes into one message. botocore takes 24 MiB, aws-c-event-
# stream 16; a client has a message only when all of it is there.
MESSAGE_PAYLOAD_BYTES = 256 * 1024

_PRELUDE = struct.Struct("!II")  # the length of all, and of the headers
_CRC_BYTES = 4
_FRAME_BYTES = _PRELUDE.size + 2 * _CRC_BYTES
_TEXT_TYPE = 7
_HEADER_VALUE_BYTES = 2**15 - 1


class EventStream(Protocol):
    """What an operation answers whose output has no end yet."""

    async def next_event(self) -> tuple[str, Output] | None:
        """The name of the next event and its members; None when there are no more.

        A ServiceError raised here is told to the client as the last message.
        """

    def close(self) -> None:
        """Nothing more is asked for."""


class EventSource:
    """The messages of an event stream as the body of a response, each as soon as it is there."""

    length: int | None = None

    def __init__(
        self, events: EventStream, encode_event: _EncodeEvent, encode_error: _EncodeError
    ) -> None:
        self._events = events
        self._encode_event = encode_event
        self._encode_error = encode_error
        self._messages: Iterator[bytes] = iter(())  # of the last event, those not read yet
        self._has_failed = False

    async def read(self) -> bytes:
        """The next message; empty at the end."""
        if message_left := next(self._messages, b""):
            return message_left
        if self._has_failed:
            return b""
        try:
            event = await self._events.next_event()
        except ServiceError as error:
            self._has_failed = True
            return self._encode_error(error)
        if event is None:
            return b""
        self._messages = self._encode_event(*event)
        return next(self._messages)

    def close(self) -> None:
        self._events.close()


def event_stream_serializer(operation: OperationModel) -> Serialize:
    """Status and headers as of any operation; the body is the events of one member.

    That member of an output is an EventStream, or absent when there are no events.
    """
    shape = operation.output_shape
    name: str = shape.event_stream_name
    events = shape.members[name]
    status, add_headers = status_of(operation), header_writer(shape)
    encode_event, encode_error = _event_encoder(events), _error_encoder(events)

    def serialize(output: Output, request_id: str) -> HttpResponse:
        headers = [("Content-Type", CONTENT_TYPE), (REQUEST_ID, request_id)]
        add_headers(output, headers)
        stream = output.get(name)
        source = None if stream is None else EventSource(stream, encode_event, encode_error)
        return HttpResponse(status=status(output), headers=headers, body=b"", source=source)

    return serialize


def _event_encoder(events: StructureShape) -> _EncodeEvent:
    """A function that writes the events which are the members of a shape.

    An event that is nothing but bytes is a piece of something longer: a big one becomes several.
    """
    encoders = {name: _event(name, shape) for name, shape in events.members.items()}
    return lambda name, event: encoders[name](event)


def _error_encoder(events: StructureShape) -> _EncodeError:
    """A function that writes an error which comes when the answer's head is out already.

    As an exception of the stream's own, if it is one. botocore and the JavaScript SDK have the code
    and message of any other only from a message of type `error`.
    """
    own = {
        name: body_encoder(shape, shape.members)
        for name, shape in events.members.items()
        if shape.metadata.get("exception")
    }

    def encode(error: ServiceError) -> bytes:
        body = own.get(error.code)
        if body is None:
            return _unmodelled(error)
        told = {**error.members, "message": error.message, "Message": error.message}
        headers = (
            (":exception-type", error.code),
            (":content-type", JSON),
            (":message-type", "exception"),
        )
        return message(_headers(headers), body(told))

    return encode


def message(headers: bytes, payload: bytes) -> bytes:
    """One message, whose headers are written already."""
    length = _FRAME_BYTES + len(headers) + len(payload)
    prelude = _PRELUDE.pack(length, len(headers))
    head = b"".join((prelude, _crc(crc32(prelude)), headers))
    return b"".join((head, payload, _crc(crc32(payload, crc32(head)))))


def _crc(value: int) -> bytes:
    return value.to_bytes(_CRC_BYTES, "big")


def _unmodelled(error: ServiceError) -> bytes:
    headers = (
        (":error-code", error.code),
        (":error-message", error.message),
        (":message-type", "error"),
    )
    return message(_headers(headers), b"")


def _event(name: str, shape: StructureShape) -> _Encode:
    payload = next(
        (each for each, inner in shape.members.items() if inner.serialization.get("eventpayload")),
        None,
    )
    if payload is None:
        encode = body_encoder(shape, shape.members)
        headers = _event_headers(name, JSON)
        return lambda event: iter((message(headers, encode(event)),))
    headers = _event_headers(name, BYTES)
    return lambda event: _pieces(headers, event.get(payload) or b"")


def _pieces(headers: bytes, payload: bytes) -> Iterator[bytes]:
    if len(payload) <= MESSAGE_PAYLOAD_BYTES:
        yield message(headers, payload)
        return
    for start in range(0, len(payload), MESSAGE_PAYLOAD_BYTES):
        yield message(headers, payload[start : start + MESSAGE_PAYLOAD_BYTES])


def _event_headers(name: str, content_type: str) -> bytes:
    return _headers(
        ((":event-type", name), (":content-type", content_type), (":message-type", "event"))
    )


def _headers(pairs: tuple[tuple[str, str], ...]) -> bytes:
    return b"".join(_header(name.encode(), value) for name, value in pairs)


def _header(name: bytes, value: str) -> bytes:
    """A text; one that is too long loses its end, but no half of a character."""
    written = value.encode(errors="replace")
    if len(written) > _HEADER_VALUE_BYTES:
        written = written[:_HEADER_VALUE_BYTES].decode(errors="ignore").encode()
    return b"".join(
        (
            len(name).to_bytes(1, "big"),
            name,
            _TEXT_TYPE.to_bytes(1, "big"),
            len(written).to_bytes(2, "big"),
            written,
        )
    )
