from __future__ import annotations

import json

import pytest
from botocore.eventstream import EventStream as BotocoreEventStream, EventStreamBuffer
from botocore.exceptions import EventStreamError
from botocore.parsers import EventStreamJSONParser

from lambent.domain.errors import ServiceError
from lambent.protocol.event_stream import CONTENT_TYPE, MESSAGE_PAYLOAD_BYTES, message
from lambent.protocol.model import load_model

OPERATION = "InvokeWithResponseStream"
EVENTS = load_model("lambda").operation_model(OPERATION).get_event_stream_output()
CHUNK_HEADERS = {
    ":event-type": "PayloadChunk",
    ":content-type": "application/octet-stream",
    ":message-type": "event",
}


class Events:
    """The events the test says; one of them may be an error to raise."""

    def __init__(self, *events):
        self._events = list(events)
        self.asked = 0
        self.is_closed = False

    async def next_event(self):
        self.asked += 1
        event = self._events.pop(0) if self._events else None
        if isinstance(event, Exception):
            raise event
        return event

    def close(self):
        self.is_closed = True


def piece(payload):
    return ("PayloadChunk", {"Payload": payload})


def complete(**members):
    return ("InvokeComplete", members)


def source_of(service, *events):
    output = {"StatusCode": 200, "EventStream": Events(*events)}
    return service.serialize(OPERATION, output, "request").source


async def written(service, *events):
    source = source_of(service, *events)
    pieces = []
    while each := await source.read():
        pieces.append(each)
    return pieces


def messages(*pieces):
    """What botocore's parser makes of the bytes, however they come: headers and payloads."""
    buffer, found = EventStreamBuffer(), []
    for each in pieces:
        buffer.add_data(each)
        found += [(one.headers, one.payload) for one in buffer]
    return found


def read_by_botocore(pieces, events=EVENTS, operation=OPERATION):
    class Raw:
        def stream(self):
            return iter(pieces)

    return list(BotocoreEventStream(Raw(), events, EventStreamJSONParser(), operation))


@pytest.fixture
def with_exceptions(service, structure):
    """A service whose stream of events may end in an exception of its own."""
    return service(
        None,
        {"Stream": "Events"},
        shapes={
            "Events": {
                **structure({"Said": "Said", "TooSlowException": "TooSlowException"}),
                "eventstream": True,
            },
            "Said": structure({"Text": "String", "When": "Timestamp"}, event=True),
            "TooSlowException": structure(
                {"message": "String", "Seconds": "Integer"}, exception=True
            ),
        },
    )


async def test_events_are_what_botocore_reads(lambda_service):
    pieces = await written(
        lambda_service,
        piece(b"\x00\xff first"),
        piece(b""),
        complete(ErrorCode="Unhandled", ErrorDetails='{"errorMessage":"é"}', LogResult=None),
    )
    assert len(pieces) == 3  # each leaves as soon as it is there
    assert read_by_botocore(pieces) == [
        {"PayloadChunk": {"Payload": b"\x00\xff first"}},
        {"PayloadChunk": {"Payload": b""}},
        {"InvokeComplete": {"ErrorCode": "Unhandled", "ErrorDetails": '{"errorMessage":"é"}'}},
    ]


def test_a_message_is_its_lengths_its_content_and_two_checksums():
    """As in a test vector of the encoding."""
    assert message(b"", b"{'foo':'bar'}") == (
        b"\x00\x00\x00\x1d\x00\x00\x00\x00\xfd\x52\x8c\x5a{'foo':'bar'}\xc3\x65\x39\x36"
    )


async def test_events_are_the_bytes_that_lambda_sends(lambda_service):
    """Headers in its order, too: the checksums are those of messages AWS sent."""
    chunk, end = await written(lambda_service, piece(b"Hello world "), complete())
    assert (chunk[:12].hex(" ", 4), chunk[-4:].hex()) == (
        "00000076 0000005a 980e72ec",
        "33971fd8",
    )
    assert chunk[12:-4] == (
        b"\x0b:event-type\x07\x00\x0cPayloadChunk"
        b"\x0d:content-type\x07\x00\x18application/octet-stream"
        b"\x0d:message-type\x07\x00\x05event"
        b"Hello world "
    )
    assert (end[:12].hex(" ", 4), end[-4:].hex()) == ("00000066 00000054 1f56c869", "7006d467")


async def test_messages_are_read_whatever_they_are_split_into(lambda_service):
    whole = b"".join(
        await written(lambda_service, piece(b"one"), piece(b"two"), complete(LogResult="bG9n"))
    )
    read = messages(whole)
    assert [payload for _, payload in read] == [b"one", b"two", b'{"LogResult":"bG9n"}']
    assert messages(*(bytes([byte]) for byte in whole)) == read
    for at in range(len(whole)):
        assert messages(whole[:at], whole[at:]) == read


async def test_the_end_says_json_and_nothing_of_what_is_not_there(lambda_service):
    [written_piece] = await written(lambda_service, complete())
    headers = {
        ":event-type": "InvokeComplete",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    assert messages(written_piece) == [(headers, b"{}")]


@pytest.mark.parametrize("length", [0, 1, MESSAGE_PAYLOAD_BYTES])
async def test_what_fits_is_one_message(lambda_service, length):
    [written_piece] = await written(lambda_service, piece(b"x" * length))
    assert messages(written_piece) == [(CHUNK_HEADERS, b"x" * length)]


async def test_what_is_longer_comes_in_several_messages(lambda_service):
    payload = bytes(range(256)) * 2048 + b"end"
    pieces = await written(lambda_service, piece(payload))
    assert len(pieces) == 3  # none is made before the one ahead of it is taken
    read = messages(*pieces)
    assert [len(part) for _, part in read] == [MESSAGE_PAYLOAD_BYTES, MESSAGE_PAYLOAD_BYTES, 3]
    assert b"".join(part for _, part in read) == payload
    assert all(headers == CHUNK_HEADERS for headers, _ in read)


async def test_an_error_in_mid_stream_is_told_as_the_last_message(lambda_service):
    error = ServiceError("ServiceException", "It broke: é")
    source = source_of(lambda_service, piece(b"begun"), error, piece(b"never"))
    pieces = [await source.read(), await source.read()]
    assert await source.read() == b""
    assert messages(*pieces)[1] == (
        {
            ":error-code": "ServiceException",
            ":error-message": "It broke: é",
            ":message-type": "error",
        },
        b"",
    )
    with pytest.raises(EventStreamError) as caught:
        read_by_botocore(pieces)
    assert caught.value.response["Error"] == {"Code": "ServiceException", "Message": "It broke: é"}


async def test_a_long_error_message_loses_its_end(lambda_service):
    [told] = await written(lambda_service, ServiceError("ServiceException", "é" * 20_000))
    [(headers, _)] = messages(told)
    assert headers[":error-message"] == "é" * 16_383


async def test_an_exception_of_the_stream_s_own_is_one(with_exceptions):
    error = ServiceError("TooSlowException", "Read faster", Seconds=3)
    output = {"Stream": Events(("Said", {"Text": "hello"}), error)}
    source = with_exceptions.serialize("Act", output, "request").source
    said, told = messages(await source.read(), await source.read())
    assert said[1] == b'{"Text":"hello"}'
    assert told[0] == {
        ":exception-type": "TooSlowException",
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    assert json.loads(told[1]) == {"message": "Read faster", "Seconds": 3}


async def test_another_failure_is_not_told(lambda_service):
    """The listener logs it and hangs up: what is cut short must not look whole."""
    source = source_of(lambda_service, RuntimeError("a mistake"))
    with pytest.raises(RuntimeError):
        await source.read()


def test_the_head_says_what_the_body_is(lambda_service):
    events = Events()
    response = lambda_service.serialize(
        OPERATION,
        {
            "StatusCode": 200,
            "ExecutedVersion": "7",
            "ResponseStreamContentType": "text/html",
            "EventStream": events,
        },
        "the-request",
    )
    assert (response.status, response.body) == (200, b"")
    assert response.headers == [
        ("Content-Type", CONTENT_TYPE),
        ("x-amzn-RequestId", "the-request"),
        ("X-Amz-Executed-Version", "7"),
        ("x-amzn-Remapped-Content-Type", "text/html"),
    ]
    assert response.source.length is None  # so it is sent in chunks
    assert events.asked == 0


def test_closing_the_body_closes_the_stream(lambda_service):
    events = Events(piece(b"unread"))
    response = lambda_service.serialize(OPERATION, {"EventStream": events}, "request")
    response.source.close()
    assert events.is_closed


def test_an_answer_without_events_has_no_body(lambda_service):
    response = lambda_service.serialize(OPERATION, {"StatusCode": 204}, "request")
    assert (response.status, response.body, response.source) == (204, b"", None)
