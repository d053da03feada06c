"""Streamed responses: how soon a piece is there, and what it costs to have many and long ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks.figures import Figures, Skipped, take_turns
from benchmarks.functions import provided_stream
from benchmarks.memory import peak_mib, reset_peak
from benchmarks.processes import bare_loop, newest_runtime
from benchmarks.server import lambent_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.figures import Rounds
    from benchmarks.functions import Function
    from benchmarks.server import Server

    Event = dict[str, float]

MIB = 1 << 20
_LONG_MIB = 20
_PIECE_BYTES = 64 * 1024
_LONG: Event = {"pieces": _LONG_MIB * MIB // _PIECE_BYTES, "bytes": _PIECE_BYTES}
_SHORT: Event = {"pieces": 2, "bytes": 64}
# For each of many streams, so that none has ended when the last begins.
_COLD_HOLD_SECONDS, _WARM_HOLD_SECONDS = 0.05, 0.01
_SPARE = 50
_LONG_TURNS = 5
_SLOW_SECONDS = 0.002  # between the pieces that a slow reader takes
_END = b"0\r\n\r\n"
_STAMP = re.compile(rb"at (\d+);")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request that is answered with a stream is sent."""

    port: int
    path: str = "/"
    host: str = "127.0.0.1"

    def request(self, event: Event) -> bytes:
        body = json.dumps(event).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def streaming(calls: int, at_once: int) -> Iterator[Figures | Skipped]:
    """The first piece beside the least program's; 20 MiB; so many streams at once."""
    runtime = newest_runtime("provided")
    if runtime is None or not Path("/usr/bin/python3").exists():
        yield Skipped(title="streams", reason="a custom runtime in Python needs /usr/bin/python3")
        return
    function = provided_stream(runtime)
    with ExitStack() as stack:
        bare = stack.enter_context(bare_loop(function, 1, program="benchmarks.bare_stream"))
        server = stack.enter_context(lambent_server(f"--stream-uncapped-mib={_LONG_MIB}"))
        server.deploy(function)
        server.prime(function)
        places = {
            "bare stream": Place(bare),
            "lambent, by Invoke": _invoke(server, function),
            "lambent, function URL": _url(server, function),
        }
        yield _memory(server, places["lambent, function URL"])
        yield _first_pieces(places, calls)
        yield _throughput(places)
    yield from _many(function, at_once)


def _invoke(server: Server, function: Function) -> Place:
    path = f"/2021-11-15/functions/{function.name}/response-streaming-invocations"
    return Place(server.port, path)


def _url(server: Server, function: Function) -> Place:
    """Its function URL, which anybody may ask."""
    created = server.client.create_function_url_config(
        FunctionName=function.name, AuthType="NONE", InvokeMode="RESPONSE_STREAM"
    )
    server.client.add_permission(
        FunctionName=function.name,
        StatementId="everybody",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    return Place(server.port, host=urlsplit(created["FunctionUrl"]).netloc)


# One stream


def _first_pieces(places: Mapping[str, Place], calls: int) -> Figures:
    with ExitStack() as stack:
        subjects = {
            name: partial(_first_piece_us, stack.enter_context(connected(place)), place)
            for name, place in places.items()
        }
        return Figures(
            title="first piece of a stream, from the function's write to its reader",
            unit="us",
            subjects=take_turns(subjects, calls, unmeasured=20),
        )


def _first_piece_us(connection: socket.socket, place: Place) -> float:
    connection.sendall(place.request(_SHORT))
    received = b""
    while True:
        received += connection.recv(_PIECE_BYTES)
        now = time.time_ns()
        if (written := _STAMP.search(received)) is not None:
            break
    while not received.endswith(_END):
        received = received[-len(_END) :] + connection.recv(_PIECE_BYTES)
    return (now - int(written[1])) / 1e3


def _throughput(places: Mapping[str, Place]) -> Figures:
    with ExitStack() as stack:
        subjects = {
            name: partial(_mib_per_second, stack.enter_context(connected(place)), place)
            for name, place in places.items()
        }
        return Figures(
            title=f"a stream of {_LONG_MIB} MiB",
            unit="MiB/s",
            subjects=take_turns(subjects, _LONG_TURNS),
        )


def _mib_per_second(connection: socket.socket, place: Place) -> float:
    started = time.perf_counter()
    _read_long(connection, place)
    return _LONG_MIB / (time.perf_counter() - started)


def _read_long(connection: socket.socket, place: Place, *, pause_seconds: float = 0) -> None:
    connection.sendall(place.request(_LONG))
    received, end = 0, b""
    while not end.endswith(_END):
        data = connection.recv(_PIECE_BYTES)
        received += len(data)
        end = (end + data)[-len(_END) :]
        if pause_seconds:
            time.sleep(pause_seconds)
    assert received > _LONG_MIB * MIB, f"only {received} bytes"


def _memory(server: Server, place: Place) -> Figures:
    """What the server has at most beyond what it had before the first of all these streams."""
    with connected(place) as connection:
        _first_piece_us(connection, place)
    before = reset_peak(server.pid)
    growth: dict[str, Rounds] = {"fast reader": [[]], "slow reader": [[]]}
    for _ in range(_LONG_TURNS):
        for name, pause_seconds in (("fast reader", 0.0), ("slow reader", _SLOW_SECONDS)):
            buffer = _PIECE_BYTES if pause_seconds else None
            with connected(place, receive_buffer=buffer) as connection:
                reset_peak(server.pid)
                _read_long(connection, place, pause_seconds=pause_seconds)
                growth[name][0].append(peak_mib(server.pid) - before)
    return Figures(
        title=f"memory of the server for a stream of {_LONG_MIB} MiB", unit="MiB", subjects=growth
    )


@contextlib.contextmanager
def connected(place: Place, *, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    with socket.socket() as connection:
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.connect(("127.0.0.1", place.port))
        yield connection


# Many streams


def _many(function: Function, count: int) -> Iterator[Figures]:
    with lambent_server(f"--max-environments={count + _SPARE}") as server:
        server.deploy(function)
        server.prime(function)
        place = _url(server, function)
        title = f"{count} streams, all open at once"
        before = reset_peak(server.pid)
        cold = asyncio.run(_open_many(place, count, _COLD_HOLD_SECONDS))
        warm = asyncio.run(_open_many(place, count, _WARM_HOLD_SECONDS))
        grown = (peak_mib(server.pid) - before) * 1024 / count
        yield Figures(
            title=f"{title}: from the request to the first piece",
            unit="ms",
            subjects={
                "in new environments": [[each.begun_ms for each in cold]],
                "in warm environments": [[each.begun_ms for each in warm]],
            },
        )
        yield Figures(
            title=f"{title}: first piece, from the function's write to its reader",
            unit="ms",
            subjects={"in warm environments": [[each.late_ms for each in warm]]},
            notes=(f"{grown:.0f} KiB of the server's memory for each, environment and all",),
        )


@dataclass(frozen=True, slots=True)
class First:
    """When the first piece of a stream was there."""

    begun_ms: float  # after the request
    late_ms: float  # after it was written


async def _open_many(place: Place, count: int, hold_seconds: float) -> list[First]:
    request = place.request(_SHORT | {"hold": hold_seconds * count})
    return await asyncio.gather(*(_open_one(place, request) for _ in range(count)))


async def _open_one(place: Place, request: bytes) -> First:
    reader, writer = await asyncio.open_connection("127.0.0.1", place.port)
    started = time.time_ns()
    writer.write(request)
    received = b""
    while (written := _STAMP.search(received)) is None:
        data = await reader.read(_PIECE_BYTES)
        if not data:
            raise SystemExit(f"a stream did not begin: {received.decode(errors='replace')}")
        received += data
    now = time.time_ns()
    await reader.readuntil(_END)
    writer.close()
    return First((now - started) / 1e6, (now - int(written[1])) / 1e6)
