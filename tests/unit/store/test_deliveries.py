from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from tests.support.outcomes import ACCOUNT, QUEUE, REGION, by_state, delivery

from lambent.store import deliveries as deliveries_module
from lambent.store.deliveries import DeliveryStore
from lambent.store.selection import Selection

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:failures"
ALL = Selection(account_id=ACCOUNT, region=REGION)


@pytest.fixture
def store(database):
    return DeliveryStore(database)


@pytest.fixture
def add(store, database):
    async def add(*deliveries):
        write = store.adding(deliveries)
        await database.write(write.job, committed=lambda _: write.committed())
        return await store.page(ALL)

    return add


async def test_what_was_stored_is_read_as_it_was(store, add):
    letter = delivery(kind="dead_letter", attributes={"RequestID": "r"}, body=b"\x00{}")
    await add(letter)
    [found] = (await store.due(QUEUE, letter.due_ms, 10)).deliveries
    assert found == replace(letter, id=found.id)


async def test_adding_is_a_part_of_its_transaction(store, database):
    def fail(connection):
        store.adding([delivery()]).job(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(fail)
    assert await store.targets() == []


async def test_adding_none_writes_nothing(store, add):
    assert await add() == []


async def test_a_target_has_its_own_in_the_order_they_are_due(store, add):
    await add(
        delivery(due_ms=3, request_id="third"),
        delivery(due_ms=1, request_id="first"),
        delivery(due_ms=2, request_id="second"),
        delivery(due_ms=1, target_arn=TOPIC),
        delivery(due_ms=1, state="failed"),
    )
    assert sorted(await store.targets()) == sorted([QUEUE, TOPIC])
    page = await store.due(QUEUE, now_ms=2, most=10)
    assert [each.request_id for each in page.deliveries] == ["first", "second"]
    assert len((await store.due(QUEUE, now_ms=2, most=1)).deliveries) == 1


async def test_who_waits_for_nothing_is_told_when_something_is_due(store, add):
    await add(delivery(due_ms=7), delivery(due_ms=5))
    assert (await store.due(QUEUE, now_ms=4, most=10)).next_ms == 5
    assert (await store.due(TOPIC, now_ms=4, most=10)).next_ms is None


async def test_large_bodies_are_read_a_few_at_a_time(store, add, monkeypatch):
    monkeypatch.setattr(deliveries_module, "_PAGE_BYTES", 100)
    await add(*(delivery(body=b"x" * 60) for _ in range(5)))
    assert len((await store.due(QUEUE, delivery().due_ms, 10)).deliveries) == 2


async def test_what_was_delivered_is_gone(store, add):
    first, second = await add(delivery(), delivery())
    await store.settle([first], [])
    assert [each.id for each in await store.page(ALL)] == [second.id]


async def test_no_number_is_used_again(store, add):
    [first] = await add(delivery())
    await store.settle([first], [])
    [second] = await add(delivery())
    assert second.id > first.id


async def test_what_is_put_back_keeps_its_body(store, add):
    [before] = await add(delivery(body=b"kept"))
    after = replace(before, state="failed", due_ms=9, attempts=6, last_error="it is gone")
    await store.settle([], [after])
    found = await store.get(Selection(ids=[before.id]))
    assert found == replace(after, body=b"kept")
    assert await store.targets() == []
    assert by_state(await store.counts()) == {"failed": 1}


async def test_pages_have_what_is_selected_without_bodies(store, add):
    await add(
        delivery(),
        delivery(state="failed"),
        delivery(name="other"),
        delivery(account_id="1"),
        delivery(region="eu-central-1"),
    )
    everything = await store.page(ALL)
    assert [each.name for each in everything] == ["greet", "greet", "other"]
    assert {each.body for each in everything} == {b""}
    [failed] = await store.page(replace(ALL, name="greet", state="failed"))
    assert failed.state == "failed"
    assert len(await store.page(ALL, most=2)) == 2
    assert await store.page(ALL, after_id=everything[1].id) == everything[2:]
    assert await store.get(replace(ALL, name="none")) is None


async def test_failed_ones_wait_again_when_they_are_redriven(store, add, monkeypatch):
    monkeypatch.setattr(deliveries_module, "_SLICE_ROWS", 2)
    failed = {"state": "failed", "attempts": 6, "last_error": "it is gone"}
    await add(*(delivery(**failed) for _ in range(5)), delivery(name="other", **failed), delivery())
    assert await store.redrive(replace(ALL, name="greet"), now_ms=42) == 5
    page = await store.due(QUEUE, now_ms=delivery().due_ms - 1, most=10)
    assert {(each.due_ms, each.attempts, each.last_error) for each in page.deliveries} == {
        (42, 0, None)
    }
    assert by_state(await store.counts()) == {"waiting": 6, "failed": 1}


async def test_what_is_purged_is_gone_in_any_state_unless_one_is_named(store, add, monkeypatch):
    monkeypatch.setattr(deliveries_module, "_SLICE_ROWS", 2)
    await add(*(delivery(state="failed") for _ in range(3)), delivery(), delivery(name="other"))
    assert await store.purge(replace(ALL, state="failed")) == 3
    assert await store.purge(replace(ALL, name="greet")) == 1
    assert by_state(await store.counts()) == {"waiting": 1}


async def test_only_what_failed_long_ago_expires(store, add):
    await add(
        delivery(due_ms=1), delivery(due_ms=1, state="failed"), delivery(due_ms=5, state="failed")
    )
    assert await store.expire(before_ms=5) == 1
    assert by_state(await store.counts()) == {"waiting": 1, "failed": 1}


async def test_what_is_due_is_found_by_an_index(database):
    def plan(connection):
        statement = text(
            "EXPLAIN QUERY PLAN SELECT * FROM event_deliveries WHERE state = 'waiting' AND "
            "target_arn = 'a' AND due_ms <= 5 ORDER BY due_ms, id LIMIT 4"
        )
        return " ".join(str(row) for row in connection.execute(statement))

    said = await database.read(plan)
    assert "USING INDEX ix_event_deliveries_state_target_arn_due_ms" in said
    assert "TEMP B-TREE" not in said
