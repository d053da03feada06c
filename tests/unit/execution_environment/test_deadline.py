from __future__ import annotations

import pytest

from lambent.execution_environment.deadline import Deadline


class Passings:
    count = 0

    def note(self):
        self.count += 1


@pytest.fixture
def passings():
    return Passings()


@pytest.fixture
async def deadline(passings, clock):
    return Deadline(passings.note)


async def test_it_passes_once_after_it_was_last_set(passings, deadline, clock):
    deadline.set(5)
    await clock.advance(3)
    deadline.set(5)
    await clock.advance(3)
    assert passings.count == 0
    await clock.advance(2.1)
    await clock.advance(100)
    assert passings.count == 1


async def test_one_that_is_lifted_does_not_pass(passings, deadline, clock):
    deadline.set(5)
    await clock.advance(3)
    deadline.lift()
    await clock.advance(100)
    assert passings.count == 0


async def test_it_can_be_set_again(passings, deadline, clock):
    deadline.set(5)
    deadline.lift()
    deadline.set(8)
    await clock.advance(6)
    assert passings.count == 0
    await clock.advance(2.1)
    deadline.set(5)
    await clock.advance(5.1)
    assert passings.count == 2


async def test_it_can_be_set_to_an_earlier_time(passings, deadline, clock):
    deadline.set(50)
    deadline.set(5)
    await clock.advance(5.1)
    assert passings.count == 1
    await clock.advance(100)
    assert passings.count == 1


async def test_it_can_be_cancelled(passings, deadline, clock):
    deadline.cancel()
    deadline.set(5)
    deadline.cancel()
    await clock.advance(100)
    assert passings.count == 0
