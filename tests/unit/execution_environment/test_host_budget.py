from __future__ import annotations

import asyncio

import pytest
from tests.unit.execution_environment.fakes import settle

from lambent.execution_environment.host_budget import NOTHING, HostBudget, NoRoom, Room


class Others:
    """Those who could give room back."""

    def __init__(self):
        self.on_its_way = NOTHING
        self.unused = NOTHING
        self.closed = []  # what was still short when it was asked to close something

    def coming(self):
        return self.on_its_way

    def closable(self):
        return self.unused

    def close_oldest(self, shortage):
        self.closed.append(shortage)
        return shortage - self.unused


@pytest.fixture
def others():
    return Others()


@pytest.fixture
async def budget(others):
    made = HostBudget(Room(100, 3))
    made.add_holder(others)
    return made


async def test_room_is_given_as_long_as_there_is_some(budget, others):
    assert budget.take(Room(60, 1))
    await budget.reserve(Room(40, 1))
    assert not budget.take(Room(1, 0))
    assert budget.held == Room(100, 2)
    assert others.closed == []


@pytest.mark.parametrize("room", [Room(41, 1), Room(1, 3)])
async def test_what_no_room_can_be_made_for_is_refused_at_once(budget, others, room):
    budget.take(Room(60, 1))
    with pytest.raises(NoRoom):
        await budget.reserve(room)
    assert others.closed == []
    assert budget.held == Room(60, 1)
    assert not budget.is_short


async def test_whoever_wants_what_is_on_its_way_waits_for_it(budget, others):
    budget.take(Room(80, 1))
    others.on_its_way = Room(80, 1)
    waiting = asyncio.create_task(budget.reserve(Room(50, 1)))
    await settle()
    assert budget.is_short
    assert not waiting.done()
    budget.release(Room(80, 1))
    await waiting
    assert budget.held == Room(50, 1)


async def test_what_is_on_its_way_is_promised_once_only(budget, others):
    budget.take(Room(100, 1))
    others.on_its_way = Room(50, 1)
    first = asyncio.create_task(budget.reserve(Room(50, 1)))
    second = asyncio.create_task(budget.reserve(Room(50, 1)))
    with pytest.raises(NoRoom):
        await second
    assert not first.done()
    budget.release(Room(50, 1))
    await first


async def test_nobody_overtakes(budget, others):
    budget.take(Room(90, 1))
    others.on_its_way = Room(90, 1)
    first = asyncio.create_task(budget.reserve(Room(60, 1)))
    await settle()
    assert not budget.take(Room(5, 1))
    others.on_its_way = NOTHING
    budget.release(Room(90, 1))
    await first


async def test_nobody_waits_for_ever(budget, others, clock):
    budget.take(Room(90, 1))
    others.on_its_way = Room(90, 1)
    waiting = asyncio.create_task(budget.reserve(Room(60, 1)))
    behind = asyncio.create_task(budget.reserve(Room(20, 1)))
    await clock.advance(2.9)
    assert not waiting.done()
    await clock.advance(0.2)
    for each in (waiting, behind):
        with pytest.raises(NoRoom):
            await each
    assert budget.held == Room(90, 1)


async def test_whoever_is_cancelled_gives_back_what_it_was_given(budget, others):
    budget.take(Room(100, 1))
    others.on_its_way = Room(100, 1)
    too_late = asyncio.create_task(budget.reserve(Room(60, 1)))
    waiting = asyncio.create_task(budget.reserve(Room(40, 1)))
    await settle()
    waiting.cancel()
    await asyncio.wait([waiting])
    budget.release(Room(100, 1))
    assert budget.held == Room(60, 1)
    too_late.cancel()
    await asyncio.wait([too_late])
    assert budget.held == NOTHING
    assert not budget.is_short


async def test_the_end_refuses_all_that_wait(budget, others):
    budget.take(Room(100, 1))
    others.on_its_way = Room(100, 1)
    waiting = [asyncio.create_task(budget.reserve(Room(10, 0))) for _ in range(3)]
    await settle()
    budget.refuse_all()
    for each in waiting:
        with pytest.raises(NoRoom):
            await each


@pytest.fixture
def first(budget):
    made = Others()
    budget.add_holder(made, is_first=True)
    return made


async def test_who_is_first_has_all_it_can_closed_before_the_others(budget, first, others):
    budget.take(Room(100, 1))
    first.unused, others.unused = Room(40, 1), Room(50, 0)
    waiting = asyncio.create_task(budget.reserve(Room(70, 0)))
    await settle()
    assert (first.closed, others.closed) == ([Room(70, -2)], [Room(30, -3)])
    budget.release(Room(90, 1))
    await waiting


async def test_nothing_is_closed_when_all_together_would_not_be_enough(budget, first, others):
    budget.take(Room(100, 1))
    first.unused, others.unused = Room(40, 1), Room(50, 0)
    with pytest.raises(NoRoom):
        await budget.reserve(Room(91, 0))
    assert first.closed == others.closed == []
