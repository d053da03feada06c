"""The server: built by hand in dependency order, started in that order, stopped in reverse.

`serve` is the architecture on one page.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import platform
import secrets
import signal
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from typing import TYPE_CHECKING, Any

from lambent.control_plane.deployment import Deployments
from lambent.control_plane.operations import NOT_AVAILABLE, OPERATIONS as CONTROL_PLANE_OPERATIONS
from lambent.control_plane.plane import ControlPlane
from lambent.domain.errors import ServiceError
from lambent.domain.quotas import MIB
from lambent.execution_environment.fast_starts.stem_cells import open_sandboxes
from lambent.execution_environment.pool.pool import Pool, PoolLimits
from lambent.execution_environment.pool.provisioned import ProvisionedConcurrencyKeeper
from lambent.execution_environment.runtime_process import Parts
from lambent.execution_environment.runtimes import installed_runtimes
from lambent.execution_environment.runtimes.architectures import emulated_architectures
from lambent.execution_environment.snap_start.snap_start import open_snap_start
from lambent.invocation.concurrency import Concurrency
from lambent.invocation.invoke import (
    NOT_AVAILABLE as INVOCATIONS_NOT_AVAILABLE,
    OPERATIONS as INVOCATION_OPERATIONS,
    DataPlane,
)
from lambent.protocol.service import Service
from lambent.sandbox.isolation import Isolation, IsolationUnavailable
from lambent.server.environments import list_environments
from lambent.server.gateway import MAX_REQUEST_BYTES, Api, Gateway, Operation
from lambent.server.listener import AddressInUse, Listener, bind
from lambent.store import data_directory
from lambent.store.database import Database
from lambent.store.deployment_packages import DeploymentPackages
from lambent.store.functions import FunctionStore
from lambent.store.layer_contents import LayerContents
from lambent.store.layers import LayerStore
from lambent.store.logs import LogStore
from lambent.store.migration import DatabaseTooNew
from lambent.store.provisioned_concurrency import ProvisionedConcurrencyStore
from lambent.store.seal import KeyUnusable, Seal, SealBroken
from lambent.telemetry.log_pipeline import LogPipeline
from lambent.telemetry.log_retention import run_retention
from lambent.telemetry.logs_api import OPERATIONS as LOGS_OPERATIONS

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from lambent.domain.caller import Caller
    from lambent.domain.function import FunctionVersion
    from lambent.execution_environment.prepared_sandbox import Sandboxes
    from lambent.server.config import Config

logger = logging.getLogger(__name__)

# What ends the start with a message for people, rather than with a traceback.
KNOWN_FAILURES = (
    AddressInUse,
    DatabaseTooNew,
    IsolationUnavailable,
    data_directory.DataDirectoryInUse,
    data_directory.DataDirectoryUnusable,
    KeyUnusable,
    SealBroken,
)
# Of the memory that environments may take together: a fourth, for what they are restored from.
_SHARE_FOR_SNAPSHOTS = 4
_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}


async def serve(config: Config, on_listening: Callable[[str], None]) -> None:
    """Run a server until SIGTERM or SIGINT; `on_listening` gets its URL once it answers.

    The first signal lets invocations at work end; a second one ends them.
    """
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stack.enter_context(data_directory.locked(config.data_dir))
        listening = stack.enter_context(bind(config.host, config.port))
        host, port = listening.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

        database = await enter(Database.open(config.data_dir / "lambent.sqlite3"))
        seal = Seal.from_key_file(config.data_dir / "key")
        functions = await FunctionStore.open(database, seal)
        layers = await LayerStore.open(database)
        packages = DeploymentPackages(config.data_dir / "code")
        layer_contents = LayerContents(config.data_dir / "layers", packages)
        provisioned_concurrency = ProvisionedConcurrencyStore(database)
        log_store = LogStore(database)
        sources = (config.runtimes_dir, config.interpreters)
        runtimes = await asyncio.to_thread(installed_runtimes.find_runtimes, *sources)
        await enter(_running("installed runtimes", installed_runtimes.watch(runtimes, *sources)))
        stop = stack.enter_context(Stop(config.drain_seconds))
        isolation = await enter(
            Isolation.open(state_directory=config.data_dir / "sandboxes", kind=config.isolation)
        )

        pipeline = LogPipeline(log_store)
        await enter(_running("log pipeline", pipeline.run()))
        await enter(_running("log retention", run_retention(log_store)))
        parts = Parts(
            isolation=isolation,
            sandboxes=await enter(
                open_sandboxes(
                    isolation,
                    runtimes,
                    has_stem_cells=config.fast_starts,
                    idle_seconds=config.idle_seconds,
                )
            ),
            runtimes=runtimes,
            task_root=packages.unpack,
            layers_root=layer_contents.root,
            logs=pipeline,
            freeze_after_seconds=config.freeze_after_seconds,
        )
        is_current = functools.partial(_is_current, functions)
        snap_start = await enter(
            open_snap_start(
                parts,
                is_current,
                takes_snapshots=config.fast_starts,
                idle_seconds=config.idle_seconds,
                memory_bytes=config.memory_mib * MIB // _SHARE_FOR_SNAPSHOTS,
            )
        )
        deployments = Deployments(functions, packages, layers, layer_contents, snap_start.prepare)
        await deployments.recover()
        await enter(_running("deployments", deployments.run()))
        pool = await enter(
            Pool(
                replace(parts, sandboxes=snap_start),
                PoolLimits(
                    memory_bytes=config.memory_mib * MIB,
                    environments=config.max_environments,
                    parallel_starts=2 * (os.cpu_count() or 1),
                    scaling_rate=config.scaling_rate,
                    idle_seconds=config.idle_seconds,
                ),
                is_current,
            )
        )
        keeper = ProvisionedConcurrencyKeeper(pool, provisioned_concurrency, functions)
        await enter(_running("provisioned concurrency", keeper.run()))

        control_plane = ControlPlane(
            functions=functions,
            packages=packages,
            layers=layers,
            layer_contents=layer_contents,
            deployments=deployments,
            provisioned_concurrency=provisioned_concurrency,
            runtime_obstacle=lambda name: runtimes[name].obstacle,
            runtime_version_arns=lambda name, region: runtimes[name].version_arns(region),
            allows_blocked_runtimes=config.blocked_runtimes == "allow",
            architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
            emulated_architectures=emulated_architectures(),
            concurrency=config.concurrency,
            endpoint=url,
            code_location_key=(code_location_key := secrets.token_bytes(32)),
            clock=lambda: datetime.now(UTC),
        )
        data_plane = DataPlane(
            functions=functions, pool=pool, concurrency=Concurrency(config.concurrency, pool)
        )
        gateway = Gateway(
            functions=_api(
                "lambda",
                _bind(CONTROL_PLANE_OPERATIONS, control_plane)
                | _bind(INVOCATION_OPERATIONS, data_plane),
                {**NOT_AVAILABLE, **INVOCATIONS_NOT_AVAILABLE},
            ),
            logs=_api("logs", _bind(LOGS_OPERATIONS, log_store), {}),
            packages=packages,
            code_location_key=code_location_key,
            account_id=config.account_id,
            region=config.region,
            health=functools.partial(_health, pool, snap_start),
            environments=functools.partial(list_environments, pool),
        )
        listener = Listener(
            gateway, max_body_bytes=MAX_REQUEST_BYTES, drain_seconds=config.drain_seconds
        )
        _spare_garbage_collector()
        on_listening(url)
        await stop.serve(listener, pool, listening)
        logger.info("no longer listening; closing execution environments")


def _spare_garbage_collector() -> None:
    """What is here at the start stays: 140,000 objects, mostly service models,
    take 40 ms to look through, in which no invocation would be answered.
    """
    gc.collect()
    gc.freeze()


def _bind(operations: Mapping[str, Callable[..., Any]], plane: object) -> dict[str, Operation]:
    return {name: functools.partial(operation, plane) for name, operation in operations.items()}


def _api(name: str, operations: dict[str, Operation], reasons: Mapping[str, str]) -> Api:
    """The API whose every other operation is refused: for a reason we have, or as not there."""
    service = Service.load(name)
    refused = {
        each: _refuse(reasons.get(each, f"{each} is not available in this release of Lambent."))
        for each in service.operations - operations.keys()
    }
    return Api(service=service, operations={**refused, **operations})


def _refuse(why: str) -> Operation:
    async def refuse(caller: Caller, request: dict[str, Any]) -> dict[str, Any]:
        raise ServiceError("NotImplementedException", why)

    return refuse


def _is_current(functions: FunctionStore, version: FunctionVersion) -> bool:
    """Whether the store still has exactly this configuration of the version."""
    stored = functions.version(version.account_id, version.region, version.name, version.version)
    return stored is not None and stored.configuration_id == version.configuration_id


def _health(pool: Pool, sandboxes: Sandboxes) -> dict[str, object]:
    statistics = pool.statistics()
    return {
        "status": "ok",
        "version": package_version("lambent"),
        "environments": {
            "total": statistics.environments,
            "idle": statistics.idle,
            "starting": statistics.starting,
        },
        "waiting_invocations": statistics.waiting,
        "stem_cells": sandboxes.in_stock(),
    }


@contextlib.asynccontextmanager
async def _running(name: str, work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs `work` meanwhile, and cancels it and waits for its end on leaving."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work, name=name)
        try:
            yield
        finally:
            task.cancel()


class Stop:
    """What signals do: the first drains, the second ends invocations, the third hangs up.

    Used as a context, around everything that has to be put away: no signal kills the server
    while it is doing that.
    """

    def __init__(self, drain_seconds: int) -> None:
        self._drain_seconds = drain_seconds
        self._signals = 0
        self._timer: asyncio.TimerHandle | None = None
        self._listener: Listener | None = None
        self._pool: Pool | None = None

    def __enter__(self) -> Stop:
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, self._come)
        return self

    def __exit__(self, *exception: object) -> None:
        self._cancel_timer()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(each)

    async def serve(self, listener: Listener, pool: Pool, listening: socket.socket) -> None:
        """Serve until a signal comes, or not at all when one came before."""
        self._listener, self._pool = listener, pool
        if self._signals:
            listener.stop()
        await listener.serve(listening)
        self._cancel_timer()

    def _come(self) -> None:
        self._signals += 1
        if self._signals == 1:
            logger.info("stopping: waiting for invocations at work (a second signal ends them)")
            why = f"{self._drain_seconds} seconds are over"
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._drain_seconds, self._end_invocations, why)
        elif self._signals == 2:
            self._end_invocations("a second signal came")
        if self._listener is not None:
            self._listener.stop()
            if self._signals > 2:
                self._listener.abandon()

    def _end_invocations(self, why: str) -> None:
        if self._pool is not None:
            logger.warning("ending the invocations at work: %s", why)
            self._pool.end_invocations()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
