"""The asynchronous path: the queue of events, and what is sent about them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from lambent.aws.destinations import Destinations
from lambent.domain.quotas import MIB
from lambent.invocation.asynchronous.deliveries import RETRY_SECONDS, Deliveries
from lambent.invocation.asynchronous.event_queue import EventQueue, open_event_queue
from lambent.invocation.asynchronous.expiry import expire_failed
from lambent.invocation.asynchronous.fate import Fates
from lambent.invocation.asynchronous.queue_clock import QueueClock
from lambent.invocation.asynchronous.queue_view import QueueView
from lambent.invocation.asynchronous.sending import Sending
from lambent.invocation.asynchronous.settlement import Settlement
from lambent.server.background import running
from lambent.store.disk_room import DiskRoom
from lambent.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lambent.aws.clients import AwsClients
    from lambent.domain.delivery import Delivery
    from lambent.invocation.run import Runs
    from lambent.server.config import Config
    from lambent.server.stores import Stores


@contextlib.asynccontextmanager
async def open_events(
    config: Config, stores: Stores, aws: AwsClients, runs: Runs
) -> AsyncIterator[tuple[EventQueue, QueueView]]:
    """Events are run meanwhile, and what is to be told about them is sent.

    The queue, and the view that people have of it.
    """

    def count(metric: str, delivery: Delivery) -> None:
        function = (delivery.account_id, delivery.region, delivery.name)
        runs.metrics.of(*function, None, None).add(metric)

    fates = Fates(
        event_invoke_configs=stores.event_invoke_configs,
        reserved_concurrency=stores.reserved_concurrency,
        recursion_configs=stores.recursion_configs,
        clock=QueueClock(now_ms=now_ms, factor=config.queue_time_factor),
    )
    retry_seconds = [seconds / config.queue_time_factor for seconds in RETRY_SECONDS]
    deliveries = Deliveries(stores.deliveries, count, retry_seconds=retry_seconds)
    settlement = Settlement(stores.events, fates, deliveries, runs.metrics)
    room = DiskRoom(config.data_dir, config.queue_reserve_mib * MIB)
    queue = EventQueue(stores.events, runs, fates, settlement, room.has_some)
    stores.reserved_concurrency.on_change(queue.proceed)
    sending = Sending(
        services=Destinations(aws),
        runs=runs,
        policies=stores.policies,
        accept=queue.accept,
    )
    async with (
        open_event_queue(queue, settlement),
        running("deliveries", deliveries.run(sending.send)),
        running("failed events expire", expire_failed(stores.events, "events", now_ms)),
        running("failed deliveries expire", expire_failed(stores.deliveries, "deliveries", now_ms)),
    ):
        yield (
            queue,
            QueueView(
                events=stores.events,
                delivery_store=stores.deliveries,
                queue=queue,
                deliveries=deliveries,
                now_ms=now_ms,
            ),
        )
