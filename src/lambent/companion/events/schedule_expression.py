"""When a schedule is due: rate(5 minutes), cron(0 18 ? * MON-FRI *). Times are UTC.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_RATE = re.compile(r"rate\(([0-9]{1,9}) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\(([^()]+)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if name}
_WEEK_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_NUMBER_OF_FIELDS = 6


class NotASchedule(ValueError):
    """Raised for an expression that AWS does not take either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Every so often, from when the rule was there first."""

    seconds: int

    def next_after(self, moment: datetime) -> datetime | None:
        return moment + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """At the minutes that all fields allow."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: DaysOfMonth | DaysOfWeek
    months: frozenset[int]
    years: frozenset[int]

    def next_after(self, moment: datetime) -> datetime | None:
        """The first such minute later than `moment`; None if there will be none."""
        start = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for year in sorted(year for year in self.years if year >= start.year):
            for month in sorted(self.months):
                if (year, month) < (start.year, start.month):
                    continue
                if found := self._in_month(year, month, start):
                    return found
        return None

    def _in_month(self, year: int, month: int, start: datetime) -> datetime | None:
        for day in sorted(self.days.of(year, month)):
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    moment = datetime(year, month, day, hour, minute, tzinfo=UTC)
                    if moment >= start:
                        return moment
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysOfMonth:
    days: frozenset[int]
    is_last: bool = False  # L
    near: int | None = None  # 15W: the day from Monday to Friday that is nearest to it

    def of(self, year: int, month: int) -> set[int]:
        """The days of that month."""
        last = calendar.monthrange(year, month)[1]
        found = {day for day in self.days if day <= last}
        if self.is_last:
            found.add(last)
        if self.near is not None and self.near <= last:
            found.add(_nearest_working_day(year, month, self.near))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysOfWeek:
    days: frozenset[int]  # 1: Sunday
    last: int | None = None  # 6L: the last Friday
    nth: tuple[int, int] | None = None  # 7#3: the third Saturday

    def of(self, year: int, month: int) -> set[int]:
        """The days of that month."""
        number_of_days = calendar.monthrange(year, month)[1]
        by_week_day: dict[int, list[int]] = {}
        for day in range(1, number_of_days + 1):
            by_week_day.setdefault(_week_day(year, month, day), []).append(day)
        found = {day for week_day in self.days for day in by_week_day[week_day]}
        if self.last is not None:
            found.add(by_week_day[self.last][-1])
        if self.nth is not None:
            found.update(by_week_day[self.nth[0]][self.nth[1] - 1 : self.nth[1]])
        return found


Schedule = Rate | Cron


def parse_schedule(expression: str) -> Schedule:
    """Raises NotASchedule."""
    if match := _RATE.fullmatch(expression):
        return _rate(int(match[1]), match[2], is_plural=bool(match[3]))
    if match := _CRON.fullmatch(expression):
        return _cron(match[1].split())
    raise NotASchedule(expression)


def _rate(value: int, unit: str, *, is_plural: bool) -> Rate:
    if value == 0 or is_plural != (value > 1):
        raise NotASchedule(f"{value} {unit}")
    return Rate(seconds=value * _SECONDS[unit])


def _cron(fields: list[str]) -> Cron:
    if len(fields) != _NUMBER_OF_FIELDS:
        raise NotASchedule(f"{len(fields)} fields")
    minutes, hours, day_of_month, months, day_of_week, years = fields
    if (day_of_month == "?") == (day_of_week == "?"):
        raise NotASchedule("exactly one of day-of-month and day-of-week is ?")
    return Cron(
        minutes=_numbers(minutes, 0, 59),
        hours=_numbers(hours, 0, 23),
        days=_days_of_week(day_of_week) if day_of_month == "?" else _days_of_month(day_of_month),
        months=_numbers(_without_names(months, {k.upper(): v for k, v in _MONTHS.items()}), 1, 12),
        years=_numbers(years, _FIRST_YEAR, _LAST_YEAR),
    )


def _days_of_month(field: str) -> DaysOfMonth:
    if field == "L":
        return DaysOfMonth(days=frozenset(), is_last=True)
    if match := re.fullmatch(r"([0-9]{1,2})W", field):
        [near] = _numbers(match[1], 1, 31)
        return DaysOfMonth(days=frozenset(), near=near)
    return DaysOfMonth(days=_numbers(field, 1, 31))


def _days_of_week(field: str) -> DaysOfWeek:
    field = _without_names(field, {name: number for number, name in enumerate(_WEEK_DAYS, 1)})
    if field == "L":  # by itself the week's last day
        return DaysOfWeek(days=frozenset({7}))
    if match := re.fullmatch(r"([1-7])L", field):
        return DaysOfWeek(days=frozenset(), last=int(match[1]))
    if match := re.fullmatch(r"([1-7])#([1-5])", field):
        return DaysOfWeek(days=frozenset(), nth=(int(match[1]), int(match[2])))
    return DaysOfWeek(days=_numbers(field, 1, 7))


def _without_names(field: str, numbers: dict[str, int]) -> str:
    return re.sub(r"[A-Za-z]{3}", lambda name: str(numbers.get(name[0].upper(), name[0])), field)


def _numbers(field: str, lowest: int, highest: int) -> frozenset[int]:
    """Of a field such as 1,5-10,0/15 or *."""
    return frozenset().union(*(_range(part, lowest, highest) for part in field.split(",")))


def _range(part: str, lowest: int, highest: int) -> range:
    match = re.fullmatch(r"(?:(\*)|([0-9]{1,4})(?:-([0-9]{1,4}))?)(?:/([0-9]{1,4}))?", part)
    if match is None:
        raise NotASchedule(part)
    first = lowest if match[1] else int(match[2])
    last = int(match[3]) if match[3] else (highest if match[1] or match[4] else first)
    step = int(match[4] or 1)
    if not lowest <= first <= last <= highest or step == 0:
        raise NotASchedule(part)
    return range(first, last + 1, step)


def _week_day(year: int, month: int, day: int) -> int:
    """1 for Sunday to 7 for Saturday."""
    return (calendar.weekday(year, month, day) + 1) % 7 + 1


def _nearest_working_day(year: int, month: int, day: int) -> int:
    """Never in another month."""
    last = calendar.monthrange(year, month)[1]
    week_day = calendar.weekday(year, month, day)
    if week_day == calendar.SATURDAY:
        return day - 1 if day > 1 else day + 2
    if week_day == calendar.SUNDAY:
        return day + 1 if day < last else day - 2
    return day
