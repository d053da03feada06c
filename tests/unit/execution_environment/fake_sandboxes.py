"""The sandbox's door, without sandboxes.

A fake sandbox's command is played by the test, or by a function of its: `FakeRuntime` talks to the
real Runtime API over a real socket and writes into real pipes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.unit.execution_environment.http_client import INIT_ERROR, NEXT, Client, Response

from lambent.sandbox.sandbox import Command, Exit, Limits, NetworkSlot, Volume


class FakeProcess:
    """What the environment sees of a process; the test plays its part."""

    def __init__(self) -> None:
        self.output, self.output_end = os.pipe()
        self.telemetry, self.telemetry_end = os.pipe()
        for descriptor in (self.output, self.telemetry):
            os.set_blocking(descriptor, False)
        self.terminated = asyncio.Event()  # it was sent SIGTERM
        self.on_end: list[Callable[[], object]] = []
        self._exit: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()

    async def wait(self) -> Exit:
        return await asyncio.shield(self._exit)

    def end(self, process_exit: Exit) -> None:
        if not self._exit.done():
            for descriptor in (self.output_end, self.telemetry_end):
                os.close(descriptor)
            self._exit.set_result(process_exit)
            for each in self.on_end:
                each()

    def terminate(self) -> None:
        self.terminated.set()

    def kill(self) -> None:
        self.end(Exit(code=None, signal=signal.SIGKILL, is_out_of_memory=False))

    def close(self) -> None:
        self.kill()
        for descriptor in (self.output, self.telemetry):
            os.close(descriptor)


class FakeSandbox:
    """What the environment sees of a sandbox; `FakeRuntime` and `FakeExtension` are inside."""

    def __init__(self, isolation: FakeIsolation, options: dict[str, Any]) -> None:
        self.options = options  # it was built with
        self.memory_peak = 0
        self.limits: Limits | None = None  # after those it was built with
        self.cpu_limits: list[float] = []  # after the one it was built with
        self.is_frozen = False
        self._isolation = isolation
        self._processes: list[FakeProcess] = []

    async def run(self, command: object) -> FakeProcess:
        isolation = self._isolation
        isolation.is_starting.set()
        await isolation.may_start.wait()
        if isolation.failure is not None:
            raise isolation.failure
        process = self._process()
        isolation.starts += 1
        runtime = FakeRuntime(self, process, {"command": command, **self.options})
        if isolation.script is None:
            isolation.started.put_nowait(runtime)
        else:
            isolation.play(isolation.script(runtime), process)
        await isolation.may_return.wait()
        return process

    async def run_beside(self, command: Command) -> FakeProcess:
        if self._isolation.failure is not None:
            raise self._isolation.failure
        process = self._process()
        self._isolation.extensions.put_nowait(FakeExtension(process, command, self.options))
        return process

    def _process(self) -> FakeProcess:
        self._processes.append(FakeProcess())
        self._isolation.processes.append(self._processes[-1])
        return self._processes[-1]

    def kill(self) -> None:
        for process in self._processes:
            process.kill()

    def freeze(self) -> bool:
        self.is_frozen = self._isolation.can_freeze
        return self.is_frozen

    def thaw(self) -> None:
        self.is_frozen = False

    def limit(self, limits: Limits) -> None:
        if self._isolation.limit_failure is not None:
            raise self._isolation.limit_failure
        self.limits = limits

    def limit_cpus(self, cpus: float) -> None:
        self.cpu_limits.append(cpus)

    def memory_peak_bytes(self) -> int:
        return self.memory_peak

    def memory_bytes(self) -> int:
        return self.memory_peak // 2

    async def close(self) -> None:
        for process in self._processes:
            process.close()
        self._isolation.held.discard(self)


class FakeRuntime:
    """The command in a sandbox: a runtime that does what the test wants."""

    def __init__(self, sandbox: FakeSandbox, process: FakeProcess, start: dict[str, Any]) -> None:
        self.sandbox = sandbox
        self.process = process
        self.start = start  # what was asked for
        self.ended = asyncio.Event()
        self._client: Client | None = None
        process.on_end.append(self._hang_up)

    def _hang_up(self) -> None:
        self.ended.set()
        if self._client is not None:
            self._client.writer.transport.abort()

    async def client(self) -> Client:
        if self._client is None:
            host, port = self.start["slot"].api_address.split(":")
            self._client = Client(*await asyncio.open_connection(host, int(port)))
        return self._client

    async def poll(self) -> None:
        """Ask for an invocation, and do not wait for it."""
        (await self.client()).send_request("GET", NEXT)

    async def receive(self) -> Response:
        return await (await self.client()).receive()

    async def next(self) -> str:
        """Be given an invocation; returns its request ID."""
        await self.poll()
        return (await self.receive()).headers["lambda-runtime-aws-request-id"]

    async def post(self, path: str, body: bytes = b"") -> int:
        return (await (await self.client()).post(path, body)).status

    async def respond(self, request_id: str, body: bytes = b"null") -> int:
        return await self.post(f"/invocation/{request_id}/response", body)

    async def fail(self, request_id: str, body: bytes) -> int:
        return await self.post(f"/invocation/{request_id}/error", body)

    async def fail_init(self, body: bytes) -> None:
        """Report an init error, and be killed for it before any answer comes."""
        (await self.client()).send_request("POST", INIT_ERROR, body)
        await self.ended.wait()

    def print(self, text: str) -> None:
        os.write(self.process.output_end, text.encode())

    def log(self, text: str, at_ms: int) -> None:
        """Write a frame to the telemetry descriptor."""
        message = text.encode()
        header = struct.pack(">IIQ", 0xA55A0003, len(message), at_ms * 1000)
        os.write(self.process.telemetry_end, header + message)

    def exit(
        self, code: int | None = 0, *, by_signal: int | None = None, oom: bool = False
    ) -> None:
        self.process.end(Exit(code=code, signal=by_signal, is_out_of_memory=oom))


class FakeExtension:
    """A program from /opt/extensions that does what the test wants."""

    def __init__(self, process: FakeProcess, command: Command, options: dict[str, Any]) -> None:
        self.process = process
        self.command = command
        self.name = command.argv[0].rpartition("/")[2]
        self.ended = asyncio.Event()
        self._address = options["slot"].api_address
        self._client: Client | None = None
        self._head: dict[str, str] = {}
        process.on_end.append(self._hang_up)

    def _hang_up(self) -> None:
        self.ended.set()
        if self._client is not None:
            self._client.writer.transport.abort()

    async def _request(self, method: str, path: str, body: bytes = b"", **headers: str) -> Response:
        if self._client is None:
            host, port = self._address.split(":")
            self._client = Client(*await asyncio.open_connection(host, int(port)))
        return await self._client.request(
            method, f"/2020-01-01/extension/{path}", body, {**self._head, **headers}
        )

    async def register(self, *events: str) -> None:
        body = json.dumps({"events": events}).encode()
        name = {"Lambda-Extension-Name": self.name}
        answer = await self._request("POST", "register", body, **name)
        assert answer.status == 200, answer.body
        self._head = {"Lambda-Extension-Identifier": answer.headers["lambda-extension-identifier"]}

    async def next(self) -> dict[str, Any]:
        """Ask for an event, and wait for it."""
        event: dict[str, Any] = json.loads((await self._request("GET", "event/next")).body)
        return event

    async def fail(self, phase: str, error_type: str) -> int:
        header = {"Lambda-Extension-Function-Error-Type": error_type}
        return (await self._request("POST", f"{phase}/error", b"", **header)).status

    def print(self, text: str) -> None:
        os.write(self.process.output_end, text.encode())

    def exit(self, code: int = 0) -> None:
        self.process.end(Exit(code=code, signal=None, is_out_of_memory=False))


Script = Callable[[FakeRuntime], Awaitable[None]]


class FakeIsolation:
    """Hands out fakes, and remembers them."""

    has_own_root = True
    can_freeze = True
    limit_failure: OSError | None = None

    def __init__(self, script: Script | None = None) -> None:
        self.script = script  # plays every runtime; without it the test does
        self.started: asyncio.Queue[FakeRuntime] = asyncio.Queue()
        self.extensions: asyncio.Queue[FakeExtension] = asyncio.Queue()
        self.processes: list[FakeProcess] = []  # all there ever were
        self.starts = 0
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.is_starting = asyncio.Event()  # a start was asked for
        self.may_return = asyncio.Event()  # from a start, while the runtime runs already
        self.may_return.set()
        self.failure: Exception | None = None  # of the next starts
        self.held: set[object] = set()  # what was not given back
        self.volume_sizes: list[int] = []
        self._players: set[asyncio.Task[None]] = set()

    async def volume(self, size_bytes: int) -> Volume:
        volume = object()
        self.held.add(volume)
        self.volume_sizes.append(size_bytes)

        async def remove() -> None:
            self.held.remove(volume)

        return Volume(path=Path("/nowhere"), user_id=None, accounts=Path("/nowhere"), remove=remove)

    async def take_slot(self) -> NetworkSlot:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        host, port = listener.getsockname()
        self.held.add(listener)

        def release() -> None:
            listener.close()
            self.held.remove(listener)

        return NetworkSlot(
            listener=listener,
            api_address=f"{host}:{port}",
            door=listener,  # FakeDoors opens none
            door_address="127.0.0.1:9000",
            namespace=None,
            release=release,
        )

    async def build(self, **options: Any) -> FakeSandbox:
        sandbox = FakeSandbox(self, options)
        self.held.add(sandbox)
        return sandbox

    def play(self, playing: Awaitable[None], process: FakeProcess) -> None:
        async def play() -> None:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await playing

        player = asyncio.create_task(play())
        self._players.add(player)
        player.add_done_callback(self._players.discard)
        process.on_end.append(player.cancel)
