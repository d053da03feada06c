"""A server for functions that do what they should not, and a function that must not notice."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.functions import WHOLE_CPU, Deployed, deploy
from tests.support.leftovers import Snapshot, settled, wait_back
from tests.support.server import RunningServer, ready_runtimes, running_server
from tests.support.stem_cells import stock

from lambent.sandbox import host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Runs the program it gets as its event; what that leaves in `result` is the answer.
ANYTHING = """
def handler(event, context):
    scope = {"context": context}
    exec(event, scope)
    return scope.get("result")
"""
SUM = "def handler(event, context):\n    return sum(event)\n"


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    missing = [each.detail for each in host.probe_essentials() if each.state == "missing"]
    if missing:
        pytest.skip(f"this host has no sandboxes: {missing}")
    # Functions of many clients at once, each allowed much more memory than it takes: more than the
    # machine has, which the host's budget would rightly refuse.
    data = tmp_path_factory.mktemp("hostile") / "data"
    # Nor are stem cells to be given up in the middle, which some tests do not use.
    with running_server(data, "--memory-mib", "1000000", "--idle-seconds", "3600") as running:
        yield running


@pytest.fixture(scope="package")
def at_rest(server: RunningServer) -> Snapshot:
    """What the server holds without any function, with the stem cells of what tests use in stock."""
    for runtime in ["python3.11", *ready_runtimes("nodejs")[:1]]:
        stock(server, runtime)
    return settled(server)


@pytest.fixture
def leftovers(server: RunningServer, at_rest: Snapshot) -> Iterator[None]:
    """Nothing is left of a test's functions once they are deleted."""
    yield
    wait_back(server, at_rest)


@pytest.fixture
def function(server: RunningServer, leftovers: None) -> Iterator[Callable[..., Deployed]]:
    """Makes functions, and deletes them after the test; then `leftovers` looks."""
    made: list[Deployed] = []

    def make(*arguments: Any, **settings: Any) -> Deployed:
        made.append(deploy(server, *arguments, **{**WHOLE_CPU, **settings}))
        return made[-1]

    yield make
    for deployed in made:
        deployed.client.delete_function(FunctionName=deployed.name)


@dataclass
class Bystander:
    """A function of somebody else's on the same server."""

    deployed: Deployed
    calls: int = 0

    def check(self) -> None:
        """It answers, and rightly; so does the server."""
        self.calls += 1
        assert self.deployed.call([self.calls, 1]) == self.calls + 1
        with urllib.request.urlopen(f"{self.deployed.server.url}/health") as answer:
            assert json.load(answer)["status"] == "ok"


@pytest.fixture
def bystander(function: Callable[..., Deployed]) -> Bystander:
    return Bystander(function(SUM, Timeout=60))


@pytest.fixture
def attack(bystander: Bystander) -> Iterator[Callable[..., Any]]:
    """Invokes a function while, and after, the bystander is called again and again.

    Gives the answer, its payload read: a result or a function error.
    """

    def run(deployed: Deployed, event: object = None) -> Any:
        with ThreadPoolExecutor() as threads:
            answer = threads.submit(deployed.invoke, event)
            bystander.check()
            while not answer.done():
                bystander.check()
            bystander.check()
        return answer.result() | {"Payload": json.loads(answer.result()["Payload"].read())}

    yield run
    bystander.check()


@pytest.fixture
def hostile(function: Callable[..., Deployed]) -> Callable[..., Deployed]:
    """A function that runs any program it is sent."""

    def make(**settings: Any) -> Deployed:
        return function(ANYTHING, **({"Timeout": 30} | settings))

    return make
