"""The processes of one life of an environment: started in their order, and watched to their end.

The order is that of AWS's supervisor: all external extensions are started at once, and when every
one of them has registered, the runtime is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from lambent.domain.invocation import ErrorType
from lambent.execution_environment.exit_reason import exit_reason, extension_exit_reason
from lambent.execution_environment.extensions import (
    ExtensionLaunchFailed,
    expect_all,
    find_extensions,
    find_unexecutable,
)
from lambent.execution_environment.lifecycle import ExtensionEvent, ExtensionState
from lambent.execution_environment.running_process import RunningProcess
from lambent.execution_environment.runtime_process import Identity, Surroundings
from lambent.execution_environment.runtimes.entrypoint import InvalidEntrypoint
from lambent.execution_environment.runtimes.runtime import RuntimeUnavailable
from lambent.sandbox.sandbox import NotExecutable, SandboxStartFailed

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from lambent.aws.credentials import Credentials
    from lambent.execution_environment.apis.credentials_api import CredentialsApi
    from lambent.execution_environment.apis.extension import Extension
    from lambent.execution_environment.apis.extensions_api import ExtensionsApi
    from lambent.execution_environment.output.environment_log import EnvironmentLog
    from lambent.execution_environment.prepared_sandbox import PreparedSandbox, Wanted
    from lambent.execution_environment.runtime_process import Parts
    from lambent.sandbox.sandbox import Command, Exit, Process

# What starting a command raises when the host can not do it.
_HOST_FAILURES = (SandboxStartFailed, OSError, ValueError)
# The shell that is to become a command ends so when it can not.
_NOT_STARTED = (126, 127)


class Owner(Identity, Protocol):
    """Whose processes they are."""

    log: EnvironmentLog

    async def may_start_runtime(self) -> bool:
        """Wait until every external extension has registered; False: there is no need any more."""

    def process_failed(self, message: str, error_type: str) -> None:
        """One could not be started, or has ended."""

    def host_failed(self, error: Exception) -> None: ...


class Processes:
    """`run` starts them, and returns when all have ended; `stop` makes sure that they do."""

    def __init__(
        self,
        owner: Owner,
        prepared: PreparedSandbox,
        extensions: ExtensionsApi,
        credentials: CredentialsApi,
        parts: Parts,
    ) -> None:
        self._owner = owner
        self._prepared = prepared
        self._extensions = extensions
        self._aws_access = parts.aws_access
        self._commands = parts.commands
        self._credentials = credentials
        self._is_stopped = False
        self.runtime: RunningProcess | None = None
        self.externals: dict[str, RunningProcess] = {}

    async def run(self, wanted: Wanted) -> None:
        access = self._aws_access.credentials(
            self._owner.version,
            self._credentials,
            self._prepared.slot.door,
            self._prepared.inherited,
        )
        async with access as first:
            await self._run_with(first, wanted)

    async def _run_with(self, credentials: Credentials, wanted: Wanted) -> None:
        slot = self._prepared.slot
        surroundings = Surroundings(
            api_address=slot.api_address,
            credentials=credentials,
            token=self._credentials.token,
            endpoints=self._aws_access.endpoints(slot.door_address),
        )
        variables = self._commands.variables(self._owner, wanted, surroundings)
        try:
            names = await self._announce_extensions(wanted)
            async with asyncio.TaskGroup() as tasks:
                for name in names:
                    command = self._commands.extension(name, variables)
                    running = self._run_extension(name, command)
                    tasks.create_task(running, name=f"extension {name}")
                if not names or await self._owner.may_start_runtime():
                    await self._run_runtime(wanted, variables)
        except ExtensionLaunchFailed as error:
            self._owner.process_failed(str(error), ErrorType.EXTENSION_LAUNCH_ERROR)

    def stop(self) -> None:
        """Kill all of them, and whatever is being started or was started by them."""
        self._is_stopped = True
        self._prepared.sandbox.kill()

    def drain_output(self) -> None:
        """Take in what they have written so far."""
        if self.runtime is not None:
            self.runtime.drain_output()
        for running in self.externals.values():
            running.drain_output()

    async def _announce_extensions(self, wanted: Wanted) -> list[str]:
        if wanted.layers_root is None:
            return []
        names = await asyncio.to_thread(find_extensions, wanted.layers_root)
        unexecutable = await asyncio.to_thread(find_unexecutable, wanted.layers_root, names)
        expect_all(self._extensions, names, unexecutable)
        return names

    async def _run_runtime(self, wanted: Wanted, variables: dict[str, str]) -> None:
        try:
            command = self._commands.runtime(wanted, variables)
            process = await self._started(self._prepared.run(command))
        except (InvalidEntrypoint, NotExecutable, RuntimeUnavailable) as error:
            self._owner.process_failed(str(error), ErrorType.INVALID_ENTRYPOINT)
            return
        if process is not None:
            self.runtime = RunningProcess.runtime(process, self._owner.log)
            ended = await self.runtime.watch()
            self._owner.process_failed(exit_reason(ended), ErrorType.EXIT_ERROR)

    async def _run_extension(self, name: str, command: Command) -> None:
        try:
            process = await self._started(self._prepared.run_beside(command))
        except NotExecutable as error:
            self._extensions[name].fail(ExtensionEvent.LAUNCH_ERROR, "UnknownError")
            self._owner.process_failed(str(error), ErrorType.EXTENSION_LAUNCH_ERROR)
            return
        if process is not None:
            self.externals[name] = RunningProcess.extension(process, self._owner.log)
            ended = await self.externals[name].watch()
            self._extension_ended(self._extensions[name], ended)

    async def _started(self, starting: Coroutine[None, None, Process]) -> Process | None:
        """The process, or None where the host could not start it, which the owner is told."""
        try:
            process = await starting
        except _HOST_FAILURES as error:
            self._owner.host_failed(error)
            return None
        if self._is_stopped:  # meanwhile
            self._prepared.sandbox.kill()
        return process

    def _extension_ended(self, extension: Extension, ended: Exit) -> None:
        error_type = ErrorType.EXTENSION_CRASH
        if extension.state is ExtensionState.STARTED and ended.code in _NOT_STARTED:
            extension.fail(ExtensionEvent.LAUNCH_ERROR, "UnknownError")
            error_type = ErrorType.EXTENSION_LAUNCH_ERROR
        self._owner.process_failed(extension_exit_reason(ended), error_type)
