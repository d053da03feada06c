"""What `lambent rie` says of its broker when it starts, and when the broker goes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.emulator import python_command, running_emulator, starting_emulator

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.rabbitmq import Broker

_LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z \[[A-Z]+\] \(lambent\) ")


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"AWS_LAMBDA_FUNCTION_NAME": "amq.mine"}, "'amq.mine'.* the broker's own"),
        ({"AWS_LAMBDA_FUNCTION_NAME": "x" * 256}, "longer than its queue's may be"),
        ({"AMQP_URI": "amqp://me:Secret/1@127.0.0.1/"}, "write %2F for '/'"),
    ],
)
def test_does_not_start_with_what_no_broker_can_take(
    tmp_path: Path, variables: dict[str, str], complaint: str
) -> None:
    command = python_command("told.handler")
    told: dict[str, Any] = {"AMQP_URI": "amqp://127.0.0.1:1/"} | variables
    with starting_emulator(tmp_path, command, **told) as running:
        assert running.wait() == 1
        assert re.fullmatch(f"Error: .*{complaint}.*\n", running.said)
    assert "Secret" not in running.said


def test_ends_at_once_where_its_password_is_refused(rabbitmq: Broker, tmp_path: Path) -> None:
    command = python_command("told.handler")
    uri = rabbitmq.uri("guest:Secret")
    with starting_emulator(tmp_path, command, AMQP_URI=uri) as running:
        assert running.wait() == 1
        last = running.said.splitlines()[-1]
    assert last.startswith(f"Error: The broker refuses amqp://guest@127.0.0.1:{rabbitmq.port}/: ")
    assert "Secret" not in running.said
    assert "Traceback" not in running.said


def test_warns_of_a_parameter_that_is_misspelt(rabbitmq: Broker, tmp_path: Path) -> None:
    uri = rabbitmq.uri(conection_attempts=3)
    with running_emulator(tmp_path, "told.handler", AMQP_URI=uri) as running:
        (warning,) = [line for line in running.said.splitlines() if "conection_attempts" in line]
        assert "[WARNING]" in warning
        assert warning.endswith("has no effect; connection_attempts is")


def test_a_broker_that_is_started_again_is_a_line_each_in_the_log(
    rabbitmq: Broker, tmp_path: Path
) -> None:
    uri = rabbitmq.uri(connection_attempts=0, retry_delay=0.5)
    with (
        running_emulator(tmp_path, "told.handler", AMQP_URI=uri) as running,
        rabbitmq.started_again(),
    ):
        rabbitmq.wait_consumers("told")
        rabbitmq.stop()
        running.wait_said("no connection (attempt 2)")
        rabbitmq.start()
        rabbitmq.wait_consumers("told")
        lines = running.said.splitlines()
    assert [line for line in lines if not _LINE.match(line)] == []
    assert sum("the connection is lost: CONNECTION_FORCED" in line for line in lines) == 1
    attempts = [line for line in lines if "no connection" in line]
    assert len(attempts) == len({line.partition("attempt")[2].split(")")[0] for line in attempts})
    assert not [line for line in lines if "[ERROR]" in line]
