"""Where one life of an environment takes place: a sandbox that is built, and its network slot.

Nothing of the function runs in it until its main command does. `SandboxesOnDemand` builds each
when it is asked for; whoever has some ready beforehand can stand in for it.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from lambent.domain.quotas import (
    FILE_DESCRIPTORS,
    INIT_CPUS,
    MIB,
    MIB_PER_CPU,
    PROCESSES_AND_THREADS,
)
from lambent.execution_environment.extensions import find_extensions
from lambent.execution_environment.runtimes.entrypoint import LAYERS_ROOT, TASK_ROOT
from lambent.sandbox.sandbox import Limits, Mount

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lambent.aws.credentials import Credentials
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.runtimes.runtime import Runtime
    from lambent.sandbox.isolation import Isolation
    from lambent.sandbox.sandbox import Command, NetworkSlot, Process, Sandbox, Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a sandbox is wanted for."""

    version: FunctionVersion
    runtime: Runtime
    task_root: Path
    layers_root: Path | None
    volume: Volume

    def mounts(self) -> list[Mount]:
        """The function's, its layers' and its runtime's files."""
        return self.own_mounts() + [
            Mount(source=source, target=target) for source, target in self.runtime.mounts()
        ]

    def own_mounts(self) -> list[Mount]:
        """The function's and its layers' files."""
        mounts = [Mount(source=self.task_root, target=TASK_ROOT)]
        if self.layers_root is not None:
            mounts.append(Mount(source=self.layers_root, target=LAYERS_ROOT))
        return mounts


class PreparedSandbox(Protocol):
    """A built sandbox with its network; `close()` leaves nothing of either."""

    sandbox: Sandbox
    slot: NetworkSlot
    is_restored: bool  # what runs in it goes on from a snapshot
    inherited: Sequence[Credentials]  # what it may still have from before that

    async def run(self, command: Command) -> Process:
        """Run the main command, once. Raises SandboxStartFailed, OSError."""

    async def run_beside(self, command: Command) -> Process:
        """Run one more command. Raises SandboxStartFailed, OSError."""

    async def close(self) -> None: ...


class Sandboxes(Protocol):
    """Where prepared sandboxes come from."""

    async def volume(self, version: FunctionVersion) -> Volume:
        """What an environment's sandboxes, one after another, have as /tmp. Raises OSError."""

    async def take(self, wanted: Wanted) -> PreparedSandbox:
        """One that nothing has run in. Raises SandboxStartFailed, OSError."""

    def in_stock(self) -> dict[str, int]:
        """How many are ready, by runtime identifier."""


class SandboxesOnDemand:
    """Builds each sandbox when it is asked for."""

    def __init__(self, isolation: Isolation) -> None:
        self._isolation = isolation

    async def volume(self, version: FunctionVersion) -> Volume:
        return await self._isolation.volume(version.ephemeral_storage_mib * MIB)

    async def take(self, wanted: Wanted) -> PreparedSandbox:
        limits = limits_of(wanted.version)
        mounts = wanted.mounts()
        extensions = await asyncio.to_thread(find_extensions, wanted.layers_root)
        slot = await self._isolation.take_slot()
        try:
            sandbox = await self._isolation.build(
                mounts=mounts,
                limits=replace(limits, cpus=max(limits.cpus, INIT_CPUS)),
                volume=wanted.volume,
                slot=slot,
                may_have_company=bool(extensions),
            )
        except BaseException:
            await slot.close()
            raise
        return BuiltSandbox(sandbox, slot, () if self._isolation.has_own_root else mounts)

    def in_stock(self) -> dict[str, int]:
        return {}


class BuiltSandbox:
    """A sandbox whose commands are started when they are asked for."""

    is_restored = False
    inherited: Sequence[Credentials] = ()

    def __init__(self, sandbox: Sandbox, slot: NetworkSlot, host_mounts: Sequence[Mount]) -> None:
        self.sandbox = sandbox
        self.slot = slot
        self._host_mounts = host_mounts

    async def run(self, command: Command) -> Process:
        return await self.sandbox.run(on_host(command, self._host_mounts))

    async def run_beside(self, command: Command) -> Process:
        return await self.sandbox.run_beside(on_host(command, self._host_mounts))

    async def close(self) -> None:
        try:
            await self.sandbox.close()
        finally:
            await self.slot.close()


def on_host(command: Command, mounts: Sequence[Mount]) -> Command:
    """`command` with the host's paths instead of a sandbox's, for `--isolation process`."""
    if not mounts:
        return command
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


def limits_of(version: FunctionVersion) -> Limits:
    """What the kernel enforces for a function version."""
    return Limits(
        memory_bytes=version.memory_mib * MIB,
        cpus=version.memory_mib / MIB_PER_CPU,
        processes=PROCESSES_AND_THREADS,
        open_files=FILE_DESCRIPTORS,
    )
