"""docs/how-to/gateway.md's "Try it", typed in as it is printed; only ports are others."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.aws_cli import find_aws_cli
from tests.support.emulator import emulator_environment
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.rabbitmq import Broker

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/how-to/gateway.md"
_LISTENING = "Invoke API listening on "


def _commands() -> list[str]:
    """What is typed into one shell each."""
    _, _, rest = GUIDE.read_text().partition("## Try it\n")
    return re.findall(r"```sh\n(.*?)```", rest.partition("\n## ")[0], re.DOTALL)


@contextlib.contextmanager
def _shell(commands: str, broker: Broker, log: Path) -> Iterator[None]:
    commands = re.sub(r"PORT=\d+", "PORT=0", commands)
    commands = commands.replace("amqp://localhost", broker.uri(""))
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["bash", "-c", commands],
            cwd=ROOT,
            env=emulator_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait(60)


def test_functions_are_called_by_their_names(rabbitmq: Broker, tmp_path: Path) -> None:
    echo, mirror, gateway, curl, aws_cli = _commands()
    log = tmp_path / "gateway"
    with (
        _shell(echo, rabbitmq, tmp_path / "echo"),
        _shell(mirror, rabbitmq, tmp_path / "mirror"),
        _shell(gateway, rabbitmq, log),
    ):
        eventually(lambda: _LISTENING in log.read_text(), log.read_text, 60)
        url = log.read_text().partition(_LISTENING)[2].split()[0]
        for function in ("echo", "mirror"):
            rabbitmq.wait_consumers(function)

        def run(commands: str) -> str:
            return subprocess.run(
                ["bash", "-c", commands.replace("http://localhost:8080", url)],
                env=os.environ | {"AWS": find_aws_cli() or ""},
                capture_output=True,
                check=True,
                text=True,
            ).stdout

        assert run(curl) == '{"key": "value"}"hello"'
        if find_aws_cli() is None:
            pytest.skip("the AWS CLI, version 2, is not installed")
        said = run('aws() { "$AWS" "$@"; }\n' + aws_cli)
        answer, rest = json.JSONDecoder().raw_decode(said)
        assert answer == {"key": "value"}
        assert '"StatusCode": 200' in said[rest:]
