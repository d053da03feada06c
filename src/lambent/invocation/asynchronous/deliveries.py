"""What became of events is told to destinations and dead-letter queues.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.exc import DBAPIError

from lambent.domain.delivery import Delivery, DeliveryRefused
from lambent.invocation.asynchronous.dead_letter import dead_letter_attributes
from lambent.invocation.asynchronous.invocation_record import invocation_record
from lambent.store.database import Write
from lambent.telemetry.clock import now_ms

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from lambent.domain.asynchronous_event import Outcome
    from lambent.domain.delivery import DeliveryKind
    from lambent.domain.event_invoke_config import EventInvokeConfig
    from lambent.domain.function import FunctionVersion
    from lambent.store.deliveries import DeliveryStore
    from lambent.store.selection import Selection

    # Sends some of one target's, and answers of each what kept it from that, if anything:
    # DeliveryRefused when nothing ever will change.
    Send = Callable[[Sequence[Delivery]], Awaitable[Sequence[BaseException | None]]]
    # Told the name of a metric, and the delivery that is one for it.
    Count = Callable[[str, Delivery], None]

_log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

# Before a second attempt, a third, and so on. AWS does not say how it retries; half a minute is
# enough for a neighbour to start again.
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0)
_TARGETS_AT_ONCE = 32
_AT_ONCE = 10  # to one target: what SQS, SNS and EventBridge take in one call
_LONGEST_WAIT_SECONDS = 30.0  # then the time is looked at again: clocks may be set back
_STORE_RETRY_SECONDS = 1.0
_LEAVE_SECONDS = 2.0  # that what is being sent may take when the server stops
_ERROR_CHARACTERS = 1000
_TOLD_EACH_MS = 10_000
_METRICS = {"destination": "DestinationDeliveryFailures", "dead_letter": "DeadLetterErrors"}


@dataclass(slots=True)
class _Served:
    """A target that has a task of its own, for as long as something waits for it."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    told_ms: int = 0  # when the log last said that a delivery failed
    untold: Delivery | None = None  # the last failure since
    untold_count: int = 0


def deliveries_of(
    outcome: Outcome, config: EventInvokeConfig | None, version: FunctionVersion | None
) -> list[Delivery]:
    """Whom to tell what: a destination, and of a failure the dead-letter target too.

    `version` is the one that ran, or would have run; None when it is gone.
    """
    destination = None
    if config is not None:
        destination = config.on_success if outcome.is_success else config.on_failure
    dead_letter_arn = None
    if version is not None and not outcome.is_success:
        dead_letter_arn = version.dead_letter_arn
    deliveries = []
    if destination:
        record = invocation_record(outcome)
        deliveries.append(_delivery(outcome, "destination", destination, record))
    if dead_letter_arn:
        event = outcome.event
        letter = _delivery(outcome, "dead_letter", dead_letter_arn, event.payload)
        deliveries.append(replace(letter, attributes=dead_letter_attributes(outcome)))
    return deliveries


def _delivery(outcome: Outcome, kind: DeliveryKind, target_arn: str, body: bytes) -> Delivery:
    event = outcome.event
    return Delivery(
        account_id=event.account_id,
        region=event.region,
        name=event.name,
        request_id=event.request_id,
        kind=kind,
        condition=outcome.condition,
        target_arn=target_arn,
        function_arn=event.qualified_arn,
        trace_header=event.trace_header,
        body=body,
        created_ms=outcome.ended_ms,
        due_ms=outcome.ended_ms,
    )


class Deliveries:
    """Sends what waits, each target for itself; what fails again and again is kept as failed."""

    def __init__(
        self,
        store: DeliveryStore,
        count: Count,
        *,
        clock: Callable[[], int] = now_ms,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
    ) -> None:
        self._store = store
        self._count = count
        self._clock = clock  # milliseconds since 1970
        self._retry_seconds = retry_seconds
        self._served: dict[str, _Served] = {}  # by ARN
        self._unserved: set[str] = set()
        self._arrived = asyncio.Event()
        self._turns = asyncio.Semaphore(_TARGETS_AT_ONCE)

    def adding(self, deliveries: Sequence[Delivery]) -> Write:
        """What stores these; `wake` after that transaction has them sent."""
        write = self._store.adding(deliveries)
        targets = {each.target_arn for each in deliveries}
        return Write(write.job, lambda: self._note(targets))

    def wake(self) -> None:
        """Have sent what was added."""
        if self._unserved:
            self._arrived.set()

    async def redrive(self, selection: Selection) -> int:
        """Have failed deliveries sent again; answers how many."""
        count = await self._store.redrive(selection, self._clock())
        self._note(await self._store.targets())
        self.wake()
        return count

    async def run(self, send: Send) -> None:
        """Sends until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._note(await self._insist(self._store.targets))
            while True:
                for target_arn in self._unserved:
                    self._served[target_arn] = _Served()
                    work = self._serve(target_arn, send)
                    tasks.create_task(work, name=f"deliveries to {target_arn}")
                self._unserved.clear()
                self._arrived.clear()
                await self._arrived.wait()

    def _note(self, target_arns: Iterable[str]) -> None:
        for target_arn in target_arns:
            served = self._served.get(target_arn)
            if served is None:
                self._unserved.add(target_arn)
            else:
                served.news.set()

    async def _serve(self, target_arn: str, send: Send) -> None:
        served = self._served[target_arn]
        while True:
            served.news.clear()
            async with self._turns:
                page = await self._insist(
                    partial(self._store.due, target_arn, self._clock(), _AT_ONCE)
                )
                if page.deliveries:
                    await self._deliver(page.deliveries, served, send)
                    continue
            self._tell_if_due(served)
            waits = [page.next_ms] if page.next_ms is not None else []
            if served.untold is not None:
                waits.append(served.told_ms + _TOLD_EACH_MS)
            if waits:
                await self._wait(served, min(waits))
            elif not served.news.is_set():
                del self._served[target_arn]
                return

    async def _wait(self, served: _Served, until_ms: int) -> None:
        seconds = min((until_ms - self._clock()) / 1000, _LONGEST_WAIT_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await served.news.wait()

    async def _deliver(self, deliveries: Sequence[Delivery], served: _Served, send: Send) -> None:
        attempt = asyncio.create_task(
            self._attempt(deliveries, served, send),
            name=f"attempt of {len(deliveries)} deliveries to {deliveries[0].target_arn}",
        )
        try:
            await asyncio.shield(attempt)
        except asyncio.CancelledError:
            # What is sent, and not written down before the server ends, is sent again by the next.
            await asyncio.wait([attempt], timeout=_LEAVE_SECONDS)
            attempt.cancel()
            raise

    async def _attempt(self, deliveries: Sequence[Delivery], served: _Served, send: Send) -> None:
        problems: Sequence[BaseException | None]
        try:
            problems = await send(deliveries)
        except Exception as error:  # noqa: BLE001 (a boundary: whatever it is, it is this target's)
            problems = [error] * len(deliveries)
        told = list(zip(deliveries, problems, strict=True))
        done = [delivery for delivery, problem in told if problem is None]
        failed = [self._after(each, problem) for each, problem in told if problem is not None]
        # Not given up: what was sent would be sent once more for each time that this fails.
        await self._insist(partial(self._store.settle, done, failed))
        for delivery in failed:
            if delivery.state == "failed":
                self._count(_METRICS[delivery.kind], delivery)
                served.untold = delivery
                served.untold_count += 1
                self._tell_if_due(served)

    def _after(self, delivery: Delivery, problem: BaseException) -> Delivery:
        """What is left of a delivery that failed."""
        attempts = delivery.attempts
        is_final = isinstance(problem, DeliveryRefused) or attempts >= len(self._retry_seconds)
        wait_ms = 0 if is_final else int(self._retry_seconds[attempts] * 1000)
        return replace(
            delivery,
            state="failed" if is_final else "waiting",
            due_ms=self._clock() + wait_ms,
            attempts=attempts + 1,
            last_error=_in_one_line(problem),
        )

    def _tell_if_due(self, served: _Served) -> None:
        """A function in a hurry must not fill the log."""
        delivery, now = served.untold, self._clock()
        if delivery is None or 0 <= now - served.told_ms < _TOLD_EACH_MS:
            return
        others = f", the last of {served.untold_count} such failures" * (served.untold_count > 1)
        _log.warning(
            "%s of %s could not be sent to %s%s: %s (request %s; it is kept, and can be redriven)",
            "a dead letter" if delivery.kind == "dead_letter" else "an invocation record",
            delivery.function_arn,
            delivery.target_arn,
            others,
            delivery.last_error,
            delivery.request_id,
        )
        served.told_ms, served.untold, served.untold_count = now, None, 0

    async def _insist(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """What a call of the store answers, when it can: after a full disk has room again."""
        while True:
            try:
                return await call()
            except Exception as error:  # noqa: BLE001 (a boundary: nothing that failed is lost)
                _log.warning("deliveries cannot be stored now, and wait: %s", _reason(error))
            await asyncio.sleep(_STORE_RETRY_SECONDS)


def _reason(error: Exception) -> str:
    """Without SQLAlchemy's own text, which would show what is in the events."""
    return str(error.orig) if isinstance(error, DBAPIError) else repr(error)


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:_ERROR_CHARACTERS] or type(error).__name__
