"""The queue as people see it: events and deliveries, what each waits for, and why it failed.

An event has its row's number here, and a delivery a `d` before its own.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias, get_args

from lambent.domain.errors import resource_not_found
from lambent.invocation.asynchronous.queue_items import (
    DeliveryState,
    EventState,
    delivery_item,
    event_item,
    shown_delivery,
    shown_event,
)
from lambent.store.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lambent.domain.arn import FunctionKey
    from lambent.invocation.asynchronous.deliveries import Deliveries
    from lambent.invocation.asynchronous.event_queue import EventQueue
    from lambent.invocation.asynchronous.queue_items import Item
    from lambent.store.asynchronous_events import EventStore, Listed
    from lambent.store.deliveries import DeliveryStore
    from lambent.store.selection import State

QueueState = EventState | DeliveryState

EVENT_STATES: tuple[EventState, ...] = get_args(EventState)
DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)

_SHOWN: dict[State, DeliveryState] = {"waiting": "delivering", "failed": "undelivered"}
_STORED: dict[QueueState, State] = {
    "waiting": "waiting",
    "running": "waiting",
    "failed": "failed",
    "delivering": "waiting",
    "undelivered": "failed",
}
_GONE = "it is done, or gone"
_MOST_OF_REQUEST = 100  # deliveries about one, which is two unless it was redriven
_MOST_DIGITS = 18  # of the number of a row
_DELIVERY_ID = re.compile(f"d([0-9]{{1,{_MOST_DIGITS}}})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What is asked for: everything, but for what is named here."""

    account_id: str | None = None
    region: str | None = None
    name: str | None = None  # the function's
    state: QueueState | None = None
    ids: Sequence[str] | None = None  # also those of requests


@dataclass(frozen=True, slots=True)
class Page:
    items: list[Item]
    next: str | None  # where the next page begins; None: this is the last one


@dataclass(frozen=True, slots=True)
class Changed:
    events: int
    deliveries: int
    not_changed: Mapping[str, str] = field(default_factory=dict)  # why not, of what was named


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """Which events, and which deliveries; None: none."""

    events: Selection | None
    deliveries: Selection | None
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """What there is, and what people do about it."""

    events: EventStore
    delivery_store: DeliveryStore
    queue: EventQueue
    deliveries: Deliveries
    now_ms: Callable[[], int]

    async def counts(self) -> dict[tuple[FunctionKey, QueueState], int]:
        """How many there are of each function in each state, where there are any."""
        counts: Counter[tuple[FunctionKey, QueueState]] = Counter()
        for (function, stored), count in (await self.events.counts()).items():
            counts[function, stored] += count
        for event in self.queue.at_work.values():
            counts[event.function, "running"] += 1
            counts[event.function, "waiting"] -= 1
        for (function, stored), count in (await self.delivery_store.counts()).items():
            counts[function, _SHOWN[stored]] += count
        return {key: count for key, count in counts.items() if count > 0}

    async def page(self, meant: Meant, *, after: str | None, most: int) -> Page:
        """At most so many, events before deliveries. `after` is where the last page ended.

        Raises ValueError when that is no such place.
        """
        items: list[Item] = []
        after_delivery = _delivery_number(after or "")
        if after_delivery is None and meant.state not in DELIVERY_STATES:
            found = await self.events.list(
                self._events(meant), after=_event_number(after or "0"), most=most
            )
            shown = map(self._item, found)
            items = [each for each in shown if meant.state in (None, each["state"])]
            if len(found) == most:
                return Page(items, str(found[-1].event.id))
        if meant.state in EVENT_STATES:
            return Page(items, None)
        room = most - len(items)
        deliveries = await self.delivery_store.page(
            _selection(meant), after_id=after_delivery or 0, most=room
        )
        items += map(delivery_item, deliveries)
        return Page(items, f"d{deliveries[-1].id}" if len(deliveries) == room else None)

    async def show(self, name: str) -> Item:
        """All there is to say of one. Raises ResourceNotFoundException."""
        if (found := await self._find(name)) is not None:
            listed, payload = found
            return shown_event(self._item(listed), listed, payload)
        delivery = await self.delivery_store.get(_delivery_named(name))
        if delivery is None:
            raise _nothing_is([name])
        return shown_delivery(delivery_item(delivery), delivery)

    async def redrive(self, meant: Meant) -> Changed:
        """Run failed events again as if they were new, and send undelivered records again.

        What can be done of the identifiers is done, and of the others it is said why not.
        """
        chosen = await self._choose(meant, _not_redriven)
        changed = Changed(
            await self.events.redrive(chosen.events, self.now_ms()) if chosen.events else 0,
            await self.deliveries.redrive(chosen.deliveries) if chosen.deliveries else 0,
            chosen.refused,
        )
        if changed.events:
            await self.queue.look_again()
        return changed

    async def purge(self, meant: Meant) -> Changed:
        """Forget for good whatever does not run at this moment; else as `redrive`."""
        chosen = await self._choose(meant, _not_purged)
        return Changed(
            await self.queue.purge(chosen.events) if chosen.events else 0,
            await self.delivery_store.purge(chosen.deliveries) if chosen.deliveries else 0,
            chosen.refused,
        )

    async def _choose(self, meant: Meant, obstacle: _Obstacle) -> _Chosen:
        if meant.ids is not None:
            return await self._named(meant, meant.ids, obstacle)
        return _Chosen(
            events=None if meant.state in DELIVERY_STATES else self._events(meant),
            deliveries=None if meant.state in EVENT_STATES else _selection(meant),
        )

    async def _named(self, meant: Meant, names: Sequence[str], obstacle: _Obstacle) -> _Chosen:
        events, deliveries, refused = set[int](), set[int](), dict[str, str]()
        for name in names:
            found = await self._states(name)
            reasons = {number: _reason(meant, state, obstacle) for number, state in found.items()}
            able = {number for number, reason in reasons.items() if reason is None}
            events |= {number for is_event, number in able if is_event}
            deliveries |= {number for is_event, number in able if not is_event}
            if not able:
                refused[name] = next((each for each in reasons.values() if each), _GONE)
        return _Chosen(
            events=replace(_selection(meant), ids=events) if events else None,
            deliveries=replace(_selection(meant), ids=deliveries) if deliveries else None,
            refused=refused,
        )

    async def _states(self, name: str) -> dict[tuple[bool, int], QueueState]:
        """What has this name: whether it is an event, its number, and how it is."""
        if (found := await self._find(name)) is not None:
            event = found[0].event
            is_running = event.id in self.queue.at_work
            return {(True, event.id): "running" if is_running else found[0].state}
        deliveries = await self.delivery_store.page(_delivery_named(name), most=_MOST_OF_REQUEST)
        return {(False, each.id): _SHOWN[each.state] for each in deliveries}

    async def _find(self, name: str) -> tuple[Listed, bytes] | None:
        return None if _delivery_number(name) is not None else await self.events.find(name)

    def _item(self, listed: Listed) -> Item:
        is_running = listed.event.id in self.queue.at_work
        return event_item(listed, "running" if is_running else listed.state)

    def _events(self, meant: Meant) -> Selection:
        selection = _selection(meant)
        if meant.state == "running":
            return replace(selection, ids=list(self.queue.at_work))
        return selection


# Why what is in a state cannot be changed; None: it can.
_Obstacle: TypeAlias = "Callable[[QueueState], str | None]"


def _not_redriven(state: QueueState) -> str | None:
    if state in ("failed", "undelivered"):
        return None
    return f"it is {state}: only what is failed or undelivered can be tried again"


def _not_purged(state: QueueState) -> str | None:
    return "it is running: what runs cannot be forgotten" if state == "running" else None


def _reason(meant: Meant, state: QueueState, obstacle: _Obstacle) -> str | None:
    if meant.state not in (None, state):
        return f"it is {state}, not {meant.state}"
    return obstacle(state)


def _selection(meant: Meant) -> Selection:
    return Selection(
        account_id=meant.account_id,
        region=meant.region,
        name=meant.name,
        state=_STORED[meant.state] if meant.state else None,
    )


def _event_number(name: str) -> int:
    if len(name) > _MOST_DIGITS:
        raise ValueError("a number of no row")
    return int(name)


def _delivery_number(name: str) -> int | None:
    match = _DELIVERY_ID.fullmatch(name)
    return int(match[1]) if match else None


def _delivery_named(name: str) -> Selection:
    number = _delivery_number(name)
    return Selection(request_id=name) if number is None else Selection(ids=[number])


def _nothing_is(names: Sequence[str]) -> Exception:
    return resource_not_found(f"Nothing in the queue is {', '.join(names)}: it is done, or gone.")
