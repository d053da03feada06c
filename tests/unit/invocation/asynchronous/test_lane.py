from __future__ import annotations

import pytest
from tests.support.outcomes import event

from lambent.invocation.asynchronous.lane import Lane, Postponed, Waiting


@pytest.fixture
def lane():
    return Lane(("123456789012", "us-east-1", "greet"))


def postponed(number, due_ms, *, tries=1, is_throttled=False):
    return Postponed(
        due_ms=due_ms,
        number=number,
        event=event(id=number),
        tries=tries,
        is_throttled=is_throttled,
    )


def test_a_lane_without_anything_is_empty(lane):
    assert lane.is_empty
    assert not lane.has_next(10)
    assert lane.next_due_ms(0) is None


@pytest.mark.parametrize("change", ["held", "stored", "loading"])
def test_a_lane_that_has_something_anywhere_is_not(lane, change):
    if change == "held":
        lane.held.add(1)
    elif change == "stored":
        lane.stored(5)
    else:
        lane.is_loading = True
    assert not lane.is_empty


def test_events_are_taken_in_their_order(lane):
    lane.loaded.extend([event(id=1), event(id=2)])
    assert lane.ready == 2
    assert [lane.take_next(10).id for _ in range(2)] == [1, 2]
    assert not lane.has_next(10)


def test_what_is_postponed_comes_when_it_is_due_and_before_others_then(lane):
    lane.postpone(postponed(1, due_ms=20))
    lane.postpone(postponed(2, due_ms=15))
    assert not lane.has_next(14)
    assert lane.next_due_ms(0) == 15
    lane.loaded.append(event(id=3))
    assert [lane.take_next(15).id for _ in range(2)] == [2, 3]
    assert lane.take_next(20).id == 1


def test_what_was_throttled_need_not_be_due(lane):
    lane.postpone(postponed(1, due_ms=1000, is_throttled=True))
    assert lane.has_next(1)
    assert lane.take_next(1).id == 1


def test_two_that_are_due_in_the_same_moment_keep_their_order(lane):
    for number in (3, 1, 2):
        lane.postpone(postponed(number, due_ms=5))
    assert [lane.take_next(5).id for _ in range(3)] == [1, 2, 3]


def test_tries_are_remembered_while_an_event_is_at_work(lane):
    lane.postpone(postponed(1, due_ms=5, tries=4))
    assert lane.tries == {}
    lane.take_next(5)
    assert lane.tries == {1: 4}
    lane.postpone(postponed(1, due_ms=9, tries=5))
    assert lane.tries == {}


def test_the_first_that_is_stored_only_counts(lane):
    for due_ms in (9, 7, 8):
        lane.stored(due_ms)
    assert lane.stored_due_ms == lane.next_due_ms(0) == 7
    assert lane.next_due_ms(7) is None  # it waits for room in memory


def test_what_is_dropped_is_not_ready_any_more(lane):
    lane.loaded.extend([event(id=1), event(id=2)])
    for number in (3, 4, 5):
        lane.postpone(postponed(number, due_ms=9 - number))
    dropped = lane.drop(lambda each: each.id % 2 == 1)
    assert sorted(each.id for each in dropped) == [1, 3, 5]
    assert [lane.take_next(5).id, lane.take_next(5).id] == [4, 2]
    assert lane.ready == 0


def test_dropping_nothing_changes_nothing(lane):
    lane.loaded.append(event(id=1))
    loaded = lane.loaded
    assert lane.drop(lambda each: False) == []
    assert lane.loaded is loaded


def test_waiting_for_an_environment_ends_once(lane):
    marked: list[Lane] = []
    lane.waiting_for_environment = 2
    waiting = Waiting(lane, marked.append)
    waiting.end()
    waiting.end()
    assert (lane.waiting_for_environment, marked) == (1, [lane])
