"""The clock of rules that have a schedule; moto has none."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from moto.events.models import events_backends

from lambent.companion.events.rules import is_enabled
from lambent.companion.events.schedule_expression import parse_schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambent.companion.events.rules import Targets

logger = logging.getLogger(__name__)

_TICK_SECONDS = 0.5


@dataclass(slots=True, kw_only=True)
class Appointments:
    """When each rule fires next.

    A rule that was put again is another, so its rate starts anew, as does one's that was disabled
    meanwhile. What came due while nobody looked fires once, not as often as it was missed.
    """

    _due: dict[int, tuple[Any, datetime]] = field(default_factory=dict)

    def due(self, rules: Iterable[Any], now: datetime) -> list[tuple[Any, datetime]]:
        """The rules to fire now, with the time each was due at."""
        waiting = {}
        firing = []
        for rule in rules:
            # The entry keeps its rule, so that no other can get the same identity.
            _, moment = self._due.get(id(rule), (rule, None))
            if moment is not None and moment <= now:
                firing.append((rule, moment))
            if moment is None or moment <= now:
                moment = _next(rule, moment, now)
            if moment is not None:
                waiting[id(rule)] = (rule, moment)
        self._due = waiting
        return firing


def run(targets: Targets, time_factor: float = 1.0) -> None:
    """Fire what is due, for ever; time passes `time_factor` times as fast as on the clock."""
    appointments = Appointments()
    began = time.time()
    while True:
        now = began + (time.time() - began) * time_factor
        fire(targets, appointments, datetime.fromtimestamp(now, UTC))
        time.sleep(_TICK_SECONDS)


def fire(targets: Targets, appointments: Appointments, now: datetime) -> None:
    """Send the events of what is due by `now`."""
    try:
        for rule, moment in appointments.due(scheduled_rules(), now):
            event = scheduled_event(rule, moment)
            for target in list(rule.targets):
                targets.send(rule, target, event)
    except Exception:  # the clock goes on, whatever is wrong with one rule
        logger.exception("schedules could not be looked at")


def scheduled_rules() -> list[Any]:
    """Those of all accounts and regions that are enabled."""
    return [
        rule
        for account in list(events_backends.values())
        for backend in list(account.values())
        for rule in list(backend.event_buses["default"].rules.values())
        if rule.scheduled_expression and is_enabled(rule)
    ]


def scheduled_event(rule: Any, moment: datetime) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html"""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": rule.account_id,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": rule.region_name,
        "resources": [rule.arn],
        "detail": {},
    }


def _next(rule: Any, last: datetime | None, now: datetime) -> datetime | None:
    schedule = parse_schedule(rule.scheduled_expression)
    following = schedule.next_after(last or now)
    # From the time it was due at, so that a rate does not drift; from now after a long absence.
    is_missed = following is not None and following <= now
    return schedule.next_after(now) if is_missed else following
