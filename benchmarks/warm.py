"""Warm invocations beside the bare loop."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figures
from benchmarks.functions import python_echo
from benchmarks.processes import bare_loop, load
from benchmarks.server import lambent_server, path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.figures import Rounds
    from benchmarks.functions import Function
    from benchmarks.server import Server
    from lambent.execution_environment.runtimes.runtime import Runtime

CONNECTIONS = 16
FEW = 4
WARMING = 800


def warm(runtime: Runtime, rounds: int, requests: int) -> Iterator[Figures]:
    """One call after the other; many connections with four environments, and with as many."""
    function = python_echo(runtime)
    with ExitStack() as stack:
        few = stack.enter_context(bare_loop(function, FEW))
        many = stack.enter_context(bare_loop(function, CONNECTIONS))
        plain = stack.enter_context(lambent_server())
        limited = stack.enter_context(lambent_server("--max-environments", str(FEW)))
        for server in (plain, limited):
            server.deploy(function)
            server.prime(function)
        plan = Plan(function, rounds, requests, (plain, limited))
        bare = {"bare loop, 4 functions": few}
        yield from _compared(plan, Shape(1), bare | {"lambent": plain.port})
        # A call that finds all four at work is throttled by Lambent and waits in the bare loop: so
        # no more are sent than can be served, to neither.
        bounded = bare | {"lambent, 4 environments": limited.port}
        yield from _compared(plan, Shape(CONNECTIONS, at_once=FEW), bounded)
        more = bare | {"bare loop, 16 functions": many, "lambent, as many as it takes": plain.port}
        yield from _compared(plan, Shape(CONNECTIONS), more, references=2)


@dataclass(frozen=True, slots=True)
class Plan:
    function: Function
    rounds: int
    requests: int  # of each
    servers: tuple[Server, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    connections: int
    at_once: int | None = None

    @property
    def title(self) -> str:
        some = "1 connection" if self.connections == 1 else f"{self.connections} connections"
        return f"warm echo, {some}" + (f", {self.at_once} calls at a time" if self.at_once else "")


def _compared(
    plan: Plan, shape: Shape, ports: Mapping[str, int], references: int = 1
) -> Iterator[Figures]:
    _loads(plan, shape, ports, WARMING)
    for server in plan.servers:
        server.settle()
    rounds = [_loads(plan, shape, ports, plan.requests) for _ in range(plan.rounds)]
    times: dict[str, Rounds] = {name: [each[name]["times_us"] for each in rounds] for name in ports}
    rates: dict[str, Rounds] = {
        name: [[each[name]["per_second"]] for each in rounds] for name in ports
    }
    again = sum(run["retries"] for each in rounds for run in each.values())
    yield Figures(
        title=f"{shape.title}: each call",
        unit="us",
        subjects=times,
        references=references,
        notes=(f"{again} throttled calls were sent again",) if again else (),
    )
    yield Figures(title=f"{shape.title}: rate", unit="/s", subjects=rates, references=references)


def _loads(
    plan: Plan, shape: Shape, ports: Mapping[str, int], requests: int
) -> dict[str, dict[str, Any]]:
    """One round."""
    return {
        name: load(
            port,
            path(plan.function),
            connections=shape.connections,
            requests=requests,
            at_once=shape.at_once,
        )
        for name, port in ports.items()
    }
