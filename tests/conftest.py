from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from tests.support.aws_cli import Terminal
from tests.support.functions import Deployed, deploy
from tests.support.rabbitmq import Broker, running_broker
from tests.support.scheduling import LoadFileOrDirectoryScheduling
from tests.support.server import RunningServer, running_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xdist.remote import Producer


# Dozens of servers and commands are started: without what Python keeps compiled, which some shells
# tell it not to, each start takes seconds.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("PYTHONPYCACHEPREFIX", str(Path(__file__).parents[1] / ".cache/bytecode"))

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("lambent", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lambent")


def pytest_collection() -> None:
    """Of what is collected nothing is garbage, and looking through it takes seconds."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_xdist_make_scheduler(
    config: pytest.Config, log: Producer
) -> LoadFileOrDirectoryScheduling:
    return LoadFileOrDirectoryScheduling(config, log)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One `lambent serve` for all tests that leave it as they found it."""
    with running_server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One RabbitMQ for all tests. It may be stopped, if it is started again."""
    with running_broker(tmp_path_factory.mktemp("rabbitmq")) as broker:
        yield broker


@pytest.fixture
def function(server: RunningServer) -> Iterator[Callable[..., Deployed]]:
    """Makes functions on the shared server, and deletes them after the test."""
    made: list[Deployed] = []

    def make(*arguments: Any, **settings: Any) -> Deployed:
        deployed = deploy(server, *arguments, **settings)
        made.append(deployed)
        return deployed

    yield make
    for deployed in made:
        deployed.client.delete_function(FunctionName=deployed.name)


@pytest.fixture
def terminal(server: RunningServer, tmp_path: Path) -> Terminal:
    """A shell with the AWS CLI, for tutorials."""
    return Terminal(server, tmp_path)
