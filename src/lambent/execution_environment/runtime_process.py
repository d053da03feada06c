"""One life of a runtime: its sandbox, its network slot, its Runtime API listener, its output."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from lambent.domain.quotas import (
    FILE_DESCRIPTORS,
    INIT_CPUS,
    MIB,
    MIB_PER_CPU,
    PROCESSES_AND_THREADS,
)
from lambent.execution_environment.function_output import Frames, FunctionOutput, Lines
from lambent.execution_environment.runtimes import TASK_ROOT
from lambent.execution_environment.variables import (
    TELEMETRY_DESCRIPTOR,
    Credentials,
    defined_variables,
)
from lambent.sandbox.sandbox import Command, Limits, Mount

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.runtime_api import RuntimeApi
    from lambent.execution_environment.runtimes import Runtime
    from lambent.sandbox.isolation import Isolation
    from lambent.sandbox.sandbox import Exit, NetworkSlot, Sandbox, Volume
    from lambent.telemetry.log_pipeline import LogPipeline, LogStreamWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What every environment is made from."""

    isolation: Isolation
    runtimes: Mapping[str, Runtime]
    task_root: Callable[[str], Awaitable[Path]]  # CodeSha256 -> the unpacked deployment package
    logs: LogPipeline


class Owner(Protocol):
    """The environment a runtime belongs to."""

    version: FunctionVersion
    log: LogStreamWriter
    log_stream_name: str

    def emit(self, timestamp_ms: int, message: str) -> None: ...


class RuntimeProcess:
    """A running runtime."""

    def __init__(
        self,
        sandbox: Sandbox,
        outputs: list[FunctionOutput],
        lines: Lines,
        invocation_cpus: float,
    ) -> None:
        self._sandbox = sandbox
        self._outputs = outputs
        self._lines = lines
        self._invocation_cpus = invocation_cpus
        self.is_initialized = False

    def end_init(self) -> None:
        """From here on it has the processor time its memory gives it."""
        self.is_initialized = True
        self._sandbox.limit_cpus(self._invocation_cpus)

    async def wait(self) -> Exit:
        return await self._sandbox.wait()

    def kill(self) -> None:
        self._sandbox.kill()

    def drain_output(self) -> None:
        """Take in what was written so far; a line without an end ends here, with its invocation."""
        for output in self._outputs:
            output.drain()
        self._lines.flush()

    def memory_peak_bytes(self) -> int:
        return self._sandbox.memory_peak_bytes()


@contextlib.asynccontextmanager
async def start(
    owner: Owner, parts: Parts, api: RuntimeApi, volume: Volume
) -> AsyncIterator[RuntimeProcess]:
    """Start the owner's runtime; on leaving, nothing of it is left.

    Raises InvalidEntrypoint, or what the sandbox raises when the host cannot start it.
    """
    runtime = parts.runtimes[owner.version.runtime]
    task_root = await parts.task_root(owner.version.code_sha256)
    async with contextlib.AsyncExitStack() as stack:
        slot = await parts.isolation.take_slot()
        stack.push_async_callback(slot.close)
        await _listen(slot, api, stack)
        command = _command(owner, runtime, task_root, slot)
        limits = limits_of(owner.version)
        mounts = [
            Mount(source=task_root, target=TASK_ROOT),
            *(Mount(source=source, target=target) for source, target in runtime.mounts()),
        ]
        sandbox = await parts.isolation.start(
            command if parts.isolation.has_own_root else on_host(command, mounts),
            mounts=mounts,
            limits=replace(limits, cpus=max(limits.cpus, INIT_CPUS)),
            volume=volume,
            slot=slot,
        )
        stack.push_async_callback(sandbox.close)
        lines = Lines(owner.emit)
        outputs = [
            FunctionOutput(sandbox.output, lines, owner.log),
            FunctionOutput(sandbox.telemetry, Frames(owner.emit), owner.log),
        ]
        async with asyncio.TaskGroup() as readers:
            for output in outputs:
                readers.create_task(output.run(), name=f"output of {owner.log_stream_name}")
            try:
                yield RuntimeProcess(sandbox, outputs, lines, limits.cpus)
            finally:
                sandbox.kill()
                await sandbox.wait()
                for output in outputs:
                    output.stop()


async def _listen(slot: NetworkSlot, api: RuntimeApi, stack: contextlib.AsyncExitStack) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(api.connect, sock=slot.listener)
    stack.callback(api.close)
    stack.callback(server.close)


def _command(owner: Owner, runtime: Runtime, task_root: Path, slot: NetworkSlot) -> Command:
    variables = defined_variables(
        owner.version,
        runtime,
        log_stream=owner.log_stream_name,
        runtime_api=slot.api_address,
        credentials=_placeholder_credentials(),
    )
    argv = runtime.command(
        task_root=task_root,
        layers_root=None,
        memory_mib=owner.version.memory_mib,
        variables=variables,
    )
    return Command(
        argv=argv,
        environment=variables,
        working_directory=TASK_ROOT,
        telemetry_variable=TELEMETRY_DESCRIPTOR,
    )


def on_host(command: Command, mounts: Sequence[Mount]) -> Command:
    """`command` with the host's paths instead of a sandbox's, for `--isolation process`."""
    by_length = sorted(mounts, key=lambda mount: len(mount.target), reverse=True)
    sources = {mount.target: str(mount.source) for mount in by_length}
    inside = re.compile(f"(?<![^:=])({'|'.join(map(re.escape, sources))})(?=[/:]|$)")

    def translated(text: str) -> str:
        return inside.sub(lambda match: sources[match[1]], text)

    return replace(
        command,
        argv=tuple(translated(argument) for argument in command.argv),
        environment={name: translated(text) for name, text in command.environment.items()},
        working_directory=translated(command.working_directory),
    )


def _placeholder_credentials() -> Credentials:
    """Credentials in the form SDKs insist on; no service knows them."""
    return Credentials(
        access_key_id="ASIA" + secrets.token_hex(8).upper(),
        secret_access_key=secrets.token_urlsafe(30),
        session_token=secrets.token_urlsafe(60),
    )


def limits_of(version: FunctionVersion) -> Limits:
    """What the kernel enforces for a function version."""
    return Limits(
        memory_bytes=version.memory_mib * MIB,
        cpus=version.memory_mib / MIB_PER_CPU,
        processes=PROCESSES_AND_THREADS,
        open_files=FILE_DESCRIPTORS,
    )
