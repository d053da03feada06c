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
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from typing import TYPE_CHECKING, Any

from lambent.control_plane.deployment import Deployments
from lambent.control_plane.operations import NOT_AVAILABLE, OPERATIONS as CONTROL_PLANE_OPERATIONS
from lambent.control_plane.plane import ControlPlane
from lambent.domain.errors import ServiceError
from lambent.execution_environment.pool import Pool, PoolLimits
from lambent.execution_environment.runtime_process import Parts
from lambent.execution_environment.runtimes import find_runtimes
from lambent.invocation.concurrency import Concurrency
from lambent.invocation.invoke import (
    NOT_AVAILABLE as INVOCATIONS_NOT_AVAILABLE,
    OPERATIONS as INVOCATION_OPERATIONS,
    DataPlane,
)
from lambent.protocol.service import Service
from lambent.sandbox.isolation import Isolation, IsolationUnavailable
from lambent.server.gateway import Api, Gateway, Operation
from lambent.server.listener import AddressInUse, Listener, bind, make_listener
from lambent.store import data_directory
from lambent.store.database import Database
from lambent.store.deployment_packages import DeploymentPackages
from lambent.store.functions import FunctionStore
from lambent.store.logs import LogStore
from lambent.store.migration import DatabaseTooNew
from lambent.store.seal import KeyUnusable, Seal, SealBroken
from lambent.telemetry.log_pipeline import LogPipeline
from lambent.telemetry.log_retention import run_retention
from lambent.telemetry.logs_api import OPERATIONS as LOGS_OPERATIONS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping

    from lambent.domain.caller import Caller
    from lambent.domain.function import FunctionVersion
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
        packages = DeploymentPackages(config.data_dir / "code")
        log_store = LogStore(database)
        runtimes = await asyncio.to_thread(find_runtimes, config.runtimes_dir)
        isolation = await enter(
            Isolation.open(state_directory=config.data_dir / "sandboxes", kind=config.isolation)
        )

        pipeline = LogPipeline(log_store)
        await enter(_running("log pipeline", pipeline.run()))
        await enter(_running("log retention", run_retention(log_store)))
        deployments = Deployments(functions, packages)
        await deployments.recover()
        await enter(_running("deployments", deployments.run()))
        pool = await enter(
            Pool(
                Parts(
                    isolation=isolation,
                    runtimes=runtimes,
                    task_root=packages.unpack,
                    logs=pipeline,
                ),
                PoolLimits(
                    environments=config.max_environments,
                    parallel_starts=2 * (os.cpu_count() or 1),
                    idle_seconds=config.idle_seconds,
                ),
                functools.partial(_is_current, functions),
            )
        )

        control_plane = ControlPlane(
            functions=functions,
            packages=packages,
            deployments=deployments,
            runtimes={name: runtime.obstacle for name, runtime in runtimes.items()},
            runtime_version_arn=lambda name, region: runtimes[name].version_arn(region),
            architecture=_ARCHITECTURES[platform.machine()],
            concurrency=config.concurrency,
            endpoint=url,
            code_location_key=(code_location_key := secrets.token_bytes(32)),
            clock=lambda: datetime.now(UTC),
        )
        data_plane = DataPlane(
            functions=functions, pool=pool, concurrency=Concurrency(config.concurrency)
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
            health=functools.partial(_health, pool),
        )
        listener = make_listener(gateway, config.drain_seconds)
        stack.enter_context(_stopped_by_signals(listener, pool, config.drain_seconds))
        _spare_garbage_collector()
        on_listening(url)
        await listener.serve(sockets=[listening])
        logger.info("no longer listening; closing execution environments")


def _spare_garbage_collector() -> None:
    """What is here at the start stays: service models are 400,000 objects to look through."""
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


def _health(pool: Pool) -> dict[str, object]:
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


@contextlib.contextmanager
def _stopped_by_signals(listener: Listener, pool: Pool, drain_seconds: int) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def end_invocations(why: str) -> None:
        logger.warning("ending the invocations at work: %s", why)
        pool.end_invocations()

    def stop() -> None:
        if listener.should_exit:
            end_invocations("a second signal came")
        else:
            logger.info("stopping: waiting for invocations at work (a second signal ends them)")
            listener.should_exit = True
            loop.call_later(drain_seconds, end_invocations, f"{drain_seconds} seconds are over")

    for each in signals:
        loop.add_signal_handler(each, stop)
    try:
        yield
    finally:
        for each in signals:
            loop.remove_signal_handler(each)
