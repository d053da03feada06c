"""One life of an environment: its runtime and its extensions, from their start to their end.

An environment has one life after another, each in a new sandbox on the same volume. Init is over
when the runtime and all extensions ask for what comes first, an invocation when they all ask for
what comes next.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Protocol

from lambent.domain.invocation import ErrorType
from lambent.domain.quotas import MIB
from lambent.execution_environment.apis.credentials_api import CredentialsApi
from lambent.execution_environment.apis.environment_api import EnvironmentApi
from lambent.execution_environment.apis.extensions_api import ExtensionsApi
from lambent.execution_environment.apis.runtime_api import RuntimeApi
from lambent.execution_environment.lifecycle import ExtensionState
from lambent.execution_environment.prepared_sandbox import Wanted, limits_of
from lambent.execution_environment.processes import Processes
from lambent.execution_environment.runtimes.runtime import RuntimeUnavailable, runtime_for
from lambent.execution_environment.shutdown import shut_down
from lambent.execution_environment.telemetry_api.subscriptions import TelemetrySubscriptions

if TYPE_CHECKING:
    import socket

    from lambent.aws.credentials import Credentials
    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import Invocation
    from lambent.execution_environment.apis.answer import Answer
    from lambent.execution_environment.apis.extension import Extension
    from lambent.execution_environment.apis.extensions_api import ShutdownReason
    from lambent.execution_environment.output.environment_log import EnvironmentLog
    from lambent.execution_environment.prepared_sandbox import PreparedSandbox
    from lambent.execution_environment.runtime_process import Parts
    from lambent.sandbox.sandbox import Volume
    from lambent.telemetry.platform_events import InitializationType


class Environment(Protocol):
    """Whose life it is, and who is told of it; nothing is told once it is ending."""

    version: FunctionVersion
    log: EnvironmentLog
    log_stream_name: str
    initialization_type: InitializationType

    def life_begins(self, *, is_restored: bool) -> None:
        """Its runtime is about to start, or to go on from a snapshot."""

    def runtime_is_initialized(self) -> None:
        """The runtime asked for its first invocation; extensions may not have come so far."""

    def life_is_initialized(self) -> None: ...

    def runtime_answered(self, answer: Answer) -> None: ...

    def runtime_is_done(self) -> None:
        """The runtime asked for its next invocation; extensions may still be at work."""

    def life_is_done(self) -> None:
        """Everybody asked for what comes next."""

    def runtime_failed_to_initialize(self, error: Answer) -> None: ...

    def life_failed(self, message: str, error_type: str) -> None:
        """Something is gone that must not be; the message is as in `exit status 1`."""

    def runtime_is_ready_to_restore(self) -> None: ...

    def runtime_failed_to_restore(self, error: Answer) -> None: ...


class Life:
    """`run` is the owner of everything in it; `end` lets it come to its end."""

    def __init__(self, environment: Environment, parts: Parts) -> None:
        self.version = environment.version
        self.log = environment.log
        self.log_stream_name = environment.log_stream_name
        self.initialization_type = environment.initialization_type
        self._environment = environment
        self._parts = parts
        self._runtime = RuntimeApi(
            self,
            parts.stream_limits,
            offers_restore=self.initialization_type == "snap-start",
        )
        self._extensions = ExtensionsApi(self, environment.version)
        if not parts.takes_extensions:
            self._extensions.close_registration()
        self._credentials = CredentialsApi()
        self._api = EnvironmentApi(self._runtime, self._extensions, self._credentials)
        self._subscriptions = TelemetrySubscriptions(self._open_socket, self.log)
        self.log.subscriptions = self._subscriptions
        self._prepared: PreparedSandbox | None = None
        self._processes: Processes | None = None
        self._are_registered = asyncio.Event()  # all external extensions; or it is ending
        self._is_ending = asyncio.Event()
        self._reason: ShutdownReason = "spindown"
        self._host_failure: Exception | None = None
        self._reported_error: ErrorType | None = None  # the first an extension told of
        self._has_runtime_initialized = False
        self._is_initialized = False

    # What the environment asks and says

    @property
    def is_ready(self) -> bool:
        """Everybody waits for an invocation."""
        return self._is_initialized and self._runtime.is_polling and self._extensions.are_ready

    @property
    def extensions(self) -> list[Extension]:
        return list(self._extensions.all)

    def send(self, invocation: Invocation, deadline_ms: int) -> None:
        """Give everybody, who must be ready, an invocation."""
        if not self._extensions.is_empty:
            self._extensions.send_invoke(invocation, deadline_ms)
        self._runtime.send(invocation, deadline_ms)

    def restore(self) -> None:
        """Let a runtime that is ready to be restored go on."""
        self._runtime.restore()

    def end_subscribing(self) -> None:
        """Init is over, well or not: extensions can subscribe to telemetry no more."""
        self._subscriptions.end_subscribing()

    def end(self, reason: ShutdownReason) -> bool:
        """Let it end; the environment hears no more of it.

        Returns whether extensions are told first, which takes up to two seconds.
        """
        if not self._is_ending.is_set():
            self._reason = reason
            self._is_ending.set()
            self._are_registered.set()
            self._runtime.close()
            if self._extensions.is_empty:
                self._kill()
            else:
                self.thaw()
        return not self._extensions.is_empty

    def freeze(self) -> bool:
        """Let nothing in it run until `thaw`; False where the host can not do that."""
        if self._prepared is None or not self._prepared.sandbox.freeze():
            return False
        self._subscriptions.pause()
        return True

    def thaw(self) -> None:
        if self._prepared is not None:
            self._prepared.sandbox.thaw()
            self._subscriptions.resume()

    @property
    def credentials(self) -> list[Credentials]:
        """What its processes sign with now."""
        current = self._credentials.current
        return [] if current is None else [current]

    def hang_up(self) -> int:
        """Close the connections to its door, so that no copy of it goes on with them; how many."""
        door = self._prepared.slot.door if self._prepared is not None else None
        return self._parts.aws_access.doors.hang_up(door) if door is not None else 0

    def drain_output(self) -> None:
        """Take in what everybody has written so far."""
        if self._processes is not None:
            self._processes.drain_output()

    def memory_peak_mib(self) -> int:
        """The most memory it has used, rounded up; 0 when unknown."""
        peak = self._prepared.sandbox.memory_peak_bytes() if self._prepared is not None else 0
        # The kernel counts a page or so over the limit before it acts; AWS never shows that.
        return min(math.ceil(peak / MIB), self.version.memory_mib)

    def memory_bytes(self) -> int:
        return self._prepared.sandbox.memory_bytes() if self._prepared is not None else 0

    # The owner

    async def run(self, volume: Volume) -> None:
        """Live until `end`, or until the host fails; nothing is left then.

        Raises what the sandbox raises when the host can not start something.
        """
        try:
            wanted = await self._wanted(volume)
            if not self._is_ending.is_set():
                await self._live(wanted)
        except RuntimeUnavailable as error:
            self._environment.life_begins(is_restored=False)
            self.process_failed(str(error), ErrorType.INVALID_ENTRYPOINT)
        finally:
            self._forget_subscriptions()
        if self._host_failure is not None:
            raise self._host_failure

    async def _wanted(self, volume: Volume) -> Wanted:
        runtime = runtime_for(self._parts.runtimes, self.version)
        if runtime.obstacle is not None:
            raise RuntimeUnavailable(runtime.obstacle)
        return Wanted(
            version=self.version,
            runtime=runtime,
            task_root=await self._parts.task_root(self.version.code_sha256),
            layers_root=await self._parts.layers_root(self.version),
            volume=volume,
        )

    async def _live(self, wanted: Wanted) -> None:
        self._prepared = prepared = await self._parts.sandboxes.take(wanted)
        try:
            if not self._is_ending.is_set():
                if prepared.is_restored:
                    self._runtime.go_on_from_snapshot()
                self._environment.life_begins(is_restored=prepared.is_restored)
            server = await asyncio.get_running_loop().create_server(
                self._api.connect, sock=prepared.slot.listener
            )
            try:
                await self._run_processes(prepared, wanted)
            finally:
                self._api.close()
                server.close()
        finally:
            self._prepared = None
            await prepared.close()

    async def _run_processes(self, prepared: PreparedSandbox, wanted: Wanted) -> None:
        self._processes = processes = Processes(
            self, prepared, self._extensions, self._credentials, self._parts
        )
        name = self.log_stream_name
        async with asyncio.TaskGroup() as tasks:
            delivering = tasks.create_task(self._deliver(), name=f"telemetry of {name}")
            try:
                if not self._is_ending.is_set():
                    tasks.create_task(processes.run(wanted), name=f"processes of {name}")
                await self._is_ending.wait()
                if self._host_failure is None:
                    await shut_down(processes, self._extensions, self._subscriptions, self._reason)
            finally:
                processes.stop()
                delivering.cancel()
        self._processes = None

    async def _deliver(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await self._subscriptions.run()
        self._forget_subscriptions()  # nobody has subscribed and nobody can, or it is the end

    def _forget_subscriptions(self) -> None:
        if self.log.subscriptions is self._subscriptions:
            self.log.subscriptions = None

    def _open_socket(self) -> socket.socket:
        if self._prepared is None:
            raise OSError("its network is gone")
        return self._prepared.slot.open_socket()

    def _kill(self) -> None:
        self._api.close()
        if self._processes is not None:
            self._processes.stop()

    # What its processes tell

    async def may_start_runtime(self) -> bool:
        await self._are_registered.wait()
        return not self._is_ending.is_set()

    def process_failed(self, message: str, error_type: str) -> None:
        """A process could not be started, or ended; one that was to end is nobody's failure."""
        if not self._is_ending.is_set():
            self._environment.life_failed(message, self._reported_error or error_type)

    def host_failed(self, error: Exception) -> None:
        if not self._is_ending.is_set():
            self._host_failure = error
            self._is_ending.set()
            self._are_registered.set()

    # What the APIs tell

    def runtime_is_ready(self) -> None:
        if self._has_runtime_initialized:
            self._environment.runtime_is_done()
        else:
            self._has_runtime_initialized = True
            self._extensions.close_registration()
            self._environment.runtime_is_initialized()
        self._tell_when_all_are_done()

    def _tell_when_all_are_done(self) -> None:
        if self._is_ending.is_set() or not (
            self._runtime.is_polling and self._extensions.are_ready
        ):
            return
        if self._is_initialized:
            self._environment.life_is_done()
            return
        self._is_initialized = True
        if self._prepared is not None:
            # From here on it has the processor time its memory gives it.
            self._prepared.sandbox.limit_cpus(limits_of(self.version).cpus)
        self._environment.life_is_initialized()

    def runtime_failed_to_initialize(self, error: Answer) -> None:
        self._environment.runtime_failed_to_initialize(error)

    def runtime_answered(self, answer: Answer) -> None:
        self._environment.runtime_answered(answer)

    def runtime_is_ready_to_restore(self) -> None:
        self._extensions.close_registration()
        self._environment.runtime_is_ready_to_restore()

    def runtime_failed_to_restore(self, error: Answer) -> None:
        self._environment.runtime_failed_to_restore(error)

    def extension_registered(self) -> None:
        if self._extensions.are_registered:
            self._are_registered.set()

    def extension_is_ready(self) -> None:
        self._tell_when_all_are_done()

    def extension_failed(self, extension: Extension) -> None:
        if self._reported_error is None:
            is_init = extension.state is ExtensionState.INIT_FAILED
            self._reported_error = (
                ErrorType.EXTENSION_INIT_ERROR if is_init else ErrorType.EXTENSION_EXIT_ERROR
            )

    def subscribe(self, name: str, path: str, body: bytes) -> tuple[int, bytes]:
        return self._subscriptions.subscribe(name, path, body)
