"""A server for the behaviours of Lambda's runtimes, once for each way of starting them.

Whatever way an environment starts, a function must not be able to tell: the same tests run with
plain starts, the reference, and with the fast ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.functions import WHOLE_CPU, Deployed, deploy
from tests.support.programs import Program, program_files, require_runtime
from tests.support.server import RunningServer, running_server
from tests.support.stem_cells import stock
from tests.support.waiting import wait_logged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STARTS = {"plain": ("--fast-starts", "false"), "fast": ("--fast-starts", "true")}


@pytest.fixture(scope="package", params=list(STARTS))
def starts(request: pytest.FixtureRequest) -> str:
    """How execution environments start."""
    return str(request.param)


@pytest.fixture(scope="package")
def server(starts: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp(starts) / "data"
    with running_server(data, *STARTS[starts]) as running:
        yield running


@pytest.fixture
def function(server: RunningServer, starts: str) -> Iterator[Callable[..., Deployed]]:
    """Makes functions of any files, and deletes them after the test."""
    made: list[Deployed] = []

    def make(runtime: str, *arguments: Any, **settings: Any) -> Deployed:
        require_runtime(runtime)
        if starts == "fast" and not runtime.startswith("provided"):
            stock(server, runtime)
        options = {"handler": "main.handler", "Timeout": 20, **WHOLE_CPU, **settings}
        made.append(deploy(server, *arguments, runtime=runtime, **options))
        return made[-1]

    yield make
    for deployed in made:
        deployed.client.delete_function(FunctionName=deployed.name)


@pytest.fixture(scope="package")
def programs(server: RunningServer) -> dict[str, Program]:
    """The programs made so far, by runtime."""
    return {}


@pytest.fixture
def program(
    server: RunningServer, starts: str, runtime: str, programs: dict[str, Program]
) -> Program:
    """The function that does as it is told, on the test's runtime; one for all tests."""
    require_runtime(runtime)
    if runtime not in programs:
        if starts == "fast":
            stock(server, runtime)
        deployed = deploy(
            server,
            program_files(runtime),
            runtime=runtime,
            handler="main.handler",
            FunctionName=f"program-{runtime.replace('.', '-')}",
            Timeout=20,
            **WHOLE_CPU,
        )
        programs[runtime] = Program(runtime, deployed)
    return programs[runtime]


@pytest.fixture
def logged() -> Callable[[Program, str], list[str]]:
    """Waits until a log event of a program contains a text; gives all its messages so far."""
    return lambda program, text: wait_logged(program.deployed, text)
