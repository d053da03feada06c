from __future__ import annotations

import asyncio

import pytest
from tests.unit.execution_environment.fakes import settle

from lambent.execution_environment.pool.host_budget import NOTHING, HostBudget, NoRoom, Room


class Others:
    """Those who could give room back."""

    def __init__(self):
        self.coming = NOTHING  # what is on its way, or can be put on it
        self.asked = []

    def make_room(self, shortage):
        self.asked.append(shortage)
        return shortage.fits(self.coming)


@pytest.fixture
def others():
    return Others()


@pytest.fixture
async def budget(others):
    return HostBudget(Room(100, 3), others.make_room)


async def test_room_is_given_as_long_as_there_is_some(budget, others):
    assert budget.take(Room(60, 1))
    await budget.reserve(Room(40, 1))
    assert not budget.take(Room(1, 0))
    assert budget.held == Room(100, 2)
    assert others.asked == []


@pytest.mark.parametrize("room", [Room(41, 1), Room(1, 3)])
async def test_what_no_room_can_be_made_for_is_refused_at_once(budget, others, room):
    budget.take(Room(60, 1))
    with pytest.raises(NoRoom):
        await budget.reserve(room)
    assert others.asked == [budget.held + room - budget.limit]
    assert budget.held == Room(60, 1)
    assert not budget.is_short


async def test_whoever_wants_what_is_on_its_way_waits_for_it(budget, others):
    budget.take(Room(80, 1))
    others.coming = Room(80, 1)
    waiting = asyncio.create_task(budget.reserve(Room(50, 1)))
    await settle()
    assert budget.is_short
    assert not waiting.done()
    budget.release(Room(80, 1))
    await waiting
    assert budget.held == Room(50, 1)


async def test_what_is_on_its_way_is_promised_once_only(budget, others):
    budget.take(Room(100, 1))
    others.coming = Room(50, 1)
    first = asyncio.create_task(budget.reserve(Room(50, 1)))
    second = asyncio.create_task(budget.reserve(Room(50, 1)))
    with pytest.raises(NoRoom):
        await second
    assert not first.done()
    budget.release(Room(50, 1))
    await first


async def test_nobody_overtakes(budget, others):
    budget.take(Room(90, 1))
    others.coming = Room(90, 1)
    first = asyncio.create_task(budget.reserve(Room(60, 1)))
    await settle()
    assert not budget.take(Room(5, 1))
    others.coming = NOTHING
    budget.release(Room(90, 1))
    await first


async def test_nobody_waits_for_ever(budget, others, clock):
    budget.take(Room(90, 1))
    others.coming = Room(90, 1)
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
    others.coming = Room(100, 1)
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
    others.coming = Room(100, 1)
    waiting = [asyncio.create_task(budget.reserve(Room(10, 0))) for _ in range(3)]
    await settle()
    budget.refuse_all()
    for each in waiting:
        with pytest.raises(NoRoom):
            await each
