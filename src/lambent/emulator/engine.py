"""What runs the one function of `lambent rie`: as many instances of it as calls need, up to a limit.

It is the engine of `lambent serve`, in plain processes: the container is the sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.aws.credentials import Credentials
from lambent.domain.errors import ServiceError
from lambent.domain.function import FunctionVersion
from lambent.domain.quotas import (
    MIB,
    STREAM_BYTES_PER_SECOND,
    STREAMED_RESPONSE_BYTES,
    UNCAPPED_STREAM_BYTES,
)
from lambent.emulator.commands import (
    EmulatorCommands,
    extensions_of,
    find_obstacle,
    tell_of_unexecutable,
)
from lambent.emulator.console import Console
from lambent.emulator.instances import Instances
from lambent.execution_environment import refusals
from lambent.execution_environment.apis.streamed_response import StreamLimits
from lambent.execution_environment.aws_access import AwsAccess
from lambent.execution_environment.host_budget import HostBudget, Room
from lambent.execution_environment.pool.pool import Pool, PoolLimits
from lambent.execution_environment.prepared_sandbox import SandboxesOnDemand
from lambent.execution_environment.runtime_process import Parts
from lambent.execution_environment.runtimes.runtime import Runtime
from lambent.sandbox.direct_process import open_direct_processes
from lambent.sandbox.isolation import Isolation
from lambent.sandbox.orphans import Children
from lambent.server.background import running
from lambent.server.connection_bounds import MOST_PUBLIC_CONNECTIONS
from lambent.server.open_files import OWN_DESCRIPTORS, allow_descriptors

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lambent.domain.invocation import Invocation, InvocationResult
    from lambent.emulator.settings import EmulatorSettings

logger = logging.getLogger(__name__)

# The file by which AWS's supervisor knows that it is not to start any.
_NO_EXTENSIONS = "disable-extensions-jwigqn8j"
_RUNTIME = Runtime(identifier="provided", family="provided", release="", operating_system="")
_STANDARD_OUTPUT = 1
_REFUSALS_SECONDS = 1.0
_INSTANCE_DESCRIPTORS = 12
_LAMBDAS_LIMITS = StreamLimits(
    limit_bytes=STREAMED_RESPONSE_BYTES,
    uncapped_bytes=UNCAPPED_STREAM_BYTES,
    bytes_per_second=STREAM_BYTES_PER_SECOND,
)
# There is still one for a response that is not streamed, which is held in memory.
_NO_LIMITS = StreamLimits(
    limit_bytes=sys.maxsize,
    uncapped_bytes=sys.maxsize,
    bytes_per_second=STREAM_BYTES_PER_SECOND,
    whole_bytes=512 * MIB,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatistics:
    instances: int  # that have processes, or are about to
    idle: int
    calls: int  # at work and waiting
    waiting: int  # of these, for an instance


class Engine:
    """Runs calls. Use `open_engine`."""

    def __init__(self, version: FunctionVersion, pool: Pool, queue_seconds: float) -> None:
        self.version = version
        self._pool = pool
        self._queue_seconds = queue_seconds
        self._calls = 0
        self._refused = 0  # since the log has told of it
        self._is_draining = False
        self._is_at_rest = asyncio.Event()
        self._is_at_rest.set()

    async def invoke(
        self, invocation: Invocation, *, wants_log_tail: bool = False
    ) -> InvocationResult:
        """Run one call as soon as an instance is free, or one more is started.

        The function's own time begins then. Raises ServiceError: TooManyRequestsException when none
        was free for long, ServiceException when the emulator is being stopped.
        """
        if self._is_draining:
            raise refusals.stopping()
        self._calls += 1
        self._is_at_rest.clear()
        try:
            return await self._pool.invoke(
                self.version,
                invocation,
                wants_log_tail=wants_log_tail,
                patience_seconds=self._queue_seconds,
            )
        except TimeoutError:
            raise self._waited_too_long() from None
        finally:
            self._calls -= 1
            if not self._calls:
                self._is_at_rest.set()

    async def drain(self) -> None:
        """Take no more calls, and wait for the end of those there are."""
        self._is_draining = True
        await self._is_at_rest.wait()
        await self._pool.drain()

    def end_invocations(self) -> None:
        """Answer every call there is that the emulator stops, and take no more."""
        self._is_draining = True
        self._pool.end_invocations()

    def statistics(self) -> EngineStatistics:
        pool = self._pool.statistics()
        return EngineStatistics(
            instances=pool.environments,
            idle=pool.idle,
            calls=self._calls,
            waiting=pool.waiting,
        )

    def _tell_of_refused(self) -> None:
        logger.warning(
            "calls were refused, since no instance was free for %g seconds: %d of them; "
            "MAX_CONCURRENCY says how many instances there may be",
            self._queue_seconds,
            self._refused,
        )
        self._refused = 0

    def _waited_too_long(self) -> ServiceError:
        if not self._refused:  # many come at once, and one line a second is enough
            asyncio.get_running_loop().call_later(_REFUSALS_SECONDS, self._tell_of_refused)
        self._refused += 1
        return ServiceError(
            "TooManyRequestsException",
            f"Rate Exceeded. No instance of the function was free for {self._queue_seconds:g} "
            "seconds; MAX_CONCURRENCY says how many there may be.",
            Reason="ConcurrentInvocationLimitExceeded",
            retryAfterSeconds="1",
        )


@contextlib.asynccontextmanager
async def open_engine(settings: EmulatorSettings) -> AsyncIterator[Engine]:
    """Afterwards no process of the function's is left. Raises AddressInUse."""
    instances = Instances(settings.runtime_api_host, settings.runtime_api_port)
    instances.check(settings.max_concurrency)
    if obstacle := find_obstacle(settings):
        logger.warning("no call could be run yet, and each will look again: %s", obstacle)
    children = Children()
    open_files = allow_descriptors(kept_descriptors(settings) + MOST_PUBLIC_CONNECTIONS)
    version = _version(settings)
    async with contextlib.AsyncExitStack() as stack:
        console = Console(_STANDARD_OUTPUT, prints_reports=settings.prints_reports)
        stack.enter_context(console.open())
        stack.enter_context(children.adopting())
        burying = children.bury_orphans_forever()
        await stack.enter_async_context(running("burial of orphans", burying))
        processes = stack.enter_context(
            open_direct_processes(
                instances.take_slot,
                children,
                threads=min(settings.max_concurrency, 8) + 1,
                open_files=open_files,
            )
        )
        isolation = await stack.enter_async_context(Isolation.by(processes, has_own_root=True))
        parts = _parts(settings, instances, isolation, console)
        pool = await stack.enter_async_context(_pool(settings, parts, version))
        yield Engine(version, pool, settings.queue_seconds)


def kept_descriptors(settings: EmulatorSettings) -> int:
    """How many of this process's descriptors are for something else than callers' connections."""
    return OWN_DESCRIPTORS + settings.max_concurrency * _INSTANCE_DESCRIPTORS


def _version(settings: EmulatorSettings) -> FunctionVersion:
    return FunctionVersion(
        account_id=settings.account_id,
        region=settings.region,
        name=settings.function_name,
        version=settings.function_version,
        runtime=_RUNTIME.identifier,
        handler=settings.handler,
        role="",
        timeout_seconds=settings.timeout_seconds,
        memory_mib=settings.memory_mib,
        ephemeral_storage_mib=0,
        code_sha256="",
        code_bytes=0,
        revision_id="",
        configuration_id=settings.function_name,
        last_modified="",
    )


def _parts(
    settings: EmulatorSettings, instances: Instances, isolation: Isolation, console: Console
) -> Parts:
    layers_root = settings.layers_root
    has_extensions = not (layers_root / _NO_EXTENSIONS).exists()

    async def find_code(sha256: str) -> Path:
        return settings.directory

    async def find_layers(version: FunctionVersion) -> Path | None:
        if not (has_extensions and extensions_of(layers_root).is_dir()):
            return None
        await asyncio.to_thread(tell_of_unexecutable, layers_root)
        return layers_root

    async def leave_as_is(version: FunctionVersion) -> FunctionVersion:
        return version

    return Parts(
        isolation=isolation,
        sandboxes=SandboxesOnDemand(isolation),
        runtimes={_RUNTIME.identifier: _RUNTIME},
        task_root=find_code,
        layers_root=find_layers,
        opened=leave_as_is,
        aws_access=_aws_access(),
        logs=console,
        freeze_after_seconds=settings.idle_seconds,
        stream_limits=_LAMBDAS_LIMITS if settings.limits_sizes else _NO_LIMITS,
        commands=EmulatorCommands(settings, instances),
        takes_extensions=has_extensions,
    )


def _aws_access() -> AwsAccess:
    """The function finds AWS, and signs, with whatever is in its container."""
    nothing = Credentials(access_key_id="", secret_access_key="", session_token="")

    async def issue(version: FunctionVersion) -> Credentials:
        return nothing

    return AwsAccess(
        endpoint_variables=(), doors=_NoDoors(), issue=issue, revoke=lambda credentials: None
    )


def _pool(settings: EmulatorSettings, parts: Parts, version: FunctionVersion) -> Pool:
    most = settings.max_concurrency
    limits = PoolLimits(
        parallel_starts=most,
        scaling_rate=sys.maxsize,
        tenant_environments=most,
        idle_seconds=settings.idle_seconds,
        environments_of_function=most,
    )
    budget = HostBudget(Room(most * settings.memory_mib * MIB, most))
    return Pool(parts, limits, budget, lambda version: True)


class _NoDoors:
    """See `aws_access.Doors`: nothing of ours is behind any."""

    def open(self, door: socket.socket, own: Sequence[Credentials]) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def hang_up(self, door: socket.socket) -> int:
        return 0
