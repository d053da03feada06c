from __future__ import annotations

import asyncio

import pytest

from lambent.invocation.asynchronous.alarms import Alarms

FIRST, SECOND = ("1", "us-east-1", "first"), ("1", "us-east-1", "second")


class Clock:
    def __init__(self):
        self.now_ms = 1000

    def __call__(self):
        return self.now_ms


@pytest.fixture
def clock():
    return Clock()


def test_functions_are_due_in_the_order_of_their_times(clock):
    alarms = Alarms(clock, lambda: None)
    alarms.set(FIRST, 1200)
    alarms.set(SECOND, 1100)
    assert alarms.take_due() == []
    clock.now_ms = 1200
    assert alarms.take_due() == [SECOND, FIRST]
    assert alarms.take_due() == []


def test_a_function_has_its_first_alarm_only(clock):
    alarms = Alarms(clock, lambda: None)
    for due_ms in (1200, 1100, 1300):
        alarms.set(FIRST, due_ms)
    clock.now_ms = 1300
    assert alarms.take_due() == [FIRST]
    alarms.set(FIRST, 1250)
    assert alarms.take_due() == [FIRST]


async def test_it_wakes_at_the_first_time_also_when_that_changes(clock):
    woken = asyncio.Event()
    alarms = Alarms(clock, woken.set)
    alarms.arm()
    alarms.set(FIRST, 10**12)
    alarms.arm()
    alarms.set(SECOND, 1000)
    alarms.arm()
    await woken.wait()
    assert alarms.take_due() == [SECOND]
