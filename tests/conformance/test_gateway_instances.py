"""Clients, the gateway, RabbitMQ and `lambent rie`: all of it, and parts of it killed."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.support.emulator import running_emulator
from tests.support.gateway import running_gateway
from tests.support.packages import python_packages
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.emulator import RunningEmulator
    from tests.support.gateway import Gateway
    from tests.support.rabbitmq import Broker

_CALLS = 300
_TRIES = {"connection_attempts": 240, "retry_delay": 0.5}

_AIOBOTO3 = """
import asyncio, json, sys
import aioboto3

async def main(url):
    session = aioboto3.Session(
        aws_access_key_id="any", aws_secret_access_key="any", region_name="us-east-1"
    )
    async with session.client("lambda", endpoint_url=url) as client:
        async def echo(number):
            answered = await client.invoke(FunctionName="shared", Payload=json.dumps(number))
            assert "FunctionError" not in answered
            return json.loads(await answered["Payload"].read())

        for batch in range(5):
            numbers = list(range(batch * 20, batch * 20 + 20))
            assert await asyncio.gather(*map(echo, numbers)) == numbers

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def gateway(rabbitmq: Broker, tmp_path: Path) -> Iterator[Gateway]:
    with running_gateway(tmp_path / "gateway", rabbitmq.uri("guest:guest", **_TRIES)) as running:
        running.wait_connected()
        yield running


@pytest.fixture
def instances(rabbitmq: Broker, tmp_path: Path) -> Iterator[list[RunningEmulator]]:
    """Two of one function."""
    with _instance(rabbitmq, tmp_path / "one") as one, _instance(rabbitmq, tmp_path / "two") as two:
        rabbitmq.wait_consumers("shared", 2)
        yield [one, two]


def _instance(broker: Broker, place: Path) -> AbstractContextManager[RunningEmulator]:
    return running_emulator(
        place,
        "function.echo",
        AMQP_URI=broker.uri("guest:guest", **_TRIES),
        AWS_LAMBDA_FUNCTION_NAME="shared",
        PRINT_REPORTS="true",
    )


def _runs(instance: RunningEmulator) -> int:
    return instance.printed.count("END RequestId")


@pytest.mark.usefixtures("instances")
def test_aioboto3_invokes_in_batches(gateway: Gateway) -> None:
    packages = python_packages(f"3.{sys.version_info.minor}", "aioboto3==15.5.0")
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(packages)!r})\n{_AIOBOTO3}",
            gateway.url,
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_instances_share_calls_and_none_is_lost_with_one_of_them(
    gateway: Gateway, instances: list[RunningEmulator]
) -> None:
    one, two = instances
    client = gateway.client()

    def call(number: int) -> int:
        if number == _CALLS // 2:
            one.kill()
        return int(client.invoke(FunctionName="shared", Payload=str(number))["Payload"].read())

    with ThreadPoolExecutor(8) as callers:
        assert list(callers.map(call, range(_CALLS))) == list(range(_CALLS))

    # How even shares are, how busy the machine is decides: whoever is free gets the next call.
    assert _runs(one) > _CALLS // 20
    eventually(lambda: _runs(two) > _CALLS // 2 - _CALLS // 20, "reports of the other's calls")


@pytest.mark.usefixtures("instances")
def test_calls_go_on_through_the_brokers_restart(gateway: Gateway, rabbitmq: Broker) -> None:
    client = gateway.client()
    answered: list[int] = []
    is_over = threading.Event()

    def call(first: int) -> None:
        for number in itertools.count(first, 8):
            payload = client.invoke(FunctionName="shared", Payload=str(number))["Payload"]
            assert int(payload.read()) == number
            answered.append(number)
            if is_over.is_set():
                return

    with ThreadPoolExecutor(8) as callers:
        calling = [callers.submit(call, first) for first in range(8)]
        eventually(lambda: len(answered) > 30, "calls at work")
        rabbitmq.restart()
        before = len(answered)
        eventually(lambda: len(answered) > before + 30, "calls that go on", 60)
        is_over.set()
        for each in calling:
            each.result(60)
