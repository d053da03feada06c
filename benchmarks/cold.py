"""Cold starts, one at a time and a hundred at once, beside plain spawns and `runc run`.

What is compared with ends when the runtime asks for its first invocation; a call to Lambent is
timed from the request to the answer, with all that is between.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from benchmarks.figures import Figures, Skipped, take_turns
from benchmarks.functions import (
    nodejs_echo,
    provided_echo,
    python_boto3,
    python_echo,
    python_snap_start,
)
from benchmarks.processes import (
    load,
    newest_runtime,
    plain_spawns,
    runc_spawns,
    until_next,
    why_not_runc,
)
from benchmarks.server import lambent_server, path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.functions import Function
    from benchmarks.server import Server
    from lambent.execution_environment.runtimes.runtime import Runtime

FAST = "lambent, fast starts"
ON_DEMAND = "lambent, no fast starts"
_SPAWNED = "plain spawn until `next`"
_CONTAINED = "runc run until `next`"
_BURST = 100
# Every environment of the burst is kept busy until the last has started, or one would do for many.
_BUSY_SECONDS = 6


def cold(python: Runtime, starts: int) -> Iterator[Figures | Skipped]:
    """One cold start after the other, of each kind of function."""
    functions = [python_echo(python), python_boto3(python), python_snap_start(python)]
    nodejs, provided = newest_runtime("nodejs"), newest_runtime("provided")
    if nodejs is not None:
        functions.append(nodejs_echo(nodejs))
    if provided is not None:
        functions.append(provided_echo(provided))
    with lambent_server() as fast, lambent_server(has_fast_starts=False) as on_demand:
        for function in functions:
            yield _cold(function, {FAST: fast, ON_DEMAND: on_demand}, starts)
    if nodejs is None:
        yield Skipped(title=_title("Node.js"), reason="no runtime for it is installed")


def _title(what: str) -> str:
    return f"cold start, {what}"


def _cold(function: Function, servers: dict[str, Server], starts: int) -> Figures | Skipped:
    title = _title(function.title)
    try:
        for server in servers.values():
            server.deploy(function)
            server.prime(function)
    except ClientError as error:
        return Skipped(title=title, reason=str(error))
    with ExitStack() as stack:
        subjects = _without_lambent(function, stack, 1)
        for name, server in servers.items():
            subjects[name] = partial(_cold_call, server, function)
        measured = take_turns(subjects, starts)
    for server in servers.values():
        server.remove(function)
    return Figures(
        title=title, unit="ms", subjects=measured, references=_references(), notes=_notes()
    )


def _without_lambent(
    function: Function, stack: ExitStack, count: int
) -> dict[str, Callable[[], float]]:
    spawns = {_SPAWNED: plain_spawns}
    if why_not_runc() is None:
        spawns[_CONTAINED] = runc_spawns
    return {
        name: partial(until_next, stack.enter_context(kind(function)), count)
        for name, kind in spawns.items()
    }


def _references() -> int:
    return 1 if why_not_runc() else 2


def _notes() -> tuple[str, ...]:
    reason = why_not_runc()
    return (reason,) if reason else ()


def _cold_call(server: Server, function: Function) -> float:
    version = _fresh(server, function)
    server.settle()
    elapsed = server.call(function, version)
    if version is not None:
        server.client.delete_function(FunctionName=function.name, Qualifier=version)
    return elapsed


def _fresh(server: Server, function: Function) -> str | None:
    """See that the function's next call needs a new environment; its version, if published."""
    if function.is_snap_start:
        return server.publish(function)
    server.renew(function)
    return None


def bursts(python: Runtime, count: int) -> Iterator[Figures]:
    """A hundred calls at once to a function that has no environment."""
    function = python_echo(python)
    with ExitStack() as stack:
        fast = stack.enter_context(lambent_server())
        on_demand = stack.enter_context(lambent_server(has_fast_starts=False))
        servers = {FAST: fast, ON_DEMAND: on_demand}
        for server in servers.values():
            server.deploy(function)
            server.prime(function)
        yield Figures(
            title=f"{_BURST} calls at once, {function.title}: until all are answered",
            unit="ms",
            subjects=take_turns(_answers(function, servers), count, unmeasured=0),
        )
        environments: list[int] = []
        subjects = _without_lambent(function, stack, _BURST)
        for name, server in servers.items():
            subjects[name] = partial(_burst_of_environments, server, function, environments)
        measured = take_turns(subjects, count, unmeasured=0)
        yield Figures(
            title=f"{_BURST} cold environments at once, {function.title}: until all have started",
            unit="ms",
            subjects=measured,
            references=_references(),
            notes=(f"{min(environments)} to {max(environments)} environments", *_notes()),
        )


def _answers(function: Function, servers: dict[str, Server]) -> dict[str, Callable[[], float]]:
    return {name: partial(_burst, server, function) for name, server in servers.items()}


def _burst(server: Server, function: Function, busy_seconds: float = 0) -> float:
    """Milliseconds until a hundred cold calls were answered that took `busy_seconds` each."""
    server.renew(function)
    server.wait(lambda environments: not environments)  # the last burst's are not its business
    server.settle()
    run = load(
        server.port,
        path(function),
        connections=_BURST,
        requests=_BURST,
        event={"sleep": busy_seconds},
    )
    elapsed: float = run["seconds"]
    return (elapsed - busy_seconds) * 1000


def _burst_of_environments(server: Server, function: Function, environments: list[int]) -> float:
    """Notes in `environments` how many there were."""
    elapsed = _burst(server, function, _BUSY_SECONDS)
    environments.append(len(server.environments()))
    return elapsed
