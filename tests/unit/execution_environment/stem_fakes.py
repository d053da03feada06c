"""Sandboxes whose processes wait to be told what to become, without sandboxes."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.unit.execution_environment.fake_sandboxes import FakeProcess
from tests.unit.execution_environment.fakes import VERSION

from lambent.execution_environment.runtimes.interpreters import Interpreter
from lambent.execution_environment.runtimes.runtime import Client, Runtime
from lambent.sandbox.sandbox import Command, Exit, Limits, Mount, NetworkSlot, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_CLIENT = Client(directory=Path("/client"), version="1", empty_directory=Path("/client/empty"))
PYTHON = Runtime(
    identifier="python3.12",
    family="python",
    release="3.12",
    operating_system="Amazon Linux 2023",
    interpreter=Interpreter(
        executable=Path("/lang/bin/python3.12"), prefix=Path("/lang"), version="3.12.1"
    ),
    client=_CLIENT,
)
NODE = replace(
    PYTHON,
    identifier="nodejs22.x",
    family="nodejs",
    release="22",
    interpreter=Interpreter(
        executable=Path("/lang/bin/node"), prefix=Path("/lang"), version="22.23.3"
    ),
)
CUSTOM = Runtime(
    identifier="provided.al2023",
    family="provided",
    release="al2023",
    operating_system="Amazon Linux 2023",
)
RUNTIMES = {runtime.identifier: runtime for runtime in (PYTHON, NODE, CUSTOM)}
COMMAND = Command(
    argv=("/var/lang/bin/python3.12",),
    environment={"TABLE": "orders"},
    working_directory="/var/task",
    telemetry_variable="_LAMBDA_TELEMETRY_LOG_FD",
)
ENDED = Exit(code=1, signal=None, is_out_of_memory=False)


def version_of(runtime: Runtime, **settings: Any) -> Any:
    return replace(VERSION, runtime=runtime.identifier, **settings)


async def until(condition: Callable[[], object]) -> None:
    """Give everybody their turn until it is so; fails after some seconds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # it may be anything
            await asyncio.sleep(0.001)


@dataclass
class FakeForkServer:
    forks: int = 0
    is_closed: bool = False

    def close(self) -> None:
        self.is_closed = True


class FakeStemSandbox:
    """A process that is started in it connects, unless it is to fail."""

    def __init__(
        self, isolation: FakeStemIsolation, slot: NetworkSlot, mounts: list[Mount]
    ) -> None:
        self.isolation = isolation
        self.mounts = mounts
        self.limits: Limits | None = None
        self.commands: list[Command] = []
        self.copied: FakeForkServer | None = None
        self.order: socket.socket | None = None
        self.process: FakeProcess | None = None
        self.is_closed = False
        self.may_have_company = False
        self._slot = slot

    async def run(self, command: Command) -> FakeProcess:
        self.commands.append(command)
        return self._started()

    async def run_beside(self, command: Command) -> None:
        self.commands.append(command)

    async def run_copy(self, server: FakeForkServer) -> FakeProcess:
        server.forks += 1
        self.copied = server
        return self._started()

    async def wait_until_built(self) -> None: ...

    async def mount(self, mounts: Sequence[Mount]) -> None:
        self.mounts += mounts

    def limit(self, limits: Limits) -> None:
        self.limits = limits

    async def received_order(self) -> Any:
        assert self.order is not None
        self.order.settimeout(5)
        with self.order.makefile("rb") as order:
            return json.load(order)

    async def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self.isolation.open_sandboxes.discard(self)
        if self.order is not None:
            self.order.close()
        if self.process is not None:
            self.process.close()

    def _started(self) -> FakeProcess:
        self.process = FakeProcess()
        if self.isolation.failure:
            self.process.end(ENDED)
        else:
            self.order = socket.create_connection(self._slot.listener.getsockname())
        return self.process


@dataclass
class FakeStemIsolation:
    """Counts what is made and what is left."""

    has_own_root: bool = True
    failure: bool = False  # of processes that are to wait
    error: Exception | None = None  # of the next sandboxes
    built: list[FakeStemSandbox] = field(default_factory=list)
    open_sandboxes: set[FakeStemSandbox] = field(default_factory=set)
    open_volumes: set[Path] = field(default_factory=set)
    open_slots: set[str] = field(default_factory=set)
    fork_servers: list[FakeForkServer] = field(default_factory=list)
    numbers: Any = field(default_factory=itertools.count)

    @property
    def is_empty(self) -> bool:
        return not (self.open_sandboxes or self.open_volumes or self.open_slots)

    async def volume(self, size_bytes: int) -> Volume:
        path = Path(f"/volumes/{next(self.numbers)}")
        self.open_volumes.add(path)

        async def remove() -> None:
            self.open_volumes.remove(path)

        return Volume(path=path, user_id=None, accounts=path, remove=remove)

    async def take_slot(self) -> NetworkSlot:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        address = "{}:{}".format(*listener.getsockname())
        self.open_slots.add(address)

        def release() -> None:
            listener.close()
            self.open_slots.remove(address)

        return NetworkSlot(
            listener=listener,
            api_address=address,
            door=listener,  # nobody answers at it
            door_address=address,
            namespace=None,
            release=release,
        )

    async def build(
        self,
        *,
        mounts: list[Mount],
        limits: Limits,
        volume: Volume,
        slot: NetworkSlot,
        may_have_company: bool,
    ) -> FakeStemSandbox:
        if self.error is not None:
            raise self.error
        sandbox = FakeStemSandbox(self, slot, list(mounts))
        sandbox.may_have_company = may_have_company
        self.built.append(sandbox)
        self.open_sandboxes.add(sandbox)
        return sandbox

    async def fork_server(self, command: Command, mounts: list[Mount]) -> FakeForkServer:
        self.fork_servers.append(FakeForkServer())
        return self.fork_servers[-1]
