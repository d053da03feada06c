from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given, strategies as st

from lambent.execution_environment.output.log_frames import FrameReader

AT_US = 1_769_860_800_123_456


def frame(message, kind=0xA55A0003, microseconds=AT_US):
    return struct.pack(">IIQ", kind, len(message), microseconds) + message


def read(*pieces):
    reader = FrameReader()
    messages = [(at, message) for piece in pieces for at, message, _ in reader.feed(piece)]
    return messages, reader.rest()


def test_frames_are_messages_with_their_own_time_in_milliseconds():
    assert read(frame(b"one\n") + frame(b"", microseconds=999)) == (
        [(1_769_860_800_123, b"one\n"), (0, b"")],
        b"",
    )


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        *((0xA55A0001, None), (0xA55A0002, None), (0xA55A0003, None)),
        *((0xA55A0006, "TRACE"), (0xA55A000A, "DEBUG"), (0xA55A000E, "INFO")),
        *((0xA55A000F, "INFO"), (0xA55A0012, "WARN"), (0xA55A0016, "ERROR")),
        *((0xA55A001A, "FATAL"), (0xA55A001B, "FATAL"), (0xA55A00FF, None)),
    ],
)
def test_a_frame_s_type_has_the_level_in_it(kind, level):
    assert list(FrameReader().feed(frame(b"x", kind))) == [(1_769_860_800_123, b"x", level)]


def test_bytes_that_are_no_frame_are_given_on_as_they_are():
    assert read(b"plain text, 16 bytes or more") == ([(None, b"plain text, 16 bytes or more")], b"")


def test_after_garbage_the_next_piece_may_be_a_frame_again():
    messages, rest = read(b"plain text, 16 bytes or more", frame(b"one"))
    assert messages == [(None, b"plain text, 16 bytes or more"), (1_769_860_800_123, b"one")]
    assert rest == b""


def test_a_length_no_client_writes_is_no_frame():
    header = struct.pack(">IIQ", 0xA55A0003, 1024 * 1024 + 1, AT_US)
    assert read(header) == ([(None, header)], b"")


def test_the_largest_frame_is_one():
    message = b"x" * (1024 * 1024)
    assert read(frame(message)) == ([(1_769_860_800_123, message)], b"")


@pytest.mark.parametrize("size", [0, 1, 15, 16, 18])
def test_what_was_never_finished_is_the_rest(size):
    assert read(frame(b"abc")[:size]) == ([], frame(b"abc")[:size])


def test_the_rest_is_given_once():
    reader = FrameReader()
    assert list(reader.feed(b"abc")) == []
    assert (reader.rest(), reader.rest()) == (b"abc", b"")


@given(
    messages=st.lists(st.tuples(st.integers(0, 2**64 - 1), st.binary(max_size=40)), max_size=6),
    cuts=st.lists(st.integers(0, 300), max_size=6),
)
def test_frames_may_come_in_any_pieces(messages, cuts):
    data = b"".join(frame(message, microseconds=at) for at, message in messages)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]
    assert read(*pieces) == ([(at // 1000, message) for at, message in messages], b"")


@given(st.lists(st.one_of(st.binary(max_size=60), st.binary(max_size=9).map(frame))))
def test_nothing_written_is_lost(pieces):
    messages, rest = read(*pieces)
    sizes = sum(len(message) + (0 if at is None else 16) for at, message in messages)
    assert sizes + len(rest) == sum(map(len, pieces))
