from __future__ import annotations

from lambent.execution_environment.pool.scaling_rate import ScalingRate


def taken(rate, function, now, tries=100):
    return sum(rate.take(function, now) for _ in range(tries))


def test_a_function_may_start_so_many_at_once():
    rate = ScalingRate(10)
    assert taken(rate, "hot", 100.0) == 10
    assert taken(rate, "other", 100.0) == 10


def test_it_is_refilled_continuously():
    rate = ScalingRate(10)
    taken(rate, "hot", 100.0)
    assert taken(rate, "hot", 101.0) == 1
    assert taken(rate, "hot", 101.5) == 0
    assert taken(rate, "hot", 106.0) == 5


def test_what_is_not_used_is_not_saved_up():
    rate = ScalingRate(10)
    taken(rate, "hot", 100.0)
    assert taken(rate, "hot", 1000.0) == 10


def test_a_start_that_did_not_happen_does_not_count():
    rate = ScalingRate(10)
    taken(rate, "hot", 100.0)
    rate.give_back("hot", 100.0)
    assert taken(rate, "hot", 100.0) == 1


def test_functions_at_rest_are_forgotten():
    rate = ScalingRate(10)
    taken(rate, "hot", 100.0)
    rate.forget_rested(105.0)
    assert len(rate._left) == 1
    rate.forget_rested(110.0)
    assert rate._left == {}
