from __future__ import annotations

import asyncio

import pytest
from tests.support.outcomes import delivery
from tests.unit.invocation.asynchronous.conftest import ACCOUNT, REGION

from lambent.domain.errors import ServiceError
from lambent.invocation.asynchronous.deliveries import Deliveries
from lambent.invocation.asynchronous.queue_view import Changed, Meant, QueueView

ECHO, GREET = (ACCOUNT, REGION, "echo"), (ACCOUNT, REGION, "greet")


@pytest.fixture
def view(bench, queue):
    deliveries = Deliveries(bench.deliveries, lambda metric, each: None)
    return QueueView(
        events=bench.store,
        delivery_store=bench.deliveries,
        queue=queue,
        deliveries=deliveries,
        now_ms=lambda: bench.now_ms,
    )


@pytest.fixture
async def filled(bench, view):
    """One of each state: events 1 to 3, and deliveries d1 and d2, which nobody sends."""
    bench.reserve("echo", 0)
    await bench.accept(request_id="failed", payload=b'{"a": [1]}')
    await bench.settled({("echo", "failed"): 1})
    bench.pool.gates["echo"] = asyncio.Event()
    bench.reserve("echo", 1)
    await bench.accept(request_id="running", payload=b"\xff")
    await bench.pool.called(1)
    await bench.accept(request_id="waiting", payload=b"text")
    stored = bench.deliveries.adding(
        [
            delivery(request_id="sent"),
            delivery(
                request_id="lost",
                state="failed",
                attempts=6,
                last_error="it is gone",
                kind="dead_letter",
                attributes={"ErrorCode": "200"},
                body=b'{"n": 1}',
            ),
        ]
    )
    await bench.database.write(stored.job)
    return view


def states(page):
    return {each["id"]: each["state"] for each in page.items}


async def test_each_state_is_counted_by_function(filled):
    assert await filled.counts() == {
        (ECHO, "failed"): 1,
        (ECHO, "running"): 1,
        (ECHO, "waiting"): 1,
        (GREET, "delivering"): 1,
        (GREET, "undelivered"): 1,
    }


async def test_everything_is_listed_events_first(filled):
    page = await filled.page(Meant(), after=None, most=10)
    assert states(page) == {
        "1": "failed",
        "2": "running",
        "3": "waiting",
        "d1": "delivering",
        "d2": "undelivered",
    }
    assert page.next is None
    assert page.items[0]["condition"] == "ZeroReservedConcurrency"
    assert page.items[4]["error"] == "it is gone"


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
async def test_pages_go_on_where_the_last_one_ended(filled, most):
    found, after = [], None
    while True:
        page = await filled.page(Meant(), after=after, most=most)
        assert len(page.items) <= most
        found += page.items
        after = page.next
        if after is None:
            break
    assert [each["id"] for each in found] == ["1", "2", "3", "d1", "d2"]


@pytest.mark.parametrize(
    ("state", "ids"),
    [
        ("waiting", ["3"]),
        ("running", ["2"]),
        ("failed", ["1"]),
        ("delivering", ["d1"]),
        ("undelivered", ["d2"]),
    ],
)
async def test_one_state_is_listed(filled, state, ids):
    page = await filled.page(Meant(state=state), after=None, most=10)
    assert list(states(page)) == ids


async def test_one_function_is_listed(filled):
    page = await filled.page(Meant(name="greet"), after=None, most=10)
    assert list(states(page)) == ["d1", "d2"]
    page = await filled.page(Meant(name="echo", account_id="1"), after=None, most=10)
    assert page.items == []


@pytest.mark.parametrize("after", ["x", "9" * 30, "dd1"])
async def test_a_page_after_nothing_is_refused(filled, after):
    with pytest.raises(ValueError, match=r"number|invalid"):
        await filled.page(Meant(), after=after, most=10)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("1", {"request_id": "failed", "payload": {"a": [1]}, "payload_encoding": "json"}),
        ("running", {"id": "2", "payload": "/w==", "payload_encoding": "base64"}),
        ("waiting", {"id": "3", "payload": "text", "payload_encoding": "text"}),
        ("sent", {"id": "d1", "record": {"version": "1.0"}, "record_encoding": "json"}),
        ("d2", {"payload": {"n": 1}, "attributes": {"ErrorCode": "200"}, "attempts": 6}),
    ],
)
async def test_one_is_shown_by_its_number_or_its_request(filled, name, shown):
    item = await filled.show(name)
    assert {member: item[member] for member in shown} == shown


@pytest.mark.parametrize("name", ["99", "d99", "nobody", "d"])
async def test_what_is_not_there_is_not_shown(filled, name):
    with pytest.raises(ServiceError) as caught:
        await filled.show(name)
    assert caught.value.code == "ResourceNotFoundException"


async def test_failed_events_run_again_at_once(bench, filled):
    bench.pool.gates["echo"].set()
    assert await filled.redrive(Meant(ids=["failed"])) == Changed(1, 0)
    await bench.settled({})
    assert sorted(call.request_id for _, call in bench.pool.calls) == [
        "failed",
        "running",
        "waiting",
    ]


async def test_undelivered_records_are_sent_again(bench, filled):
    assert await filled.redrive(Meant(name="greet")) == Changed(0, 1)
    assert (await filled.counts())[GREET, "delivering"] == 2


async def test_only_what_failed_is_redriven(filled):
    only = "only what is failed or undelivered can be tried again"
    assert await filled.redrive(Meant(ids=["2", "waiting", "d1"])) == Changed(
        0,
        0,
        {
            "2": f"it is running: {only}",
            "waiting": f"it is waiting: {only}",
            "d1": f"it is delivering: {only}",
        },
    )
    assert await filled.redrive(Meant(state="undelivered")) == Changed(0, 1)
    assert await filled.redrive(Meant(state="failed", name="greet")) == Changed(0, 0)


@pytest.mark.parametrize("change", ["redrive", "purge"])
async def test_what_can_be_done_is_done_when_some_are_not_there(filled, change):
    gone = "it is done, or gone"
    changed = await getattr(filled, change)(Meant(ids=["1", "99", "d2", "nobody", "d99"]))
    assert changed == Changed(1, 1, {"99": gone, "nobody": gone, "d99": gone})


async def test_of_named_ones_only_those_in_the_state_are_purged(filled):
    changed = await filled.purge(Meant(ids=["1", "3", "d2"], state="failed"))
    refused = {"3": "it is waiting, not failed", "d2": "it is undelivered, not failed"}
    assert changed == Changed(1, 0, refused)


@pytest.mark.parametrize(
    ("meant", "changed", "left"),
    [
        (Meant(), Changed(2, 2), {"2"}),
        (Meant(name="echo"), Changed(2, 0), {"2", "d1", "d2"}),
        (Meant(state="running"), Changed(0, 0), {"1", "2", "3", "d1", "d2"}),
        (Meant(state="failed"), Changed(1, 0), {"2", "3", "d1", "d2"}),
        (Meant(state="delivering"), Changed(0, 1), {"1", "2", "3", "d2"}),
        (
            Meant(ids=["3", "lost", "running"]),
            Changed(1, 1, {"running": "it is running: what runs cannot be forgotten"}),
            {"1", "2", "d1"},
        ),
    ],
)
async def test_what_is_purged_is_gone_but_what_runs(filled, meant, changed, left):
    assert await filled.purge(meant) == changed
    assert set(states(await filled.page(Meant(), after=None, most=10))) == left
