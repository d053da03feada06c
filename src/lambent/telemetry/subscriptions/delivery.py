"""Sends log events to their groups' subscribers.

It reads behind the log store and writes down how far it came: what functions log never waits for a
subscriber, nothing but a page of events is in memory, and what a subscriber could not take yet
stays where it is, over a restart too. An event is sent at least once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lambent.domain.identifiers import new_uuid
from lambent.store.functions import NotFound, RevisionMismatch
from lambent.telemetry.clock import now_ms
from lambent.telemetry.subscriptions.destinations import NotDelivered
from lambent.telemetry.subscriptions.messages import messages_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lambent.domain.log_subscription import LogSubscription
    from lambent.store.log_records import StreamBatch
    from lambent.store.logs import LogStore
    from lambent.store.records import AccountRecords
    from lambent.telemetry.subscriptions.chains import Traces
    from lambent.telemetry.subscriptions.destinations import Destinations
    from lambent.telemetry.subscriptions.messages import SubscriptionMessage

    _Group = tuple[str, str, str]  # account, region, name
    _Key = tuple[str, str, str]  # account, region, the subscription's id

logger = logging.getLogger(__name__)

# The lines of one invocation come in several writes: waiting makes one message of most of them.
_GATHERING_SECONDS = 0.5
_READ_AT_ONCE = 4
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 60.0
# "CloudWatch Logs continues to retry delivery for up to 24 hours"
_LONGEST_TRIED_MS = 24 * 60 * 60 * 1000

Sleep = Callable[[float], Awaitable[None]]


class LogSubscriptions:
    """All subscriptions, and their events' way to the subscribers while `run` runs."""

    def __init__(
        self,
        logs: LogStore,
        records: AccountRecords[LogSubscription],
        destinations: Destinations,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.logs = logs
        self.records = records
        self.destinations = destinations
        self._sleep = sleep
        self._of_group: defaultdict[_Group, set[_Key]] = defaultdict(set)
        self._woken: dict[_Key, None] = {}
        self._is_woken = asyncio.Event()
        self._at_work: set[_Key] = set()
        self._failing: set[_Key] = set()  # of which the server's log has told
        self._turns = asyncio.Semaphore(_READ_AT_ONCE)
        for subscription in records.everything():
            self._know(subscription)
        logs.on_append(self._wake_all)
        logs.on_delete_group(self._wake_group)

    def of_group(self, account_id: str, region: str, group_id: int) -> list[LogSubscription]:
        """By name."""
        found = [
            each
            for each in self.records.of_account(account_id, region)
            if each.group_id == group_id
        ]
        return sorted(found, key=lambda each: each.filter_name)

    async def put(self, subscription: LogSubscription) -> None:
        """Store it, in place of one with the same id."""
        await self.records.put(subscription)
        self._know(subscription)

    async def delete(self, subscription: LogSubscription) -> bool:
        """Whether it was there; whatever it has been changed to meanwhile."""
        while (now := self._current(_key(subscription))) is not None:
            try:
                await self.records.delete(now)
            except RevisionMismatch:
                continue
            except NotFound:
                break
            self._forget(now)
            return True
        return False

    async def run(self) -> None:
        """Sends until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._is_woken.wait()
                self._is_woken.clear()
                # Who is at work looks again at its end.
                for key in [key for key in self._woken if key not in self._at_work]:
                    del self._woken[key]
                    self._at_work.add(key)
                    tasks.create_task(self._work(key), name=f"log subscription {key[2]}")

    def _know(self, subscription: LogSubscription) -> None:
        self._of_group[_group(subscription)].add(_key(subscription))
        self._wake(_key(subscription))

    def _forget(self, subscription: LogSubscription) -> None:
        keys = self._of_group[_group(subscription)]
        keys.discard(_key(subscription))
        self._failing.discard(_key(subscription))
        if not keys:
            del self._of_group[_group(subscription)]

    def _wake_all(self, batches: Sequence[StreamBatch]) -> None:
        if not self._of_group:
            return
        for batch in batches:
            self._wake_group(batch.account_id, batch.region, batch.group)

    def _wake_group(self, account_id: str, region: str, name: str) -> None:
        for key in self._of_group.get((account_id, region, name), ()):
            self._wake(key)

    def _wake(self, key: _Key) -> None:
        self._woken[key] = None
        self._is_woken.set()

    def _current(self, key: _Key) -> LogSubscription | None:
        return self.records.get(*key)

    async def _work(self, key: _Key) -> None:
        try:
            await self._sleep(_GATHERING_SECONDS)
            while await self._send_next(key):
                pass
        except Exception:
            # Boundary of a background task: what is left waits in the database, and is found with
            # the group's next events; no subscription may end the others.
            logger.exception("log events of the subscription %s could not be sent", key[2])
        finally:
            self._at_work.discard(key)
            if key in self._woken:
                self._is_woken.set()

    async def _send_next(self, key: _Key) -> bool:
        """Send a page of events; whether there may be more."""
        subscription = self._current(key)
        if subscription is None:
            return False
        async with self._turns:
            page = await self.logs.follow(subscription.group_id, subscription.done_event_id)
            if page is None:
                await self.delete(subscription)
                return False
            messages, too_large = await asyncio.to_thread(
                messages_of, subscription, page.events, self.destinations.most_bytes(subscription)
            )
        if too_large:
            logger.warning(
                "%d log events of %s are too large for %s, and were not sent",
                *(too_large, subscription.group, subscription.destination_arn),
            )
        traces = self.destinations.traces_of(subscription, page.events)
        for message in messages:
            await self._send(subscription, message, traces)
        if self._is_unchanged(subscription):
            await self._note_done(subscription, page.last_event_id)
            return not page.is_complete
        # Deleted, or the page is for another destination now.
        return True

    async def _send(
        self, subscription: LogSubscription, message: SubscriptionMessage, traces: Traces
    ) -> None:
        """Until it is taken, or it is not to be sent any more."""
        delay = _FIRST_RETRY_SECONDS
        while self._is_to_be_sent(subscription, message):
            try:
                await self.destinations.send(subscription, message, traces)
            except NotDelivered as error:
                self._tell_failure(subscription, error)
                if error.is_final:
                    return
            else:
                self._failing.discard(_key(subscription))
                return
            await self._sleep(delay)
            delay = min(2 * delay, _LONGEST_RETRY_SECONDS)

    def _is_to_be_sent(self, subscription: LogSubscription, message: SubscriptionMessage) -> bool:
        is_young = now_ms() - message.oldest_ingestion_ms < _LONGEST_TRIED_MS
        return is_young and self._is_unchanged(subscription)

    def _is_unchanged(self, subscription: LogSubscription) -> bool:
        now = self._current(_key(subscription))
        return (
            now is not None
            and now.destination_arn == subscription.destination_arn
            and now.pattern == subscription.pattern
        )

    def _tell_failure(self, subscription: LogSubscription, error: NotDelivered) -> None:
        """Once, until something is delivered again."""
        if _key(subscription) in self._failing:
            return
        self._failing.add(_key(subscription))
        logger.warning(
            "log events of %s are not delivered to %s, and %s: %s",
            *(subscription.group, subscription.destination_arn),
            "are dropped" if error.is_final else "are tried again for a day",
            error,
        )

    async def _note_done(self, subscription: LogSubscription, event_id: int) -> None:
        """Write down how far it came, also of one that was changed meanwhile."""
        while (now := self._current(_key(subscription))) is not None:
            if now.done_event_id >= event_id:
                return
            done = replace(now, done_event_id=event_id, revision_id=new_uuid())
            try:
                await self.records.put(done, instead_of=now.revision_id)
            except RevisionMismatch:
                continue
            except NotFound:
                return


def _key(subscription: LogSubscription) -> _Key:
    return subscription.account_id, subscription.region, subscription.id


def _group(subscription: LogSubscription) -> _Group:
    return subscription.account_id, subscription.region, subscription.group
