from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from lambent.domain.asynchronous_event import AsynchronousEvent, FailedEvent
from lambent.store import asynchronous_events
from lambent.store.asynchronous_events import EventStore, Settled
from lambent.store.database import Database, Write
from lambent.store.selection import Selection

ECHO = ("000000000000", "us-east-1", "echo")
OTHER = ("000000000000", "us-east-1", "other")


@pytest.fixture
async def store(database):
    return await EventStore.open(database)


@pytest.fixture
def event(store):
    def make(**members):
        settings = {
            "account_id": ECHO[0],
            "region": ECHO[1],
            "name": ECHO[2],
            "qualifier": None,
            "request_id": "r",
            "payload": b"{}",
            "trace_header": "Root=1",
            "accepted_ms": 5,
            "due_ms": 5,
            "id": store.next_id(),
        }
        return AsynchronousEvent(**(settings | members))

    return make


@pytest.fixture
def due(store):
    return partial(store.due, ECHO, most=100, most_bytes=1000, but=())


def failed(event, **members):
    return Settled(
        event=event,
        next=FailedEvent(
            event=replace(event, due_ms=9, attempts=3), condition="RetriesExhausted", error="no"
        ),
        **members,
    )


async def test_an_event_is_read_as_it_was_stored(store, event, due):
    stored = event(
        qualifier="live",
        payload=b"\x00\xff",
        client_context="{}",
        tenant_id="blue",
        attempts=2,
    )
    await store.add([stored])
    assert await due(5) == ([stored], None)


async def test_events_come_in_the_order_they_are_due_and_not_before(store, event, due):
    late, early, later = event(due_ms=8), event(due_ms=6), event(due_ms=10)
    await store.add([late, early, later, event(name="other", due_ms=1)])
    assert await due(8) == ([early, late], 10)
    assert await due(5) == ([], 6)


async def test_what_is_held_already_is_not_read_again(store, event, due):
    first, second = event(due_ms=1), event(due_ms=2)
    await store.add([first, second])
    assert await due(5, but={first.id}) == ([second], None)
    assert await due(5, but={first.id, second.id}) == ([], None)


async def test_no_more_is_read_than_there_is_room_for(store, event, due):
    events = [event(payload=b"x" * 400, due_ms=n) for n in range(4)]
    await store.add(events)
    assert await due(5) == (events[:2], 2)
    assert await due(5, most_bytes=1) == (events[:1], 1)
    assert await due(5, most=3, most_bytes=10_000) == (events[:3], 3)


async def test_functions_with_waiting_events_are_found_with_their_first(store, event):
    lost = event(name="third", due_ms=1)
    await store.add([event(due_ms=7), event(due_ms=3), event(name="other", due_ms=4), lost])
    await store.settle([failed(lost)])
    assert await store.functions() == {ECHO: 3, OTHER: 4}


async def test_settled_events_are_gone_tried_again_or_kept_as_failed(store, event, due):
    done, again, lost = event(), event(), event(request_id="lost")
    await store.add([done, again, lost])
    await store.settle(
        [
            Settled(event=done, next=None),
            Settled(event=again, next=replace(again, due_ms=99, attempts=1)),
            failed(lost),
        ]
    )
    assert await due(99) == ([replace(again, due_ms=99, attempts=1)], None)
    listed, payload = await store.find("lost")
    assert (listed.state, listed.condition, listed.error) == ("failed", "RetriesExhausted", "no")
    assert (listed.event.attempts, listed.event.due_ms, payload) == (3, 9, b"{}")
    assert await store.counts() == {(ECHO, "waiting"): 1, (ECHO, "failed"): 1}


async def test_what_is_to_be_sent_is_in_the_same_transaction(store, event, due):
    told = []

    def fail(connection):
        raise ZeroDivisionError

    stored = event()
    await store.add([stored])
    write = Write(fail, lambda: told.append("committed"))
    with pytest.raises(ZeroDivisionError):
        await store.settle([Settled(event=stored, next=None, deliveries=write)])
    assert await due(5) == ([stored], None)
    write = Write(lambda connection: None, lambda: told.append("committed"))
    await store.settle([Settled(event=stored, next=None, deliveries=write)])
    assert (await due(5), told) == (([], None), ["committed"])


async def test_numbers_go_on_after_a_restart(tmp_path):
    path = tmp_path / "events.sqlite"
    async with Database.open(path) as database:
        store = await EventStore.open(database)
        first = AsynchronousEvent(
            account_id=ECHO[0],
            region=ECHO[1],
            name=ECHO[2],
            qualifier=None,
            request_id="r",
            payload=b"{}",
            trace_header="Root=1",
            accepted_ms=5,
            id=store.next_id(),
        )
        await store.add([first])
    async with Database.open(path) as database:
        assert (await EventStore.open(database)).next_id() > first.id


async def test_a_list_goes_on_where_its_last_page_ended(store, event):
    events = [event(request_id=str(n)) for n in range(5)]
    await store.add(events)
    pages = []
    after = 0
    while page := await store.list(Selection(), after=after, most=2):
        pages.append([each.event.request_id for each in page])
        after = page[-1].event.id
    assert pages == [["0", "1"], ["2", "3"], ["4"]]


async def test_a_selection_is_of_a_function_a_state_or_numbers(store, event):
    mine, lost, foreign = event(), event(), event(name="other")
    await store.add([mine, lost, foreign])
    await store.settle([failed(lost)])

    async def numbers(**selection):
        page = await store.list(Selection(**selection), after=0, most=10)
        return [each.event.id for each in page]

    assert await numbers(name="echo") == [mine.id, lost.id]
    assert await numbers(name="echo", state="failed") == [lost.id]
    assert await numbers(ids=[foreign.id, 999]) == [foreign.id]


@pytest.mark.parametrize("name", ["no such request", "99999999999999999999", "\u0663"])
async def test_what_is_not_there_is_not_found(store, name):
    assert await store.find(name) is None


async def test_an_event_is_found_by_its_number_too(store, event):
    await store.add([event(request_id="first"), event(request_id="second")])
    listed, _ = await store.find("2")
    assert listed.event.request_id == "second"


async def test_redriven_events_are_as_new(store, event, due):
    lost, waiting = event(), event()
    await store.add([lost, waiting])
    await store.settle([failed(lost)])
    assert await store.redrive(Selection(name="other"), 50) == 0
    assert await store.redrive(Selection(name="echo"), 50) == 1
    assert await due(50) == ([waiting, replace(lost, due_ms=50, accepted_ms=50)], None)


async def test_purged_events_are_gone_but_those_at_work(store, event, due):
    events = [event() for _ in range(3)]
    await store.add([*events, event(name="other")])
    assert await store.purge_some(Selection(name="echo"), but={events[1].id}) == 2
    assert await due(5) == ([events[1]], None)
    assert await store.purge_some(Selection(), but=()) == 2
    assert await store.purge_some(Selection(), but=()) == 0


async def test_many_are_purged_in_slices(store, event, monkeypatch):
    monkeypatch.setattr(asynchronous_events, "_SLICE", 2)
    await store.add([event() for _ in range(3)])
    assert await store.purge_some(Selection(), but=()) == 2
    assert await store.purge_some(Selection(), but=()) == 1


async def test_old_failed_events_are_forgotten(store, event):
    old, recent, waiting = event(), event(), event()
    await store.add([old, recent, waiting])
    await store.settle([failed(old)])
    kept = FailedEvent(event=replace(recent, due_ms=10), condition="x", error="")
    await store.settle([Settled(event=recent, next=kept)])
    assert await store.expire(10) == 1
    assert await store.counts() == {(ECHO, "failed"): 1, (ECHO, "waiting"): 1}


async def test_the_last_number_that_was_given_is_known(store, event):
    assert store.last_id == 0
    assert event().id == store.last_id == 1
