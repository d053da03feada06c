"""The queue of asynchronous invocations: accepted when durable, run when there is a place.

Each function has a lane (`lane.py`), and lanes take turns, so that nobody's events wait behind
another function's. A lane whose function has no place stands in line for one, and holds none. What
an event comes to is decided in `fate.py`, written down in one transaction with what is to be sent
about it (`settlement.py`), and only then forgotten: whoever kills the server finds each event
again, or its outcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lambent.domain.asynchronous_event import AsynchronousEvent, back_off_seconds
from lambent.domain.errors import ServiceError
from lambent.domain.quotas import MIB
from lambent.invocation.asynchronous.alarms import Alarms
from lambent.invocation.asynchronous.attempt import begin_attempt, version_for
from lambent.invocation.asynchronous.lane import Lane, Postponed, Waiting
from lambent.store.batched_writes import BatchedWrites

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from lambent.domain.arn import FunctionKey
    from lambent.domain.asynchronous_event import Outcome
    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import InvocationResult
    from lambent.invocation.asynchronous.attempt import Attempt
    from lambent.invocation.asynchronous.fate import Fates
    from lambent.invocation.asynchronous.settlement import Settlement
    from lambent.invocation.run import Runs
    from lambent.store.asynchronous_events import EventStore
    from lambent.store.selection import Selection

logger = logging.getLogger(__name__)

_LOADED_EVENTS = 256  # of one function, in memory
_FEW_LOADED_EVENTS = 64  # then more are loaded
_HELD_BYTES = 64 * MIB  # of all functions; each may have one event beyond that
_LOAD_BYTES = 8 * MIB  # at one time
_LOAD_AGAIN_SECONDS = 1.0
# So many events of a function wait for an environment at one time, which makes the pool start as
# many as it can at once. They have places, which others may want.
_WAITING_FOR_ENVIRONMENT = 16


class EventQueue:
    """Every event that was accepted and has no outcome yet. Opened by `open_event_queue`."""

    def __init__(
        self,
        store: EventStore,
        runs: Runs,
        fates: Fates,
        settlement: Settlement,
        has_room: Callable[[], bool] = lambda: True,  # on the disk, for more events
    ) -> None:
        self._store = store
        self._runs = runs
        self._fates = fates
        self._clock = fates.clock
        self._settlement = settlement
        self._has_room = has_room
        self.additions = BatchedWrites(store.add)
        self._lanes: dict[FunctionKey, Lane] = {}
        self._held_bytes = 0
        self._called: dict[FunctionKey, Lane] = {}  # a place is free, and it is their turn
        self._runnable: dict[FunctionKey, Lane] = {}  # in the order of their turns
        self._has_work = asyncio.Event()
        self._alarms = Alarms(self._clock.now_ms, self._has_work.set)
        self._tasks = asyncio.TaskGroup()
        self._is_paused = False
        self._takes_events = True  # as far as is known: the log says once when not
        self._rows = asyncio.Lock()  # are read into memory, or removed: not both at one time
        self.at_work: dict[int, AsynchronousEvent] = {}

    # Accepting

    async def accept(self, event: AsynchronousEvent) -> None:
        """The event is durable when this returns, and is run from then on.

        Raises ServiceException when it could not be written down, as on a full disk.
        """
        if not self._has_room():
            raise self._not_queued("the disk is nearly full: see the setting queue_reserve_mib")
        lane = self._lane(event.function)
        event.id = self._store.next_id()
        event.due_ms = event.accepted_ms
        self._hold(lane, event)
        added = self.additions.put(event)
        added.add_done_callback(partial(self._added, lane, event))
        try:
            await asyncio.shield(added)  # a caller that goes away does not take its event along
        except Exception as error:
            # Whatever the database raises, the caller is to know that it is not queued.
            raise self._not_queued(str(error)) from error

    def _not_queued(self, why: str) -> ServiceError:
        if self._takes_events:
            self._takes_events = False
            logger.error("events cannot be queued, and are refused: %s", why)
        return ServiceError(
            "ServiceException", "The event could not be queued; the server's log says why."
        )

    def _added(self, lane: Lane, event: AsynchronousEvent, added: asyncio.Future[None]) -> None:
        if added.cancelled() or added.exception() is not None:
            self._release(lane, event)
            return
        self._takes_events = True
        self._count(event, "AsyncEventsReceived")
        if self._may_stay(lane):
            lane.loaded.append(event)
        else:
            self._release(lane, event)
            lane.stored(event.due_ms)
        self._mark(lane)

    def _may_stay(self, lane: Lane) -> bool:
        """Whether a new event stays in memory: not before earlier ones that are not there."""
        is_behind = lane.stored_due_ms is not None and lane.stored_due_ms <= self._clock.now_ms()
        if lane.is_loading or is_behind:
            return False
        if self._held_bytes > _HELD_BYTES:
            return not lane.ready
        return lane.ready < _LOADED_EVENTS

    # Lanes

    def proceed(self, account_id: str, region: str, name: str) -> None:
        """Look at a function's events: what they wait for may have come."""
        lane = self._lanes.get((account_id, region, name))
        if lane is not None:
            self._proceed(lane)

    async def look_again(self) -> None:
        """Events came to the database by another way than `accept`."""
        for function, due_ms in (await self._store.functions()).items():
            lane = self._lane(function)
            lane.stored(due_ms)
            self._mark(lane)

    def _lane(self, function: FunctionKey) -> Lane:
        found = self._lanes.get(function)
        if found is None:
            found = self._lanes[function] = Lane(function)
        return found

    def _hold(self, lane: Lane, event: AsynchronousEvent) -> None:
        lane.held.add(event.id)
        self._held_bytes += len(event.payload)

    def _release(self, lane: Lane, event: AsynchronousEvent) -> None:
        lane.held.discard(event.id)
        lane.tries.pop(event.id, None)
        self._held_bytes -= len(event.payload)

    def _mark(self, lane: Lane) -> None:
        """It may have something to do."""
        self._runnable[lane.function] = lane
        self._has_work.set()

    def _proceed(self, lane: Lane) -> None:
        lane.is_standing = False
        self._mark(lane)

    # Turns

    async def run(self) -> None:
        """Run events until `pause`; what is at work then ends."""
        async with self._tasks:
            await self.look_again()
            while not self._is_paused:
                await self._wait_for_work()
                for function in self._alarms.take_due():
                    self.proceed(*function)
                for lane in self._take_turns():
                    self._turn(lane)
                if self._runnable:
                    await asyncio.sleep(0)  # the others in this event loop have turns too

    def pause(self) -> None:
        """Begin with no other event: the server is about to stop."""
        self._is_paused = True
        self._has_work.set()

    async def _wait_for_work(self) -> None:
        if not self._runnable:
            self._has_work.clear()
            self._alarms.arm()
            await self._has_work.wait()

    def _take_turns(self) -> list[Lane]:
        lanes = self._called | self._runnable
        self._called, self._runnable = {}, {}
        return list(lanes.values())

    def _turn(self, lane: Lane) -> None:
        """Begin with one of its events, if there is one to begin with."""
        if self._is_paused:
            return
        now_ms = self._clock.now_ms()
        self._load_if_few(lane, now_ms)
        may_begin = lane.waiting_for_environment < _WAITING_FOR_ENVIRONMENT
        if may_begin and not lane.is_standing and lane.has_next(now_ms):
            event = lane.take_next(now_ms)
            try:
                self._try(lane, event)
            except Exception:  # a boundary: an event must not take the queue along
                logger.exception("an event of %s could not be tried", event.invoked_arn)
                self._postpone(lane, event, is_throttled=False)
            self._mark(lane)
        else:
            due_ms = lane.next_due_ms(now_ms)
            if due_ms is not None:
                self._alarms.set(lane.function, due_ms)
            if lane.is_empty:
                self._lanes.pop(lane.function, None)

    # Loading and forgetting

    def _load_if_few(self, lane: Lane, now_ms: int) -> None:
        is_due = lane.stored_due_ms is not None and lane.stored_due_ms <= now_ms
        is_full = lane.ready >= _FEW_LOADED_EVENTS or (
            self._held_bytes > _HELD_BYTES and lane.ready > 0
        )
        if is_due and not is_full and not lane.is_loading:
            lane.is_loading = True
            lane.stored_due_ms = None
            self._tasks.create_task(self._load(lane, now_ms), name=f"loading of {lane.function}")

    async def _load(self, lane: Lane, now_ms: int) -> None:
        try:
            async with self._rows:
                next_due_ms = await self._read_due(lane, now_ms)
        except Exception as error:  # noqa: BLE001 (a boundary: nobody else's events are to stand still)
            logger.warning("events of %s cannot be read: %s", lane.function, error)
            await asyncio.sleep(_LOAD_AGAIN_SECONDS)
            next_due_ms = now_ms
        lane.is_loading = False
        if next_due_ms is not None:
            lane.stored(next_due_ms)
        self._mark(lane)

    async def _read_due(self, lane: Lane, now_ms: int) -> int | None:
        """Have what is due in memory; answers when the next one is that stays where it is."""
        events, next_due_ms = await self._store.due(
            lane.function,
            now_ms,
            most=_LOADED_EVENTS - lane.ready,
            most_bytes=min(_LOAD_BYTES, max(0, _HELD_BYTES - self._held_bytes)),
            but=frozenset(lane.held),
        )
        for event in events:
            if event.id not in lane.held:  # it may have been accepted meanwhile
                self._hold(lane, event)
                lane.loaded.append(event)
        return next_due_ms

    async def purge(self, selection: Selection) -> int:
        """Forget events before they are run, or that are kept; how many there were.

        Those at work stay, and so do those that are accepted after this was called.
        """
        purged = 0
        until_now = replace(selection, until_id=self._store.last_id)
        while True:
            async with self._rows:
                for lane in self._lanes.values():
                    self._drop(lane, until_now)
                held = set[int]().union(*(lane.held for lane in self._lanes.values()))
                count = await self._store.purge_some(until_now, but=held)
            if not count:
                return purged
            purged += count

    def _drop(self, lane: Lane, selection: Selection) -> None:
        """What waits in memory and is meant is in the database only, from where it can go."""
        for event in lane.drop(lambda event: selection.has_waiting(lane.function, event.id)):
            self._release(lane, event)
            lane.stored(event.due_ms)
            self._mark(lane)

    # Trying

    def _try(self, lane: Lane, event: AsynchronousEvent) -> None:
        outcome = self._fates.before_running(event)
        if outcome is not None:
            self._end(lane, outcome, version_for(self._runs, event))
            return
        try:
            attempt = begin_attempt(self._runs, event)
        except ServiceError as error:
            self._refused(lane, event, error)
            return
        self.at_work[event.id] = event
        lane.waiting_for_environment += 1
        self._tasks.create_task(self._run(lane, attempt), name=f"event {event.request_id}")

    async def _run(self, lane: Lane, attempt: Attempt) -> None:
        event = attempt.event
        self._count(event, "AsyncEventAge", self._clock.now_ms() - event.accepted_ms)
        waiting = Waiting(lane, self._mark)
        try:
            answer = await attempt.answer(waiting.end)
        finally:
            waiting.end()
            del self.at_work[event.id]
        self._proceed(lane)  # it gave its place back
        if isinstance(answer, ServiceError):
            self._refused(lane, event, answer)
        else:
            self._answered(lane, attempt, answer)

    def _answered(self, lane: Lane, attempt: Attempt, result: InvocationResult) -> None:
        event, version = attempt.event, attempt.version
        fate = self._fates.after_running(event, version.version, result)
        if isinstance(fate, AsynchronousEvent):
            self._settlement.try_again(fate, partial(self._retry_is_written, lane, event, fate))
        else:
            self._end(lane, fate, version)

    def _retry_is_written(
        self, lane: Lane, event: AsynchronousEvent, again: AsynchronousEvent
    ) -> None:
        self._release(lane, event)
        lane.stored(again.due_ms)
        self._mark(lane)

    def _refused(self, lane: Lane, event: AsynchronousEvent, error: ServiceError) -> None:
        """It did not run, for no fault of the function's: it is tried again, if that can help."""
        logger.debug("an event of %s was not run: %s", event.invoked_arn, error)
        if error.code == "ResourceNotFoundException":
            self._end(lane, self._fates.not_found(event, error), None)
            return
        is_throttled = error.code == "TooManyRequestsException"
        self._postpone(lane, event, is_throttled=is_throttled)
        if is_throttled:
            lane.is_standing = True
            if not lane.is_in_line:
                tell = partial(self._has_place, lane)
                lane.is_in_line = self._runs.concurrency.stand_in_line(lane.function, tell)

    def _has_place(self, lane: Lane) -> None:
        lane.is_in_line = False
        self._called[lane.function] = lane
        self._proceed(lane)
        if not lane.ready:  # what stood there was purged
            asyncio.get_running_loop().call_soon(self._runs.concurrency.pass_on, lane.function)

    def _postpone(self, lane: Lane, event: AsynchronousEvent, *, is_throttled: bool) -> None:
        tries = lane.tries.get(event.id, 0) + 1
        due_ms = min(
            self._clock.after(back_off_seconds(tries)),
            # Then it is found to be too old.
            max(self._fates.last_moment(event), self._clock.now_ms() + 1),
        )
        lane.postpone(
            Postponed(
                due_ms=due_ms,
                number=event.id,
                event=event,
                tries=tries,
                is_throttled=is_throttled,
            )
        )
        self._mark(lane)

    def _end(self, lane: Lane, outcome: Outcome, version: FunctionVersion | None) -> None:
        self._settlement.end(outcome, version, partial(self._end_is_written, lane, outcome.event))

    def _end_is_written(self, lane: Lane, event: AsynchronousEvent) -> None:
        self._release(lane, event)
        self._mark(lane)

    def _count(self, event: AsynchronousEvent, metric: str, value: float = 1.0) -> None:
        self._runs.metrics.of(*event.function, event.qualifier, None).add(metric, value)


@contextlib.asynccontextmanager
async def open_event_queue(queue: EventQueue, settlement: Settlement) -> AsyncIterator[EventQueue]:
    """The queue at work; afterwards what became of its events is written."""
    async with asyncio.TaskGroup() as writers:
        writers.create_task(queue.additions.run(), name="accepted events")
        writers.create_task(settlement.writes.run(), name="settled events")
        try:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(queue.run(), name="asynchronous events")
                try:
                    yield queue
                finally:
                    running.cancel()
        finally:
            queue.additions.end()
            settlement.writes.end()
