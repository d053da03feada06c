from __future__ import annotations

import pytest

from lambent.telemetry.metrics.expressions import (
    Budget,
    NoSuchExpression,
    NotAnExpression,
    evaluate,
)

METRICS = {"a": {0: 1.0, 1: 2.0}, "b": {1: 4.0, 2: 8.0}, "zero": {0: 0.0, 1: 0.0}}


def value(expression, budget=2_000_000):
    return evaluate(expression, METRICS.__getitem__, range(3), Budget(budget))


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("a", {0: 1, 1: 2}),
        ("a + b", {1: 6}),
        ("2 * a - 1", {0: 1, 1: 3}),
        ("1 - 2 * (a - 3) / 4", {0: 2, 1: 1.5}),
        ("-a * 2.5", {0: -2.5, 1: -5}),
        ("10 - 3 - a", {0: 6, 1: 5}),
        ("a / zero", {}),
        ("1 / 0 * a", {}),
        ("FILL(a, 0) + FILL(b, 0)", {0: 1, 1: 6, 2: 8}),
        ("SUM([a, b])", {0: 1, 1: 6, 2: 8}),
        ("AVG([a,b])", {0: 1, 1: 3, 2: 8}),
        ("MAX([a, b]) - MIN([a, b])", {0: 0, 1: 2, 2: 0}),
    ],
)
def test_expressions_are_computed_by_period(expression, values):
    assert value(expression) == values


@pytest.mark.parametrize(
    "expression",
    [
        *("1", "SUM([1, a])", "FILL(1, a)"),
        *("RATE(a)", "SEARCH('x')", "a + SEARCH(' {AWS/Lambda} ', 'Sum')", "SELECT SUM(a)"),
        "(" * 100 + "a" + ")" * 100,
        "-" * 2000 + "a",
    ],
)
def test_what_is_not_available_is_refused(expression):
    with pytest.raises(NoSuchExpression):
        value(expression)


@pytest.mark.parametrize(
    "expression",
    ["", "a +", "a b", "(a", "a)", "a ^ b", "SUM(a)", "FILL(a)", "é", "a + 'SEARCH('", "A"],
)
def test_what_is_no_expression_is_told_apart(expression):
    with pytest.raises(NotAnExpression):
        value(expression)


def test_computing_has_an_end():
    with pytest.raises(NoSuchExpression, match="too much"):
        value("a+a+a+a", budget=9)
