"""Environments that do nothing: their memory, and what the next call to them costs."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.cold import FAST, ON_DEMAND
from benchmarks.figures import Figures, take_turns
from benchmarks.functions import python_echo
from benchmarks.memory import proportional_mib, used_mib
from benchmarks.processes import load, plain_spawns, waiting_for_next
from benchmarks.server import lambent_server, path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.functions import Function
    from benchmarks.server import Server
    from lambent.execution_environment.runtimes.runtime import Runtime

_PLAIN_SPAWNS = 10
# Environments of one function, started at once; each is busy until the last has started.
_BATCH = 50
_BUSY_SECONDS = 5
_SPARE = 100
_FREEZE_AFTER_SECONDS = 0.02


# Memory


@dataclass(frozen=True, slots=True)
class Memory:
    """In MiB, of some environments."""

    environments: int
    below_server: float  # what all the server's processes have, proportionally
    server: float
    machine: float  # with what the kernel has for them

    def each_since(self, before: Memory) -> Memory:
        """What one environment takes, of those that have come."""
        come = self.environments - before.environments
        return Memory(
            come,
            (self.below_server - before.below_server) / come,
            (self.server - before.server) / come,
            (self.machine - before.machine) / come,
        )


def memory(python: Runtime, environments: int) -> Iterator[Figures]:
    """Of so many idle environments, what one more takes."""
    function = python_echo(python)
    each = {
        FAST: _of_environment(function, environments, has_fast_starts=True),
        ON_DEMAND: _of_environment(function, environments, has_fast_starts=False),
    }
    spawned = {"plain spawn": [[_of_plain_spawn(function)]]}
    title = f"memory of an idle environment, {function.title}"
    yield Figures(
        title=f"{title}: processes, proportionally",
        unit="MiB",
        subjects=spawned | {name: [[one.below_server]] for name, one in each.items()},
    )
    yield Figures(
        title=f"{title}: the server itself",
        unit="MiB",
        subjects={name: [[one.server]] for name, one in each.items()},
    )
    yield Figures(
        title=f"{title}: the whole machine",
        unit="MiB",
        subjects={name: [[one.machine]] for name, one in each.items()},
        notes=tuple(
            f"{name}: {one.environments} environments, {one.machine * one.environments:,.0f} MiB"
            for name, one in each.items()
        ),
    )


def _of_plain_spawn(function: Function) -> float:
    _, before = proportional_mib(os.getpid())
    with plain_spawns(function) as start, waiting_for_next(start, _PLAIN_SPAWNS):
        _, after = proportional_mib(os.getpid())
    return (after - before) / _PLAIN_SPAWNS


def _of_environment(function: Function, environments: int, *, has_fast_starts: bool) -> Memory:
    """What each of so many takes beside the first, with which much comes that all share."""
    most = str(environments + _SPARE)
    options = ("--max-environments", most, "--concurrency", most, "--idle-seconds", "3600")
    with lambent_server(*options, has_fast_starts=has_fast_starts) as server:
        server.deploy(function)
        server.prime(function)
        before = _look(server)
        for number in range(0, environments, _BATCH):
            some = replace(function, name=f"idle-{number}")
            server.deploy(some)
            count = min(_BATCH, environments - number)
            event: dict[str, object] = {"sleep": _BUSY_SECONDS}
            load(server.port, path(some), connections=count, requests=count, event=event)
        return _look(server).each_since(before)


def _look(server: Server) -> Memory:
    server.settle()
    server.wait(lambda environments: all(each["state"] == "frozen" for each in environments))
    own, below = proportional_mib(server.pid)
    return Memory(len(server.environments()), below, own, used_mib())


# Calls


def frozen(python: Runtime, calls: int) -> Iterator[Figures]:
    """A call to an environment that stands still, and to one that was as idle but does not."""
    function = python_echo(python)
    with (
        lambent_server("--freeze-after-seconds", str(_FREEZE_AFTER_SECONDS)) as freezing,
        lambent_server("--freeze-after-seconds", "3600") as running,
    ):
        for server in (freezing, running):
            server.deploy(function)
            server.prime(function)
        subjects = {
            "idle": partial(_idle_call, running, function, "ready"),
            "frozen": partial(_idle_call, freezing, function, "frozen"),
        }
        yield Figures(
            title="call to an environment that was left alone",
            unit="us",
            subjects=take_turns(subjects, calls),
        )


def _idle_call(server: Server, function: Function, state: str) -> float:
    time.sleep(2 * _FREEZE_AFTER_SECONDS)
    server.wait(lambda environments: all(each["state"] == state for each in environments))
    return server.call(function) * 1000


def provisioned(python: Runtime, calls: int) -> Iterator[Figures]:
    """The first call to a version, with and without provisioned concurrency, and a warm one."""
    function = python_echo(python)
    with ExitStack() as stack:
        server = stack.enter_context(lambent_server())
        server.deploy(function)
        server.prime(function)
        subjects = {
            "warm": partial(_second, server, function),
            "first, provisioned": partial(_first_provisioned, server, function),
            "first, on demand": partial(_first_on_demand, server, function),
        }
        yield Figures(
            title=f"call to a published version, {function.title}",
            unit="ms",
            subjects=take_turns(subjects, calls),
        )


def _second(server: Server, function: Function) -> float:
    server.call(function)  # published since it was called last, it may need a new environment
    return server.call(function)


def _first_provisioned(server: Server, function: Function) -> float:
    version = server.publish(function)
    server.provision(function, version)
    server.settle()
    elapsed = server.call(function, version)
    server.client.delete_provisioned_concurrency_config(
        FunctionName=function.name, Qualifier=version
    )
    return elapsed


def _first_on_demand(server: Server, function: Function) -> float:
    version = server.publish(function)
    server.settle()
    return server.call(function, version)
