"""What it takes to read of many functions, beside the same of the few that one page holds."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from benchmarks.figures import Figures, take_turns
from benchmarks.functions import python_echo
from benchmarks.server import lambent_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.functions import Function
    from benchmarks.server import Server
    from lambent.execution_environment.runtimes.runtime import Runtime

_FUNCTIONS = "/2015-03-31/functions"
_PAGE = 50  # functions, which is the most that ListFunctions answers at once
_CREATORS = 16
_SEED = 1


def control_plane(python: Runtime, functions: int, calls: int) -> Iterator[Figures]:
    """GetFunction and a page of ListFunctions, of functions and of pages taken at random."""
    with ExitStack() as stack:
        few = _filled(stack, python, _PAGE)
        many = _filled(stack, python, functions)
        readers = {f"of {each.functions:,} functions": each for each in (few, many)}
        yield Figures(
            title="GetFunction",
            unit="ms",
            subjects=take_turns({name: each.read_one for name, each in readers.items()}, calls),
        )
        yield Figures(
            title=f"ListFunctions, a page of {_PAGE}",
            unit="ms",
            subjects=take_turns({name: each.read_page for name, each in readers.items()}, calls),
        )


@dataclass(frozen=True, slots=True)
class Reader:
    """One caller of a server that has so many functions."""

    connection: http.client.HTTPConnection
    functions: int
    markers: tuple[str | None, ...]  # of every page
    chance: random.Random

    def read_one(self) -> float:
        """Milliseconds that GetFunction takes."""
        number = self.chance.randrange(self.functions)
        elapsed, _ = _answer(self.connection, "GET", f"{_FUNCTIONS}/{_name(number)}")
        return elapsed

    def read_page(self) -> float:
        """Milliseconds that ListFunctions takes."""
        elapsed, _ = _answer(self.connection, "GET", _page(self.chance.choice(self.markers)))
        return elapsed


def _filled(stack: ExitStack, python: Runtime, functions: int) -> Reader:
    server = stack.enter_context(lambent_server())
    _create(server, python_echo(python), functions)
    connection = stack.enter_context(_connection(server))
    return Reader(connection, functions, tuple(_markers(connection)), random.Random(_SEED))


def _create(server: Server, function: Function, count: int) -> None:
    """So many of them, and wait until every one is there to be called."""
    with ThreadPoolExecutor(_CREATORS) as creators:
        created = creators.map(
            partial(_create_some, server, _request(function)),
            (range(first, count, _CREATORS) for first in range(_CREATORS)),
        )
        for _ in created:  # raises what they raised
            pass
    # They become active in the order in which they came, more or less.
    waiter = server.client.get_waiter("function_active_v2")
    for number in range(max(0, count - _PAGE), count):
        waiter.wait(FunctionName=_name(number), WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})


def _request(function: Function) -> dict[str, Any]:
    return {
        "Runtime": function.runtime.identifier,
        "Handler": function.handler,
        "Role": "arn:aws:iam::000000000000:role/benchmark",
        "Code": {"ZipFile": base64.b64encode(function.archive()).decode()},
    }


def _create_some(server: Server, request: dict[str, Any], numbers: range) -> None:
    with _connection(server) as connection:
        for number in numbers:
            body = json.dumps(request | {"FunctionName": _name(number)})
            _answer(connection, "POST", _FUNCTIONS, body)


def _markers(connection: http.client.HTTPConnection) -> Iterator[str | None]:
    marker = None
    while True:
        yield marker
        _, page = _answer(connection, "GET", _page(marker))
        marker = page.get("NextMarker")
        if marker is None:
            return


def _name(number: int) -> str:
    return f"function-{number:06}"


def _page(marker: str | None) -> str:
    query = {"MaxItems": _PAGE} if marker is None else {"MaxItems": _PAGE, "Marker": marker}
    return f"{_FUNCTIONS}/?{urlencode(query)}"


@contextlib.contextmanager
def _connection(server: Server) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    with contextlib.closing(connection):
        yield connection


def _answer(
    connection: http.client.HTTPConnection, method: str, resource: str, body: str | None = None
) -> tuple[float, dict[str, Any]]:
    """Milliseconds until the answer had come, and what it says."""
    started = perf_counter()
    connection.request(method, resource, body)
    answer = connection.getresponse()
    content = answer.read()
    elapsed = perf_counter() - started
    if answer.status >= http.client.BAD_REQUEST:
        raise SystemExit(f"{method} {resource}: {answer.status} {content.decode()}")
    return elapsed * 1000, json.loads(content)
