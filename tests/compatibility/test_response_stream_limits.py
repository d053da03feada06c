"""How much streams may hold, how fast and how long they may be, and how many at one time.

The server's limits are other than AWS's, so that a test need not stream 20 MiB at 2 MiB a second.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest
from tests.support.gates import open_gates, read_note
from tests.support.server import RunningServer, newest_runtime, running_server
from tests.support.streams import (
    ask,
    both_ways,
    deploy_streaming,
    open_stream,
    read_rest,
    read_until,
)
from tests.support.waiting import eventually, wait_logged

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
LIMIT_MIB, UNCAPPED_MIB, MIB_PER_SECOND = 13, 12, 2
STREAMS = 200
OPTIONS = {
    "stream-limit-mib": LIMIT_MIB,
    "stream-uncapped-mib": UNCAPPED_MIB,
    "stream-mib-per-second": MIB_PER_SECOND,
    # Two hundred small functions at work at once, whatever this machine has.
    "max-environments": STREAMS + 50,
    "memory-mib": 1_000_000,
}
# One piece goes out at once, whatever has gone before.
PIECE_SECONDS = 64 * 1024 / (MIB_PER_SECOND * MIB)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("streams") / "data"
    options = [f"--{name}={value}" for name, value in OPTIONS.items()]
    with running_server(data, *options) as running:
        yield running


@pytest.fixture(scope="module")
def node(server):
    return deploy_streaming(server, newest_runtime("nodejs"))


def fill(mib, note=None):
    return [["fill", {"bytes": mib * MIB, "note": note}]]


@both_ways
def test_a_stream_ends_at_the_limit(node, way):
    stream = open_stream(node, fill(LIMIT_MIB + 1), way)
    assert len(read_rest(stream)) == LIMIT_MIB * MIB
    if way == "url":
        assert stream.is_cut_short
    else:
        assert not stream.is_cut_short
        completion = stream.completion or {}
        assert completion["ErrorCode"] == "Unhandled"
        assert "Function.ResponseSizeTooLarge" in completion["ErrorDetails"]
    assert read_rest(open_stream(node, [["write", "alive"]], way)) == b"alive"


@both_ways
def test_what_follows_the_first_part_comes_at_its_own_pace(node, way):
    started = time.monotonic()
    stream = open_stream(node, fill(LIMIT_MIB), way)
    assert len(read_rest(stream)) == LIMIT_MIB * MIB
    assert not stream.is_cut_short
    # However slow this machine is, it can only take longer.
    least = (LIMIT_MIB - UNCAPPED_MIB) / MIB_PER_SECOND - PIECE_SECONDS
    assert time.monotonic() - started >= least


@both_ways
def test_a_slow_reader_slows_the_function_and_costs_no_memory(server, node, way):
    note, whole = f"note-{uuid.uuid4()}", UNCAPPED_MIB * MIB
    read_rest(open_stream(node, fill(1), way))  # whatever takes memory once has taken it
    server.reset_peak_memory()
    before = server.peak_memory_bytes()
    stream = open_stream(node, fill(UNCAPPED_MIB, note), way, receive_buffer=64 * 1024)
    written = wait_stalled(note)
    assert 0 < written < whole  # it has not come to its end, and waits
    received = len(stream.read())
    assert wait_stalled(note) < whole
    assert received + len(read_rest(stream)) == whole
    assert not stream.is_cut_short
    assert server.peak_memory_bytes() - before < 2 * MIB


@both_ways
def test_a_reader_who_stops_and_goes_away_does_not_hold_up_the_function(node, way):
    note, end = f"note-{uuid.uuid4()}", f"came to its end {uuid.uuid4()}"
    steps = [*fill(UNCAPPED_MIB, note), ["log", end]]
    stream = open_stream(node, steps, way, receive_buffer=64 * 1024)
    assert wait_stalled(note) < UNCAPPED_MIB * MIB
    stream.close()
    wait_logged(node.deployed, end)
    assert read_rest(open_stream(node, [["write", "alive"]], way)) == b"alive"


def test_a_function_whose_reader_stops_can_time_out(server):
    function = deploy_streaming(server, newest_runtime("nodejs"), Timeout=2)
    steps = fill(UNCAPPED_MIB)
    stream = open_stream(function, steps, "url", receive_buffer=64 * 1024)
    wait_logged(function.deployed, "Task timed out after 2.00 seconds")
    # Its environment is free although nobody has read what it wrote.
    assert read_rest(open_stream(function, [["write", "alive"]], "url")) == b"alive"
    assert 0 < len(read_rest(stream)) < UNCAPPED_MIB * MIB
    assert stream.is_cut_short


def wait_stalled(note):
    """How many bytes a function has written when that stays the same for a while."""
    seen = []

    def is_stalled():
        seen.append(int(read_note(note) or 0))
        return len(seen) > 10 and seen[-1] > 0 and len(set(seen[-10:])) == 1

    eventually(is_stalled, lambda: f"it goes on writing: {seen[-10:]}")
    return seen[-1]


def test_many_streams_are_open_at_once(server):
    function = deploy_streaming(server, "bash", MemorySize=128)
    gates = [f"gate-{uuid.uuid4()}" for _ in range(STREAMS)]
    ways = ["invoke", "url"] * (STREAMS // 2)
    asked = [
        ask(function, {"steps": [["gate", gate]]}, way)
        for gate, way in zip(gates, ways, strict=True)
    ]
    streams = [each.begin() for each in asked]
    # Every one has begun, and none can end before its gate is opened.
    assert {read_until(each, b"one ") for each in streams} == {b"one "}
    open_gates(gates)
    assert {read_rest(each) for each in streams} == {b"two"}
    assert not any(each.is_cut_short for each in streams)
    for each in streams:
        each.close()
