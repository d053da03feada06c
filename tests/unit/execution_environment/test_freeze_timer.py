from __future__ import annotations

import pytest

from lambent.execution_environment.freeze_timer import FreezeTimer


class Place:
    is_idle = True
    freezes = 0

    def freeze(self):
        self.freezes += 1


@pytest.fixture
def place():
    return Place()


@pytest.fixture
async def timer(place, clock):
    return FreezeTimer(5, lambda: place.is_idle, place.freeze)


async def test_it_rings_once_after_the_last_note(place, timer, clock):
    timer.note_idle()
    await clock.advance(3)
    timer.note_idle()
    await clock.advance(3)
    assert place.freezes == 0
    await clock.advance(2.1)
    await clock.advance(100)
    assert place.freezes == 1


async def test_nothing_is_frozen_at_work(place, timer, clock):
    timer.note_idle()
    place.is_idle = False
    await clock.advance(6)
    place.is_idle = True
    await clock.advance(100)
    assert place.freezes == 0
    timer.note_idle()
    await clock.advance(5.1)
    assert place.freezes == 1


async def test_it_can_be_cancelled(place, timer, clock):
    timer.cancel()
    timer.note_idle()
    timer.cancel()
    await clock.advance(100)
    assert place.freezes == 0
