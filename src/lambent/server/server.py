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

from lambent.aws.credentials import IssuedCredentials
from lambent.aws.variable_keys import VariableKeys
from lambent.invocation.concurrency import Concurrency
from lambent.invocation.invoke import DataPlane
from lambent.invocation.run import Runs
from lambent.sandbox.isolation import IsolationUnavailable
from lambent.server.apis import build_control_plane, build_functions_api, build_logs_api
from lambent.server.asynchronous import open_events
from lambent.server.aws_clients import endpoints_of, open_aws_clients
from lambent.server.background import running
from lambent.server.cloudwatch import build_cloudwatch
from lambent.server.companion import CompanionUnavailable, open_companion
from lambent.server.custom_resources import CustomResourceResponses
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
from lambent.server.log_subscriptions import open_log_subscriptions
from lambent.server.metrics import open_measurements, prometheus_page
from lambent.server.neighbours import Neighbours
from lambent.server.queue_api import QueueApi
from lambent.server.sandbox_access import authorize_with, aws_access, url_inside
from lambent.server.sandbox_doors import SandboxDoors
from lambent.server.service_door import ServiceDoor
from lambent.server.stop import Stop
from lambent.server.stores import open_stores
from lambent.store import data_directory
from lambent.store.migration import DatabaseTooNew
from lambent.store.seal import KeyUnusable, SealBroken
from lambent.telemetry.metrics.recorder import Metrics

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from lambent.server.config import Config

logger = logging.getLogger(__name__)

# What ends the start with a message for people, rather than with a traceback.
KNOWN_FAILURES = (
    AddressInUse,
    CompanionUnavailable,
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
        url = _url(listening)
        companion = await enter(open_companion(config, url))
        endpoints = endpoints_of(config, companion.url if companion else "")
        aws = stack.enter_context(open_aws_clients(endpoints))
        variable_keys, credentials = VariableKeys(aws), IssuedCredentials()
        doors = SandboxDoors(credentials)
        access = aws_access(credentials, aws, doors, default_endpoint=config.aws_endpoint_url)
        # The doors have our own port, so that URLs of ours are good inside and outside.
        door_port = listening.getsockname()[1]
        parts = await enter(
            open_parts(config, stores, runtimes, variable_keys, access, door_port=door_port)
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

        control_plane = build_control_plane(config, stores, aws, runtimes, deployments, url)
        metrics = Metrics()
        measurements = await enter(open_measurements(config, stores, metrics))
        runs = Runs(
            functions=stores.functions,
            aliases=stores.aliases,
            pool=pool,
            concurrency=concurrency,
            metrics=metrics,
        )
        events, queue_view = await enter(open_events(config, stores, aws, runs))
        data_plane = DataPlane(
            runs=runs,
            events=events,
            policies=stores.policies,
            recursion_configs=stores.recursion_configs,
        )
        subscriptions = await enter(open_log_subscriptions(stores, aws, data_plane))
        role_policies, authorize = authorize_with(aws)
        custom_resources = CustomResourceResponses(credentials, url_inside(config.isolation, url))
        gateway = Gateway(
            functions=build_functions_api(control_plane, data_plane),
            logs=build_logs_api(stores.logs, subscriptions),
            packages=stores.packages,
            code_location_key=control_plane.code_location_key,
            account_id=config.account_id,
            region=config.region,
            health=functools.partial(summarize_health, pool, snap_start),
            environments=functools.partial(list_environments, pool),
            cloudwatch=build_cloudwatch(measurements),
            metrics=functools.partial(prometheus_page, measurements, queue_view.counts),
            queue=QueueApi(queue_view),
            neighbours=Neighbours(endpoints=endpoints, companion=companion),
            services=ServiceDoor(
                plane=data_plane,
                secret=companion.secret if companion else "",
                custom_resources=custom_resources,
            ),
            custom_resources=custom_resources,
            authorize=authorize,
        )
        await enter(doors.serving(gateway, role_policies))
        listener = Listener(
            gateway,
            max_body_bytes=MAX_REQUEST_BYTES,
            drain_seconds=config.drain_seconds,
            streams=gateway.streams,
        )
        _spare_garbage_collector()
        on_listening(url)
        await stop.serve(listener, events, pool, listening)
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
