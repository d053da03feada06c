from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from tests.support.rpc_client import RpcClient, rpc_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.rabbitmq import Broker

_numbers = itertools.count()


@pytest.fixture
def queue() -> str:
    """A name that no other test has."""
    return f"function-{next(_numbers)}"


@pytest.fixture
def client(rabbitmq: Broker) -> Iterator[RpcClient]:
    with rpc_client(rabbitmq.uri()) as opened:
        yield opened
