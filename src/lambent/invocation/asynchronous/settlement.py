"""Writing down what became of events, with what is to be sent about it."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from lambent.domain.asynchronous_event import (
    AsynchronousEvent,
    Condition,
    FailedEvent,
    Outcome,
)
from lambent.invocation.asynchronous.deliveries import deliveries_of
from lambent.store.asynchronous_events import Settled
from lambent.store.batched_writes import BatchedWrites

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.domain.function import FunctionVersion
    from lambent.invocation.asynchronous.deliveries import Deliveries
    from lambent.invocation.asynchronous.fate import Fates
    from lambent.store.asynchronous_events import EventStore
    from lambent.telemetry.metrics.recorder import Metrics

logger = logging.getLogger(__name__)

_WRITE_AGAIN_SECONDS = 1.0
_ERROR_CHARACTERS = 4096  # of what is kept with a failed event


class Settlement:
    """Nothing is forgotten before it is written: what the disk does not take now, it takes later."""

    def __init__(
        self, store: EventStore, fates: Fates, deliveries: Deliveries, metrics: Metrics
    ) -> None:
        self._fates = fates
        self._deliveries = deliveries
        self._metrics = metrics
        self.writes = BatchedWrites(store.settle)
        self._is_told = False

    def try_again(self, event: AsynchronousEvent, written: Callable[[], None]) -> None:
        """It is due at its `due_ms`; `written` is called when that is durable."""
        self._write(Settled(event=event, next=event), written)

    def end(
        self, outcome: Outcome, version: FunctionVersion | None, written: Callable[[], None]
    ) -> None:
        """There is no other attempt. `version` is the one that ran, or would have."""
        event = outcome.event
        deliveries = deliveries_of(outcome, self._fates.config(event), version)
        kept = None
        if not outcome.is_success:
            self._count(event, "AsyncEventsDropped")
            if outcome.condition is Condition.RECURSIVE_INVOCATION:
                self._count(event, "RecursiveInvocationsDropped")
            logger.info("an event of %s failed: %s", event.invoked_arn, outcome.condition)
            if not deliveries:
                kept = FailedEvent(
                    event=event, condition=outcome.condition, error=_in_short(outcome)
                )
        settled = Settled(
            event=event,
            next=kept,
            deliveries=self._deliveries.adding(deliveries) if deliveries else None,
        )
        self._write(settled, written)

    def _write(self, settled: Settled, written: Callable[[], None]) -> None:
        done = self.writes.put(settled)
        done.add_done_callback(partial(self._written, settled, written))

    def _written(
        self, settled: Settled, written: Callable[[], None], done: asyncio.Future[None]
    ) -> None:
        if done.cancelled():  # the server ends: the event is tried again by the next one
            return
        error = done.exception()
        if error is None:
            self._is_told = False
            written()
            self._deliveries.wake()
            return
        if not self._is_told:
            self._is_told = True
            logger.error("what became of events cannot be written down, and is kept: %s", error)
        asyncio.get_running_loop().call_later(_WRITE_AGAIN_SECONDS, self._write, settled, written)

    def _count(self, event: AsynchronousEvent, metric: str) -> None:
        self._metrics.of(*event.function, event.qualifier, None).add(metric)


def _in_short(outcome: Outcome) -> str:
    return (outcome.response_payload or b"").decode(errors="replace")[:_ERROR_CHARACTERS]
