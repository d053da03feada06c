from __future__ import annotations

import pytest
from hypothesis import given, strategies

from lambent.domain.metric import Aggregate, MeasuredMinute, MetricSelection, Series, bucket_of

ACCOUNT = Series("000000000000", "us-east-1")
FUNCTION = ACCOUNT._replace(name="f", resource="f:live")


def summed(values, *, has_distribution=True):
    aggregate = Aggregate(buckets={} if has_distribution else None)
    for value in values:
        aggregate.add(value)
    return aggregate


def test_values_are_summed_up():
    aggregate = summed([3.0, 1.0, 2.0])
    assert (aggregate.count, aggregate.total) == (3, 6.0)
    assert (aggregate.least, aggregate.most) == (1.0, 3.0)


@given(strategies.lists(strategies.floats(0.01, 1e6), min_size=1), strategies.floats(0, 100))
def test_a_percentile_is_near_the_value_of_that_rank(values, percent):
    found = summed(values).percentile(percent)
    rank = max(0, min(len(values) - 1, int(len(values) * percent / 100 + 1e-9)))
    ordered = sorted(values)
    near = ordered[max(0, rank - 1)], ordered[rank]
    assert near[0] * 0.95 <= found <= near[1] * 1.05


def test_percentiles_need_a_distribution_or_equal_values():
    assert summed([5, 5], has_distribution=False).percentile(99) == 5
    assert summed([5, 6], has_distribution=False).percentile(99) is None
    assert summed([]).percentile(50) is None


@given(
    strategies.lists(strategies.floats(0.01, 1e6)), strategies.lists(strategies.floats(0.01, 1e6))
)
def test_merging_is_as_adding_all(first, second):
    merged, whole = summed(first), summed(first + second)
    merged.merge(summed(second))
    assert merged.buckets == whole.buckets
    assert (merged.count, merged.least, merged.most) == (whole.count, whole.least, whole.most)
    assert merged.total == pytest.approx(whole.total)


def test_a_distribution_is_kept_by_what_had_none():
    merged = Aggregate()
    merged.merge(summed([1.0]))
    assert merged.buckets == {0: 1}


@pytest.mark.parametrize("value", [0, -1.0, 1e300])
def test_any_value_has_a_bucket(value):
    assert -200 < bucket_of(value) < 1000


def test_powers_of_two_end_buckets():
    assert bucket_of(8.0) == 48
    assert bucket_of(8.01) == 49


@pytest.mark.parametrize(
    ("wanted", "is_exact", "found"),
    [
        (ACCOUNT, False, True),
        (ACCOUNT, True, False),
        (ACCOUNT._replace(name="f"), False, True),
        (ACCOUNT._replace(name="g"), False, False),
        (FUNCTION, True, True),
        (FUNCTION._replace(region="eu-west-1"), False, False),
    ],
)
def test_a_selection_has_what_its_dimensions_say(wanted, is_exact, found):
    measured = MeasuredMinute(series=FUNCTION, metric="Errors", minute=0, aggregate=Aggregate())
    assert MetricSelection(metric="Errors", series=wanted, is_exact=is_exact).has(measured) is found
    other = MetricSelection(metric="Duration", series=wanted, is_exact=is_exact)
    assert not other.has(measured)
