"""Metric math: arithmetic of metrics, and a few of CloudWatch's functions.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Values: TypeAlias = dict[int, float]  # by period
Operand: TypeAlias = "Values | float"
# From all metrics and expressions by their identifiers.
Lookup: TypeAlias = "Callable[[str], Values]"

_TOKEN = re.compile(
    r"""\s*(?:(\d+(?:\.\d+)?)|([A-Za-z]\w*)|([-+*/(),\[\]])|('[^']*'|"[^"]*"))""", re.ASCII
)
# Of CloudWatch's languages beside arithmetic, which may have signs of their own.
_NAMED = re.compile(r"\s*(SELECT\b|[A-Z][A-Z_]*(?=\s*\())", re.ASCII)
_MAX_DEPTH = 30
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_OF_MANY: Mapping[str, Callable[[list[float]], float]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
}
_FUNCTIONS = (*_OF_MANY, "FILL")


class NoSuchExpression(ValueError):
    """Raised for an expression that is not available here; its text says why."""


class NotAnExpression(ValueError):
    """Raised for what CloudWatch does not take either; its text says why."""


@dataclass(slots=True)
class Budget:
    """How much more may be computed for one request: nobody else is served meanwhile."""

    values: int = 2_000_000

    def spend(self, values: int) -> None:
        """Raises NoSuchExpression when it is used up."""
        self.values -= values
        if self.values < 0:
            raise NoSuchExpression("it takes too much computing: ask for less time at once")


def evaluate(expression: str, lookup: Lookup, periods: range, budget: Budget) -> Values:
    """What an expression is in each of `periods`, the most there can be.

    Raises NoSuchExpression, NotAnExpression, and what `lookup` raises for an identifier it does not
    know.
    """
    parser = _Parser(_tokens(expression), lookup, periods, budget)
    found = parser.sum(0)
    if parser.next_token:
        raise NotAnExpression(f"{parser.next_token!r} is not expected there")
    if isinstance(found, float):
        raise NoSuchExpression("it has no metric in it")
    return {period: value for period, value in found.items() if math.isfinite(value)}


def check_functions(expression: str) -> None:
    """Raises NoSuchExpression when it has a function that there is none of here."""
    plain = re.sub(r"""'[^']*'|"[^"]*\"""", "''", expression)
    for name in _NAMED.findall(plain):
        if name not in _FUNCTIONS:
            raise NoSuchExpression(f"there is no {name} here, only {', '.join(_FUNCTIONS)}")


def _tokens(expression: str) -> list[str]:
    check_functions(expression)
    tokens, position = [], 0
    text = expression.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise NotAnExpression(f"{text[position]!r} is not understood")
        tokens.append(match[match.lastindex or 0])
        position = match.end()
    return tokens


class _Parser:
    """Reads from left to right, and computes what it has read."""

    def __init__(self, tokens: list[str], lookup: Lookup, periods: range, budget: Budget) -> None:
        self._tokens = tokens
        self._position = 0
        self._lookup = lookup
        self._periods = periods
        self._budget = budget

    @property
    def next_token(self) -> str:
        """Empty at the end."""
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def sum(self, depth: int) -> Operand:
        if depth > _MAX_DEPTH:
            raise NoSuchExpression("it is nested too deeply")
        found = self._product(depth)
        while self.next_token in ("+", "-"):
            found = _combined(_ARITHMETIC[self._take()], found, self._product(depth))
        return found

    def _product(self, depth: int) -> Operand:
        found = self._operand(depth)
        while self.next_token in ("*", "/"):
            found = _combined(_ARITHMETIC[self._take()], found, self._operand(depth))
        return found

    def _operand(self, depth: int) -> Operand:
        self._budget.spend(len(self._periods))
        token = self._take()
        if token == "(":
            found = self.sum(depth + 1)
            self._expect(")")
            return found
        if token == "-":
            return _combined(operator.mul, -1.0, self._factor(depth))
        if token[:1].isdigit():
            return float(token)
        if not token[:1].isalpha():
            raise NotAnExpression(f"{token or 'its end'!r} is not expected there")
        if self.next_token == "(":
            return self._function(token, depth + 1)
        if not token[0].islower():  # identifiers all are: this is of a language of its own
            raise NotAnExpression(f"{token} is no identifier of a query")
        return self._lookup(token)

    def _factor(self, depth: int) -> Operand:
        if depth > _MAX_DEPTH:
            raise NoSuchExpression("it is nested too deeply")
        return self._operand(depth + 1)

    def _function(self, name: str, depth: int) -> Operand:
        self._expect("(")
        if name == "FILL":
            found = self._filled(depth)
        elif name in _OF_MANY:
            found = _of_many(_OF_MANY[name], self._list(depth))
        else:
            raise NoSuchExpression(f"there is no function {name} here")
        self._expect(")")
        return found

    def _filled(self, depth: int) -> Operand:
        values = self.sum(depth)
        self._expect(",")
        missing = self.sum(depth)
        if isinstance(values, float) or not isinstance(missing, float):
            raise NoSuchExpression("FILL is available of a metric and a number only")
        return {period: values.get(period, missing) for period in self._periods}

    def _list(self, depth: int) -> list[Values]:
        self._expect("[")
        found = [self.sum(depth)]
        while self.next_token == ",":
            self._take()
            found.append(self.sum(depth))
        self._expect("]")
        if any(isinstance(each, float) for each in found):
            raise NoSuchExpression("a list is of metrics")
        return [each for each in found if not isinstance(each, float)]

    def _take(self) -> str:
        token = self.next_token
        self._position += 1
        return token

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise NotAnExpression(f"{token!r} is missing")


def _combined(combine: Callable[[float, float], float], first: Operand, second: Operand) -> Operand:
    """Where both are known; a division by zero is not."""
    if isinstance(first, float) and isinstance(second, float):
        return _computed(combine, first, second)
    if isinstance(first, float):
        number, values = first, second
        assert not isinstance(values, float)
        return {period: _computed(combine, number, each) for period, each in values.items()}
    if isinstance(second, float):
        return {period: _computed(combine, each, second) for period, each in first.items()}
    return {
        period: _computed(combine, first[period], second[period])
        for period in first.keys() & second.keys()
    }


def _computed(combine: Callable[[float, float], float], first: float, second: float) -> float:
    try:
        return combine(first, second)
    except ZeroDivisionError:
        return math.nan


def _of_many(combine: Callable[[list[float]], float], of: list[Values]) -> Values:
    periods = set[int]().union(*of)
    return {
        period: combine([values[period] for values in of if period in values]) for period in periods
    }
