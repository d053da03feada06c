"""Asynchronous invocations beside synchronous ones: accepting events, running them, starting."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from benchmarks.figures import Figures
from benchmarks.functions import python_echo
from benchmarks.processes import load
from benchmarks.server import lambent_server, path
from benchmarks.warm import CONNECTIONS, WARMING
from lambent.domain.asynchronous_event import AsynchronousEvent
from lambent.store.asynchronous_events import EventStore
from lambent.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.functions import Function
    from benchmarks.server import Server
    from lambent.execution_environment.runtimes.runtime import Runtime

_ACCOUNT, _REGION = "000000000000", "us-east-1"
_STORED_AT_ONCE = 5000
_TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:0a1b2c3d:0"
_LOOK_SECONDS = 0.25  # the server counts what waits each time
_ECHO: dict[str, object] = {"key": "value"}
_SLEEP: dict[str, object] = {"sleep": 5}
# Nobody runs it: events of a function that is not there yet stay until it is.
_LATER_MS = 24 * 60 * 60 * 1000


def asynchronous(runtime: Runtime, rounds: int, requests: int, waiting: int) -> Iterator[Figures]:
    """Accepting with an empty queue and with a long one; running; starting with a long queue."""
    function = python_echo(runtime)
    with tempfile.TemporaryDirectory() as short, tempfile.TemporaryDirectory() as long:
        asyncio.run(_fill(Path(long), "later", waiting, time.time_ns() // 10**6 + _LATER_MS))
        started: dict[str, list[list[float]]] = {}
        with ExitStack() as stack:
            servers = {}
            for name, directory in (("no events", short), (f"{waiting:,} events", long)):
                begun = time.perf_counter()
                servers[name] = stack.enter_context(lambent_server(data_dir=Path(directory)))
                started[f"with {name}"] = [[(time.perf_counter() - begun) * 1000]]
            yield Figures(title="start of the server", unit="ms", subjects=started)
            yield from _accepting(servers, function, rounds, requests)
        yield from _running(function, rounds, requests)


async def _fill(directory: Path, name: str, count: int, due_ms: int) -> None:
    """Events of a function, as if they had been accepted; the server does not run."""
    async with Database.open(directory / "lambent.sqlite3") as database:
        store = await EventStore.open(database)
        for first in range(0, count, _STORED_AT_ONCE):
            numbers = range(first, min(count, first + _STORED_AT_ONCE))
            await store.add([_event(store, name, due_ms) for _ in numbers])


def _event(store: EventStore, name: str, due_ms: int) -> AsynchronousEvent:
    return AsynchronousEvent(
        id=store.next_id(),
        account_id=_ACCOUNT,
        region=_REGION,
        name=name,
        qualifier=None,
        request_id=str(uuid4()),
        payload=b'{"hello": "world"}',
        trace_header=_TRACE,
        accepted_ms=due_ms,
        due_ms=due_ms,
    )


def _accepting(
    servers: dict[str, Server], function: Function, rounds: int, requests: int
) -> Iterator[Figures]:
    """While its one environment sleeps, and while it works at what is accepted."""
    for server in servers.values():
        server.deploy(function)
        server.prime(function)
    for title, event in (("a function that sleeps", _SLEEP), ("a function at work", _ECHO)):
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name, server in servers.items():
                _limit(server, function, 1)
                runs[name].append(_accept(server, function, requests, event))
                server.purge_events(function)
        yield from _accepted(title, runs)


def _accepted(title: str, runs: dict[str, list[dict[str, Any]]]) -> Iterator[Figures]:
    subjects = {f"with {name}": [run["times_us"] for run in all_] for name, all_ in runs.items()}
    rates = {f"with {name}": [[run["per_second"]] for run in all_] for name, all_ in runs.items()}
    title = f"events of {title}, {CONNECTIONS} connections"
    yield Figures(title=f"{title}: each", unit="us", subjects=subjects)
    yield Figures(title=f"{title}: rate", unit="/s", subjects=rates)


def _accept(
    server: Server, function: Function, requests: int, event: dict[str, object]
) -> dict[str, Any]:
    return load(
        server.port,
        path(function),
        connections=CONNECTIONS,
        requests=requests,
        event=event,
        is_queued=True,
    )


def _running(function: Function, rounds: int, requests: int) -> Iterator[Figures]:
    """Events that wait for a function beside calls that wait for their answers."""
    calls, events = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as directory:
            with lambent_server(data_dir=Path(directory)) as server:
                server.deploy(function)
                server.prime(function)
                load(server.port, path(function), connections=CONNECTIONS, requests=WARMING)
                called = load(
                    server.port, path(function), connections=CONNECTIONS, requests=requests
                )
                calls.append([called["per_second"]])
                _limit(server, function, CONNECTIONS)
            count = requests + WARMING
            asyncio.run(_fill(Path(directory), function.name, count, time.time_ns() // 10**6))
            with lambent_server(data_dir=Path(directory)) as server:
                events.append([_drain(server, function, requests)])
    yield Figures(
        title=f"echo, {CONNECTIONS} environments: rate",
        unit="/s",
        subjects={"calls, which wait for their answers": calls, "events": events},
    )


def _drain(server: Server, function: Function, measured: int) -> float:
    """Events in a second, once all environments are there."""
    while (waiting := server.waiting_events(function)) > measured:
        time.sleep(_LOOK_SECONDS)
    begun = time.perf_counter()
    while server.waiting_events(function):
        time.sleep(_LOOK_SECONDS)
    return waiting / (time.perf_counter() - begun)


def _limit(server: Server, function: Function, executions: int) -> None:
    server.client.put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=executions
    )
