"""The server: built by hand in dependency order, started in that order, stopped in reverse.

`serve` is the architecture on one page.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from lambent.aws.variable_keys import VariableKeys
from lambent.invocation.concurrency import Concurrency
from lambent.invocation.invoke import DataPlane
from lambent.sandbox.isolation import IsolationUnavailable
from lambent.server.apis import build_control_plane, build_functions_api, build_logs_api
from lambent.server.aws_clients import open_aws_clients
from lambent.server.background import running
from lambent.server.environments import list_environments, summarize_health
from lambent.server.execution import (
    host_budget,
    open_deployments,
    open_parts,
    open_pool,
    open_runtimes,
    open_snapshots,
)
from lambent.server.gateway import MAX_REQUEST_BYTES, Gateway
from lambent.server.listener import AddressInUse, Listener, bind
from lambent.server.stop import Stop
from lambent.server.stores import open_stores
from lambent.store import data_directory
from lambent.store.migration import DatabaseTooNew
from lambent.store.seal import KeyUnusable, SealBroken

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

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


async def serve(config: Config, on_listening: Callable[[str], None]) -> None:
    """Run a server until SIGTERM or SIGINT; `on_listening` gets its URL once it answers.

    The first signal lets invocations at work end; a second one ends them.
    """
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stack.enter_context(data_directory.locked(config.data_dir))
        listening = stack.enter_context(bind(config.host, config.port))
        stores = await enter(open_stores(config.data_dir))
        runtimes = await enter(open_runtimes(config))
        stop = stack.enter_context(Stop(config.drain_seconds))
        aws = stack.enter_context(open_aws_clients(config))
        variable_keys = VariableKeys(aws)
        parts = await enter(open_parts(config, stores, runtimes, variable_keys))
        budget = host_budget(config)
        snap_start = await enter(open_snapshots(config, stores, parts, budget))
        deployments = await enter(open_deployments(config, stores, snap_start, variable_keys))
        restoring = replace(parts, sandboxes=snap_start)
        concurrency = Concurrency(config.concurrency, stores.functions, stores.reserved_concurrency)
        pool = await enter(open_pool(config, stores, restoring, budget, concurrency))
        await enter(
            running(
                "unused code",
                stores.collection.run(lambda: [*pool.versions(), *snap_start.versions()]),
            )
        )

        url = _url(listening)
        control_plane = build_control_plane(config, stores, aws, runtimes, deployments, url)
        data_plane = DataPlane(
            functions=stores.functions,
            aliases=stores.aliases,
            policies=stores.policies,
            pool=pool,
            concurrency=concurrency,
        )
        gateway = Gateway(
            functions=build_functions_api(control_plane, data_plane),
            logs=build_logs_api(stores.logs),
            packages=stores.packages,
            code_location_key=control_plane.code_location_key,
            account_id=config.account_id,
            region=config.region,
            health=functools.partial(summarize_health, pool, snap_start),
            environments=functools.partial(list_environments, pool),
        )
        listener = Listener(
            gateway, max_body_bytes=MAX_REQUEST_BYTES, drain_seconds=config.drain_seconds
        )
        _spare_garbage_collector()
        on_listening(url)
        await stop.serve(listener, pool, listening)
        logger.info("no longer listening; closing execution environments")


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _spare_garbage_collector() -> None:
    """What is here at the start stays: 140,000 objects, mostly service models,
    take 40 ms to look through, in which no invocation would be answered.
    """
    gc.collect()
    gc.freeze()
