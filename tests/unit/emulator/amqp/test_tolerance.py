from __future__ import annotations

import struct

import pytest
from pamqp import commands, frame
from pamqp.header import ContentHeader

from lambent.emulator.amqp.tolerance import accept_what_the_broker_does

_FLAG_CONTENT_TYPE, _FLAG_HEADERS, _FLAG_CORRELATION_ID = 1 << 15, 1 << 13, 1 << 10
_FLAG_TIMESTAMP = 1 << 6


@pytest.fixture(autouse=True)
def tolerance() -> None:
    accept_what_the_broker_does()


def read(flags: int, encoded: bytes) -> commands.Basic.Properties:
    """The properties of a message as the broker sends them."""
    payload = struct.pack(">HHQH", commands.Basic.frame_id, 0, 0, flags) + encoded
    data = struct.pack(">BHI", 2, 1, len(payload)) + payload + b"\xce"
    header = frame.unmarshal(data)[2]
    assert isinstance(header, ContentHeader)
    return header.properties


def test_reads_on_over_text_that_is_no_utf8() -> None:
    properties = read(_FLAG_CONTENT_TYPE | _FLAG_CORRELATION_ID, b"\x03a\xff\xfe\x021\xf0")
    assert (properties.content_type, properties.correlation_id) == ("a", "1")


@pytest.mark.parametrize("time", [1_700_000_000_000_000_000, 2**64 - 1])
def test_reads_on_over_times_that_are_none(time: int) -> None:
    assert read(_FLAG_TIMESTAMP, struct.pack(">Q", time)).timestamp is None


def test_reads_on_over_headers_it_cannot_read() -> None:
    table = b"\x01\xffS" + struct.pack(">I", 1) + b"x"  # a name that is no UTF-8
    encoded = struct.pack(">I", len(table)) + table + b"\x017"
    properties = read(_FLAG_HEADERS | _FLAG_CORRELATION_ID, encoded)
    assert properties.headers == {}
    assert properties.correlation_id == "7"


def test_reads_what_is_well() -> None:
    header = b"\x01aT" + struct.pack(">Q", 0) + b"\x01bS" + struct.pack(">I", 1) + b"x"
    properties = read(_FLAG_HEADERS, struct.pack(">I", len(header)) + header)
    assert properties.headers is not None
    assert properties.headers["b"] == "x"


def table(*fields: bytes) -> bytes:
    return sized(b"".join(fields))


def sized(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def test_reads_tables_and_arrays_in_each_other() -> None:
    inner = table(b"\x01bA" + sized(b"V" + b"t\x01" + b"S" + sized(b"text")))
    properties = read(_FLAG_HEADERS, table(b"\x01aF" + inner, b"\x01cI" + struct.pack(">i", -7)))
    assert properties.headers == {"a": {"b": [None, True, "text"]}, "c": -7}


def test_takes_a_message_of_a_hundred_thousand_values() -> None:
    properties = read(_FLAG_HEADERS, table(b"\x01aA" + sized(b"V" * 120_000)))
    assert properties.headers == {"a": [None] * 120_000}


@pytest.mark.parametrize(
    "field",
    [
        b"\x01aS" + struct.pack(">I", 1000) + b"x",
        b"\x01aA" + sized(b"A" + struct.pack(">I", 1000)),
        b"\x01aZ",
        b"\xffa",
    ],
)
def test_reads_on_over_headers_that_say_they_are_longer_than_they_are(field: bytes) -> None:
    properties = read(_FLAG_HEADERS | _FLAG_CORRELATION_ID, table(field) + b"\x017")
    assert (properties.headers, properties.correlation_id) == ({}, "7")


def test_reads_on_over_tables_without_end_in_each_other() -> None:
    deep = b""
    for _ in range(2000):
        deep = b"A" + sized(deep)
    properties = read(_FLAG_HEADERS | _FLAG_CORRELATION_ID, table(b"\x01a" + deep) + b"\x017")
    assert (properties.headers, properties.correlation_id) == ({}, "7")


@pytest.mark.parametrize("name", ["a;b", "ü", "*"])
def test_a_queue_may_have_any_name(name: str) -> None:
    assert commands.Queue.Declare(queue=name).queue == name
