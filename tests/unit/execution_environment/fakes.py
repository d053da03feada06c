"""What an environment is made from, without sandboxes and logs."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.versions import function_version
from tests.unit.execution_environment.fake_sandboxes import FakeIsolation, Script

from lambent.aws.credentials import Credentials, IssuedCredentials
from lambent.execution_environment.apis.streamed_response import StreamLimits
from lambent.execution_environment.aws_access import AwsAccess
from lambent.execution_environment.prepared_sandbox import SandboxesOnDemand
from lambent.execution_environment.runtime_process import Parts
from lambent.execution_environment.runtimes.runtime import Runtime

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from lambent.domain.function import FunctionVersion

RUNTIME = Runtime(
    identifier="provided.al2023",
    family="provided",
    release="al2023",
    operating_system="Amazon Linux 2023",
)
FREEZE_AFTER_SECONDS = 5.0
STREAM_LIMITS = StreamLimits(
    limit_bytes=1_000_000, uncapped_bytes=500_000, bytes_per_second=100_000_000
)
VERSION = function_version(runtime="provided.al2023")


class FakeLogStream:
    """Keeps events, and is congested when the test says so."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.events: list[tuple[int, str]] = []
        self.unwanted: frozenset[str] = frozenset()
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def messages(self) -> list[str]:
        return [message for _, message in self.events]

    @property
    def text(self) -> str:
        return "".join(self.messages)

    def wants(self, event_type: str) -> bool:
        return event_type not in self.unwanted

    def append(self, timestamp_ms: int, message: str) -> None:
        self.events.append((timestamp_ms, message))

    def is_congested(self) -> bool:
        return not self._writable.is_set()

    async def wait_writable(self) -> None:
        await self._writable.wait()

    def congest(self) -> None:
        self._writable.clear()

    def relieve(self) -> None:
        self._writable.set()


class FakeLogs:
    def __init__(self) -> None:
        self.streams: list[FakeLogStream] = []

    def open_stream(self, **names: str) -> FakeLogStream:
        self.streams.append(FakeLogStream(names))
        return self.streams[-1]


class FakeDoors:
    """Knows which are open, and to whom."""

    def __init__(self) -> None:
        self.opened: dict[socket.socket, Sequence[Credentials]] = {}
        self.connections = 0  # to any of them

    @contextlib.contextmanager
    def open(self, door: socket.socket, own: Sequence[Credentials]) -> Iterator[None]:
        self.opened[door] = own
        yield
        del self.opened[door]

    def hang_up(self, door: socket.socket) -> int:
        assert door in self.opened
        return self.connections


@dataclass
class Fakes:
    """Everything an environment is made from."""

    isolation: FakeIsolation
    logs: FakeLogs
    task_root: Path
    layers_root: Path | None = None
    credentials: IssuedCredentials = field(default_factory=IssuedCredentials)
    doors: FakeDoors = field(default_factory=FakeDoors)
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        async def task_root(sha256: str) -> Path:
            return self.task_root

        async def layers_root(version: FunctionVersion) -> Path | None:
            return self.layers_root

        async def opened(version: FunctionVersion) -> FunctionVersion:
            return version

        self.parts = Parts(
            isolation=self.isolation,  # type: ignore[arg-type]  # speaks the same door
            sandboxes=SandboxesOnDemand(self.isolation),  # type: ignore[arg-type]  # likewise
            runtimes={"provided.al2023": RUNTIME},
            task_root=task_root,
            layers_root=layers_root,
            opened=opened,
            aws_access=AwsAccess(
                endpoint_variables=("AWS_ENDPOINT_URL",),
                doors=self.doors,
                issue=self._issue,
                revoke=self.credentials.revoke,
            ),
            logs=self.logs,
            freeze_after_seconds=FREEZE_AFTER_SECONDS,
            stream_limits=STREAM_LIMITS,
        )

    async def _issue(self, version: FunctionVersion) -> Credentials:
        return self.credentials.issue(version)


def make_fakes(directory: Path, script: Script | None = None) -> Fakes:
    bootstrap = directory / "bootstrap"
    bootstrap.write_text("#!/bin/sh\n")
    bootstrap.chmod(0o755)
    return Fakes(isolation=FakeIsolation(script), logs=FakeLogs(), task_root=directory)


async def settle() -> None:
    """Give every task that can go on a few turns."""
    for _ in range(10):
        await asyncio.sleep(0)


class Clock:
    """Moves the event loop's time forward."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ahead = 0.0
        self._real = loop.time

    def time(self) -> float:
        return self._real() + self.ahead

    async def advance(self, seconds: float) -> None:
        """Let what has begun go on, and then timers that are due by then fire."""
        await settle()
        self.ahead += seconds
        await settle()
