from __future__ import annotations

from lambent.protocol.body_budget import BodyBudget, Share


def test_no_more_is_taken_than_there_is():
    budget = BodyBudget(limit_bytes=10)
    assert [budget.take(6), budget.take(5), budget.take(4)] == [True, False, True]
    budget.give_back(6)
    assert budget.take(6)


def test_what_is_a_part_of_another_takes_from_both():
    whole = BodyBudget(limit_bytes=10)
    one, other = BodyBudget(limit_bytes=8, within=whole), BodyBudget(limit_bytes=8, within=whole)
    assert one.take(8)
    assert not other.take(3)
    assert (other.held_bytes, whole.held_bytes) == (0, 8)
    one.give_back(8)
    assert other.take(3)
    assert whole.held_bytes == 3


def test_the_first_bytes_of_one_count_with_nobody_elses():
    whole = BodyBudget(limit_bytes=10, held_bytes=10)
    one = BodyBudget(limit_bytes=20, within=whole, own_bytes=8)
    assert one.take(8)
    assert not one.take(1)
    whole.give_back(4)
    assert one.take(3)
    assert whole.held_bytes == 9
    one.give_back(11)
    assert (one.held_bytes, whole.held_bytes) == (0, 6)


def test_a_share_changes_in_size():
    budget = BodyBudget(limit_bytes=100)
    share = Share(budget)
    for count in (60, 100, 10):
        assert share.hold(count)
        assert (share.held_bytes, budget.held_bytes) == (count, count)
    assert not share.hold(101)
    assert (share.held_bytes, budget.held_bytes) == (10, 10)


def test_a_share_is_given_away_as_it_is():
    budget = BodyBudget(limit_bytes=100)
    share = Share(budget)
    share.hold(30)
    assert share.hand_over() == 30
    assert (share.held_bytes, budget.held_bytes) == (0, 30)
