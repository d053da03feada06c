"""A real `lambent rie` for tests, and its callers."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from tests.support.server import LAMBENT
from tests.support.waiting import eventually

from lambent.server.settings import data_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FUNCTIONS = Path(__file__).with_name("emulator_functions")
PYTHON = str(Path(sys.executable).resolve())  # without the packages of our own environment
_START_SECONDS = 60
_STOP_SECONDS = 45
_LISTENING = "Invoke API listening on "


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a caller gets over plain HTTP."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def function_error(self) -> str | None:
        return self.headers.get("x-amz-function-error")


@dataclass(kw_only=True)
class RunningEmulator:
    url: str
    process: subprocess.Popen[bytes]
    log: Path  # its own words
    output: Path  # the function's, and its reports
    clients: list[Any] = field(default_factory=list)

    def invoke(
        self,
        event: Any = None,
        *,
        name: str = "function",
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """Invoke by plain HTTP; of a header's name, `_` stands for `-`."""
        path = f"/2015-03-31/functions/{name}/invocations"
        sent = json.dumps(event).encode() if body is None else body
        return self.request("POST", path, sent, **headers)

    def request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        where = urlsplit(self.url)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=60)
        with contextlib.closing(connection):
            named = {header.replace("_", "-"): value for header, value in headers.items()}
            connection.request(method, path, body=body, headers=named)
            response = connection.getresponse()
            return Answer(
                status=response.status,
                headers={name.lower(): value for name, value in response.getheaders()},
                body=response.read(),
            )

    def client(self) -> Any:
        """boto3's, for Lambda; it tries everything once."""
        if not self.clients:
            self.clients.append(
                boto3.client(
                    "lambda",
                    endpoint_url=self.url,
                    region_name="us-east-1",
                    aws_access_key_id="test",
                    aws_secret_access_key="test",
                    config=Config(
                        retries={"total_max_attempts": 1},
                        read_timeout=60,
                        max_pool_connections=32,
                    ),
                )
            )
        return self.clients[0]

    @property
    def said(self) -> str:
        """What it has logged so far."""
        return self.log.read_text()

    @property
    def printed(self) -> str:
        """What the function has printed so far, and what was reported about it."""
        return self.output.read_text()

    def wait_printed(self, text: str) -> str:
        eventually(lambda: text in self.printed, f"{text!r} on stdout")
        return self.printed

    def wait_said(self, text: str) -> str:
        eventually(lambda: text in self.said, f"{text!r} in the log")
        return self.said

    def wait_at_work(self, count: int = 1) -> None:
        """Until so many calls are at work or wait for an instance."""
        eventually(
            lambda: self.request("GET", "/health").json["calls"] == count, f"{count} calls at work"
        )

    def children(self) -> list[int]:
        """The processes it has started, and not buried."""
        return children_of(self.process.pid)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(timeout=_STOP_SECONDS)

    def stop(self) -> int:
        """Its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@cache
def runtime_client() -> Path:
    """AWS's Python client, for the Python that runs the tests; skipped where it is not installed."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = sorted((data_home() / "runtimes" / version).glob("v*/client"))
    if not found:
        pytest.skip(f"AWS's client is not installed: lambent runtime install {version}")
    return found[-1]


def python_command(handler: str) -> tuple[str, ...]:
    """What starts a Python function; to be given to `lambent rie`."""
    return ("env", f"PYTHONPATH={runtime_client()}", PYTHON, "-m", "awslambdaric", handler)


def copy_functions(directory: Path) -> Path:
    """A directory with the module `function`, for who changes it or adds to it."""
    shutil.copytree(FUNCTIONS, directory, dirs_exist_ok=True)
    return directory


def emulator_environment(**variables: str) -> dict[str, str]:
    """Nothing of this shell's but what programs need; free ports."""
    kept = ("PATH", "HOME", "XDG_DATA_HOME", "PYTHONPYCACHEPREFIX")
    inherited = {name: os.environ[name] for name in kept if name in os.environ}
    return {
        **inherited,
        "INVOKE_API_HOST": "127.0.0.1",
        "PORT": "0",
        "RUNTIME_API_PORT": "0",
        **variables,
    }


@contextlib.contextmanager
def starting_emulator(
    place: Path,
    command: Sequence[str],
    *,
    directory: Path = FUNCTIONS,
    through: Sequence[str] = (),
    program: Sequence[str] = (LAMBENT, "rie"),
    **variables: str,
) -> Iterator[RunningEmulator]:
    """`lambent rie COMMAND` in `directory`, which need not come to listen; its logs are in `place`.

    `through` is a command that becomes the one given after it, or that runs it.
    """
    place.mkdir(parents=True, exist_ok=True)
    log, output = place / "log", place / "output"
    with log.open("wb") as stderr, output.open("wb") as stdout:
        process = subprocess.Popen(
            [*through, *program, *command],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=emulator_environment(**variables),
        )
    try:
        yield RunningEmulator(url="", process=process, log=log, output=output)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextlib.contextmanager
def running_emulator(
    place: Path,
    command: Sequence[str] | str,
    *,
    directory: Path = FUNCTIONS,
    through: Sequence[str] = (),
    program: Sequence[str] = (LAMBENT, "rie"),
    **variables: str,
) -> Iterator[RunningEmulator]:
    """The same, once it listens. Of a Python function the handler is enough: `function.echo`."""
    argv = python_command(command) if isinstance(command, str) else command
    with starting_emulator(
        place, argv, directory=directory, through=through, program=program, **variables
    ) as emulator:
        eventually(
            lambda: _LISTENING in emulator.said or emulator.process.poll() is not None,
            "the emulator to listen",
            _START_SECONDS,
        )
        _, is_there, rest = emulator.said.partition(_LISTENING)
        assert is_there, f"the emulator did not start:\n{emulator.said}"
        emulator.url = rest.split()[0].rstrip('",}')
        yield emulator


def lives(pid: int) -> bool:
    """Whether there is such a process; one that has ended and is not buried is one."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def children_of(pid: int) -> list[int]:
    """The processes whose parent it is, those that have ended and are not buried too."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, task.read_text().split())
    return found
