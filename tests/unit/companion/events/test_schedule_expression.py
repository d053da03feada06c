"""When schedules are due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lambent.companion.events.schedule_expression import NotASchedule, parse_schedule

START = datetime(2025, 1, 15, 10, 30, 20, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", "2025-01-15T10:31:20"),
        ("rate(5 minutes)", "2025-01-15T10:35:20"),
        ("rate(2 hours)", "2025-01-15T12:30:20"),
        ("rate(1 day)", "2025-01-16T10:30:20"),
        ("cron(0 10 * * ? *)", "2025-01-16T10:00:00"),
        ("cron(31 10 * * ? *)", "2025-01-15T10:31:00"),
        ("cron(30 10 * * ? *)", "2025-01-16T10:30:00"),
        ("cron(0/15 * * * ? *)", "2025-01-15T10:45:00"),
        ("cron(5,35 14 * * ? *)", "2025-01-15T14:05:00"),
        ("cron(0 18 ? * MON-FRI *)", "2025-01-15T18:00:00"),
        ("cron(0 8 1 * ? *)", "2025-02-01T08:00:00"),
        ("cron(0 2 ? * SAT *)", "2025-01-18T02:00:00"),
        ("cron(0 2 ? * SAT#3 *)", "2025-01-18T02:00:00"),
        ("cron(0 2 ? * 7#5 *)", "2025-03-29T02:00:00"),
        ("cron(15 10 ? * 6L *)", "2025-01-31T10:15:00"),
        ("cron(0 0 L * ? *)", "2025-01-31T00:00:00"),
        ("cron(0 0 L FEB ? 2028)", "2028-02-29T00:00:00"),
        ("cron(0 9 1W 2 ? *)", "2025-02-03T09:00:00"),
        ("cron(0 9 31W 8 ? *)", "2025-08-29T09:00:00"),
        ("cron(0/5 5 ? JAN 1-5 2026)", "2026-01-01T05:00:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29T00:00:00"),
        ("cron(59 23 31 12 ? *)", "2025-12-31T23:59:00"),
    ],
)
def test_a_schedule_is_due_next(expression: str, expected: str) -> None:
    moment = parse_schedule(expression).next_after(START)
    assert moment == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("expression", ["cron(15 10 ? * 6L 2002-2005)", "cron(0 0 30 2 ? *)"])
def test_some_are_never_due_again(expression: str) -> None:
    assert parse_schedule(expression).next_after(START) is None


@pytest.mark.parametrize(
    "expression",
    [
        "rate(10 seconds)",
        "rate(10 years)",
        "rate(1 minutes)",
        "rate(1 hours)",
        "rate(1 days)",
        "rate(10 minute)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(0 minutes)",
        "rate(-10 minutes)",
        "rate(10 MINUTES)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "cron(0 1 * * * *)",
        "cron(0 1 ? * ? *)",
        "cron(7 20 * * NOT *)",
        "cron(INVALID)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(71 8 1 * ? *)",
        "cron(0 8 32 * ? *)",
        "cron(0/0 8 1 * ? *)",
        "cron(5-1 8 1 * ? *)",
        "cron(0 8 1 * ?)",
        "at(2025-01-01T00:00:00)",
    ],
)
def test_what_aws_refuses_is_no_schedule(expression: str) -> None:
    with pytest.raises(NotASchedule):
        parse_schedule(expression)
