from __future__ import annotations

from lambent.domain.metric import Aggregate, Series
from lambent.telemetry.metrics.prometheus import exposition

SERIES = Series("000000000000", "us-east-1", "f", "f:live", "1")
LABELS = (
    'account="000000000000",region="us-east-1",function="f",resource="f:live",executed_version="1"'
)


def summed(*values, buckets=None):
    aggregate = Aggregate(buckets=buckets)
    for value in values:
        aggregate.add(value)
    return aggregate


def test_counters_have_their_help_and_type():
    page = exposition({SERIES: {"Invocations": summed(1, 1)}}, {})
    assert (
        "# HELP lambent_invocations_total Invocations that ran function code.\n"
        "# TYPE lambent_invocations_total counter\n"
        f"lambent_invocations_total{{{LABELS}}} 2\n"
    ) in page
    assert page.endswith("\n")


def test_durations_are_histograms_in_seconds():
    page = exposition({SERIES: {"Duration": summed(0.5, 3, 1e9, buckets={})}}, {}).splitlines()
    name = "lambent_duration_seconds"
    assert f'{name}_bucket{{{LABELS},le="0.001"}} 1' in page
    assert f'{name}_bucket{{{LABELS},le="0.002"}} 1' in page
    assert f'{name}_bucket{{{LABELS},le="0.004"}} 2' in page
    assert f'{name}_bucket{{{LABELS},le="65.536"}} 2' in page
    assert f'{name}_bucket{{{LABELS},le="+Inf"}} 3' in page
    assert f"{name}_sum{{{LABELS}}} {1000000003.5 / 1000}" in page
    assert f"{name}_count{{{LABELS}}} 3" in page


def test_states_are_gauges():
    page = exposition({}, {"lambent_queued_events": ("Events.", {"waiting": 3})})
    assert page.endswith(
        "# HELP lambent_queued_events Events.\n"
        "# TYPE lambent_queued_events gauge\n"
        'lambent_queued_events{state="waiting"} 3\n'
    )


def test_labels_can_not_break_lines():
    odd = SERIES._replace(name='a"b\\c\nd')
    page = exposition({odd: {"Errors": summed(1)}}, {})
    assert r'function="a\"b\\c\nd"' in page
