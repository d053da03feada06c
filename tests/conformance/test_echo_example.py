"""examples/echo as its page says: a function of one line, and a runtime for it in bash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.aws_cli import find_aws_cli
from tests.support.emulator import running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.emulator import RunningEmulator

ECHO = Path(__file__).parents[2] / "examples/echo"


@pytest.fixture(scope="module")
def echo(tmp_path_factory) -> Iterator[RunningEmulator]:
    """LAMBDA_TASK_ROOT=. lambent rie ./bootstrap function.handler"""
    with running_emulator(
        tmp_path_factory.mktemp("echo"),
        ["./bootstrap", "function.handler"],
        directory=ECHO,
        LAMBDA_TASK_ROOT=".",
    ) as emulator:
        yield emulator


@pytest.mark.parametrize("name", ["function", "echo-lambda"])
@pytest.mark.parametrize(
    "data", ['{"key": "value"}', '"hello"', "hello", '{"a": "*  \\\\n\\u2603"}']
)
def test_curl_gets_what_it_sent(echo, name, data):
    url = f"{echo.url}/2015-03-31/functions/{name}/invocations"

    answer = subprocess.run(["curl", "-sS", "-XPOST", url, "-d", data], capture_output=True)

    assert answer.stdout.decode() == data


def test_the_aws_cli_prints_the_answer_to_stderr(echo, tmp_path):
    aws = find_aws_cli()
    if aws is None:
        pytest.skip("the AWS CLI, version 2, is not installed")
    command = (
        '"$AWS" lambda invoke --endpoint-url "$URL" --function-name echo-lambda '
        "--cli-binary-format raw-in-base64-out "
        """--payload '{ "key": "value" }' /dev/stderr 1>/dev/null"""
    )
    variables = {
        "AWS": aws,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "URL": echo.url,
    }

    done = subprocess.run(["bash", "-c", command], env=variables, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == '{ "key": "value" }'


def test_its_boto3_client_gets_what_it_sent(echo):
    client = ECHO / "clients/boto3_client.py"

    done = subprocess.run(
        [sys.executable, client, echo.url], capture_output=True, text=True, check=True
    )

    *answers, rate = done.stdout.splitlines()
    assert [list(json.loads(answer)) for answer in answers] == [["Hello"]] * 10
    assert len(set(answers)) == 10
    assert rate.endswith("calls a second")


@pytest.fixture(scope="module")
def behind_a_broker(rabbitmq, tmp_path_factory) -> Iterator[None]:
    with running_emulator(
        tmp_path_factory.mktemp("behind"),
        ["./bootstrap", "function.handler"],
        directory=ECHO,
        LAMBDA_TASK_ROOT=".",
        MAX_CONCURRENCY="2",
        AWS_LAMBDA_FUNCTION_NAME="echo-lambda",
        AMQP_URI=rabbitmq.uri(),
    ) as emulator:
        emulator.wait_said("requests of the queue echo-lambda are taken")
        yield


@pytest.mark.usefixtures("behind_a_broker")
@pytest.mark.parametrize(("client", "count"), [("aio_pika_client.py", 100), ("pika_client.py", 10)])
def test_its_clients_of_a_broker_get_what_they_sent(rabbitmq, client, count):
    done = subprocess.run(
        [sys.executable, ECHO / "clients" / client, rabbitmq.uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len({answer["Hello"] for answer in answers}) == len(answers) == count
