"""The server: built by hand in dependency order, started in that order, stopped in reverse.

`serve` is the architecture on one page.
"""

from __future__ import annotations

import contextlib
import gc
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from lambent.aws.variable_keys import VariableKeys
from lambent.invocation.concurrency import Concurrency
from lambent.sandbox.isolation import IsolationUnavailable
from lambent.server.addresses import open_addresses
from lambent.server.apis import build_control_plane
from lambent.server.background import running
from lambent.server.certificates import CertificateUnusable
from lambent.server.companion import CompanionUnavailable
from lambent.server.connection_bounds import public_bounds
from lambent.server.data_plane import open_data_plane
from lambent.server.endpoint import build_gateway
from lambent.server.execution import (
    host_budget,
    open_deployments,
    open_parts,
    open_pool,
    open_runtimes,
    open_snapshots,
)
from lambent.server.gateway import MAX_REQUEST_BYTES
from lambent.server.listener import Listener
from lambent.server.listening import AddressInUse
from lambent.server.neighbourhood import open_neighbourhood
from lambent.server.stop import Stop
from lambent.server.stores import open_stores
from lambent.store import data_directory
from lambent.store.migration import DatabaseTooNew
from lambent.store.seal import KeyUnusable, SealBroken

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.server.addresses import Addresses
    from lambent.server.config import Config

logger = logging.getLogger(__name__)

# What ends the start with a message for people, rather than with a traceback.
KNOWN_FAILURES = (
    AddressInUse,
    CertificateUnusable,
    CompanionUnavailable,
    DatabaseTooNew,
    IsolationUnavailable,
    data_directory.DataDirectoryInUse,
    data_directory.DataDirectoryUnusable,
    KeyUnusable,
    SealBroken,
)


async def serve(config: Config, on_listening: Callable[[Addresses], None]) -> None:
    """Run a server until SIGTERM or SIGINT; `on_listening` gets its addresses once it answers.

    The first signal lets invocations at work end; a second one ends them.
    """
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stack.enter_context(data_directory.locked(config.data_dir))
        addresses = stack.enter_context(open_addresses(config))
        stores = await enter(open_stores(config.data_dir))
        runtimes = await enter(open_runtimes(config))
        stop = stack.enter_context(Stop(config.drain_seconds))
        around = await enter(open_neighbourhood(config, addresses.url))
        variable_keys = VariableKeys(around.aws)
        # Functions find us at our own port, so that URLs of ours are good inside and outside.
        parts = await enter(
            open_parts(
                config, stores, runtimes, variable_keys, around.access, door_port=addresses.port
            )
        )
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

        invoking = await enter(open_data_plane(config, stores, around.aws, pool, concurrency))
        control_plane = build_control_plane(
            config, stores, around.aws, runtimes, deployments, addresses
        )
        gateway = build_gateway(config, stores, control_plane, invoking, around, snap_start)
        await enter(around.doors.serving(gateway, around.role_policies))
        listener = Listener(
            gateway,
            max_body_bytes=MAX_REQUEST_BYTES,
            drain_seconds=config.drain_seconds,
            bounds=public_bounds(MAX_REQUEST_BYTES),
            held_of=gateway.held_of,
        )
        _spare_garbage_collector()
        on_listening(addresses)
        await stop.serve(listener, invoking.plane.events, pool, addresses.listening)
        logger.info("no longer listening; closing execution environments")


def _spare_garbage_collector() -> None:
    """What is here at the start stays: 140,000 objects, mostly service models,
    take 40 ms to look through, in which no invocation would be answered.
    """
    gc.collect()
    gc.freeze()
