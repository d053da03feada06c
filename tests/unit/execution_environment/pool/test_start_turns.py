from __future__ import annotations

import asyncio

import pytest
from tests.unit.execution_environment.fakes import settle

from lambent.execution_environment.pool.start_turns import StartTurns


class Starts:
    """Takes turns, and tells who has one."""

    def __init__(self, parallel):
        self.turns = StartTurns(parallel)
        self.begun = []
        self.tasks = {}
        self.ends = {}

    def ask(self, lane, name):
        async def start():
            async with self.turns.turn(lane):
                self.begun.append(name)
                await self.ends[name].wait()

        self.ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(start())

    async def end(self, *names):
        for name in names:
            self.ends[name].set()
            await self.tasks[name]
        await settle()


@pytest.fixture
async def make():
    made = []

    def start(parallel):
        made.append(Starts(parallel))
        return made[-1]

    yield start
    for starts in made:
        for task in starts.tasks.values():
            task.cancel()
        await asyncio.gather(*starts.tasks.values(), return_exceptions=True)
        # Nothing is counted or kept for those that have gone, however they went.
        assert (starts.turns._starting, starts.turns._lanes) == (0, {})


async def test_one_lane_has_so_many_turns_at_one_time(make):
    starts = make(2)
    for name in "abcd":
        starts.ask("hot", name)
    await settle()
    assert starts.begun == ["a", "b"]
    await starts.end("a")
    assert starts.begun == ["a", "b", "c"]


async def test_the_only_start_of_a_lane_waits_behind_no_burst(make):
    starts = make(2)
    for name in "abcd":
        starts.ask("hot", name)
    starts.ask("cold", "x")
    await settle()
    assert starts.begun == ["a", "b", "x"]


async def test_first_starts_have_so_many_turns_beside_the_others_and_no_more(make):
    starts = make(2)
    for number in range(5):
        starts.ask(f"lane {number}", number)
    await settle()
    assert starts.begun == [0, 1, 2, 3]
    await starts.end(1)
    assert starts.begun == [0, 1, 2, 3, 4]


async def test_lanes_take_turns(make):
    starts = make(1)
    starts.ask("hot", "a")
    await settle()
    starts.ask("other", "p")
    for name in "bc":
        starts.ask("hot", name)
    starts.ask("other", "q")
    await settle()
    assert starts.begun == ["a", "p"]
    for name in ("a", "p", "b", "q"):
        await starts.end(name)
    assert starts.begun[:2] == ["a", "p"]
    assert set(starts.begun[2:4]) == {"b", "q"}


async def test_whoever_gives_up_waiting_takes_no_turn(make):
    starts = make(1)
    for name in "abc":
        starts.ask("hot", name)
    await settle()
    starts.tasks["b"].cancel()
    await settle()
    await starts.end("a")
    assert starts.begun == ["a", "c"]


async def test_a_turn_that_comes_to_one_who_has_just_given_up_goes_to_the_next(make):
    starts = make(1)
    for name in "abc":
        starts.ask("hot", name)
    await settle()
    end = starts.turns._end

    def end_and_cancel(lane):
        end(lane)
        starts.turns._end = end
        starts.tasks["b"].cancel()  # it has been given the turn, and has not seen it yet

    starts.turns._end = end_and_cancel
    starts.ends["a"].set()
    await settle()
    assert starts.begun == ["a", "c"]


async def test_a_turn_that_comes_while_its_taker_gives_up_is_not_lost(make):
    starts = make(1)
    for name in "abc":
        starts.ask("hot", name)
    await settle()
    starts.tasks["b"].cancel()  # before the turn comes, and unseen when it does
    starts.ends["a"].set()
    await settle()
    assert starts.begun == ["a", "c"]
