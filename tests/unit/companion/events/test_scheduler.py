"""The clock of rules with a schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from lambent.companion.events.scheduler import Appointments, scheduled_event

NOON = datetime(2025, 1, 15, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def rule(expression: str = "rate(1 minute)") -> Any:
    return SimpleNamespace(
        scheduled_expression=expression,
        account_id="111111111111",
        region_name="eu-west-1",
        arn="arn:aws:events:eu-west-1:111111111111:rule/nightly",
    )


def test_a_rate_fires_first_one_period_after_it_was_seen() -> None:
    appointments, every_minute = Appointments(), rule()
    assert appointments.due([every_minute], NOON) == []
    assert appointments.due([every_minute], NOON + MINUTE / 2) == []
    assert appointments.due([every_minute], NOON + MINUTE) == [(every_minute, NOON + MINUTE)]
    assert appointments.due([every_minute], NOON + MINUTE) == []
    assert len(appointments.due([every_minute], NOON + 2 * MINUTE)) == 1


def test_a_rate_does_not_drift() -> None:
    appointments, every_minute = Appointments(), rule()
    appointments.due([every_minute], NOON)
    late = timedelta(milliseconds=400)
    appointments.due([every_minute], NOON + MINUTE + late)
    assert appointments.due([every_minute], NOON + 2 * MINUTE) == [
        (every_minute, NOON + 2 * MINUTE)
    ]


def test_what_was_missed_fires_once() -> None:
    appointments, every_minute = Appointments(), rule()
    appointments.due([every_minute], NOON)
    assert len(appointments.due([every_minute], NOON + 60 * MINUTE)) == 1
    assert appointments.due([every_minute], NOON + 60 * MINUTE) == []


def test_a_rule_that_was_disabled_meanwhile_starts_anew() -> None:
    appointments, every_minute = Appointments(), rule()
    appointments.due([every_minute], NOON)
    appointments.due([], NOON + MINUTE / 2)
    assert appointments.due([every_minute], NOON + MINUTE) == []


def test_a_rule_that_was_put_again_starts_anew() -> None:
    appointments = Appointments()
    appointments.due([rule()], NOON)
    assert appointments.due([rule()], NOON + MINUTE) == []


def test_a_cron_fires_at_its_minute_whenever_it_was_put() -> None:
    appointments, at_one = Appointments(), rule("cron(0 13 * * ? *)")
    appointments.due([at_one], NOON)
    one = NOON.replace(hour=13)
    assert appointments.due([at_one], one + MINUTE / 60) == [(at_one, one)]


def test_what_is_never_due_again_never_fires() -> None:
    appointments, past = Appointments(), rule("cron(0 0 1 1 ? 2002)")
    appointments.due([past], NOON)
    assert appointments.due([past], NOON + 1000 * MINUTE) == []


def test_a_scheduled_event_has_the_time_it_was_due_at() -> None:
    event = scheduled_event(rule(), NOON)
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "111111111111",
        "time": "2025-01-15T12:00:00Z",
        "region": "eu-west-1",
        "resources": ["arn:aws:events:eu-west-1:111111111111:rule/nightly"],
        "detail": {},
    }
