"""Event patterns: which of an event source's records a function is invoked with.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Levels of fields; whoever follows a pattern does it by recursion.
_DEEPEST = 100
_NUMERIC_OPERATORS = frozenset({"=", "<", "<=", ">", ">="})


class InvalidEventPatternError(ValueError):
    """Raised when a text is not an event pattern."""


def check_event_pattern(text: str) -> None:
    """Raise InvalidEventPatternError unless `text`, of any origin, is an event pattern."""
    try:
        pattern: object = json.loads(text, parse_constant=_no_constant)
        _check(isinstance(pattern, dict))
        _check_fields(pattern, _DEEPEST)
    # The parser gives up at a depth of its own.
    except (ValueError, RecursionError) as error:
        raise InvalidEventPatternError(text) from error


def _no_constant(text: str) -> None:
    raise ValueError(text)  # NaN and Infinity are Python's, not JSON's


def _check(is_fine: bool) -> None:
    if not is_fine:
        raise ValueError


def _check_fields(fields: object, levels: int) -> None:
    if not isinstance(fields, dict) or not levels:
        raise ValueError
    for name, wanted in fields.items():
        if name == "$or":
            _check(isinstance(wanted, list) and len(wanted) > 1)
            for alternative in wanted:
                _check_fields(alternative, levels - 1)
        elif isinstance(wanted, list):
            _check(bool(wanted))
            for condition in wanted:
                _check_condition(condition)
        else:
            _check_fields(wanted, levels - 1)


def _check_condition(condition: object) -> None:
    if not isinstance(condition, dict):
        return _check(_is_plain(condition))
    _check(len(condition) == 1)
    for operator, operand in condition.items():
        _check(operator in _OPERANDS and _OPERANDS[operator](operand))
    return None


def _is_text(operand: object) -> bool:
    return isinstance(operand, str)


def _is_number(operand: object) -> bool:
    if isinstance(operand, bool) or not isinstance(operand, int | float):
        return False
    # Python reads integers that no float can hold, and greater numbers with an exponent as inf.
    return abs(operand) <= sys.float_info.max


def _is_plain(operand: object) -> bool:
    return operand is None or isinstance(operand, str | bool) or _is_number(operand)


def _is_range(operand: object) -> bool:
    """`["=", 5]`, or one or two bounds: `[">", 0, "<=", 5]`."""
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        return False
    operators, numbers = operand[::2], operand[1::2]
    return (
        all(isinstance(each, str) and each in _NUMERIC_OPERATORS for each in operators)
        and all(_is_number(each) for each in numbers)
        and (len(operators) == 1 or (operators[0][0], operators[1][0]) == (">", "<"))
    )


def _is_exclusion(operand: object) -> bool:
    if isinstance(operand, dict):
        return len(operand) == 1 and all(
            name in ("prefix", "suffix", "equals-ignore-case") and _is_text(text)
            for name, text in operand.items()
        )
    if isinstance(operand, list):
        return bool(operand) and all(_is_text(each) or _is_number(each) for each in operand)
    return _is_text(operand) or _is_number(operand)


_OPERANDS: Mapping[str, Callable[[object], bool]] = {
    "anything-but": _is_exclusion,
    "equals-ignore-case": _is_text,
    "exists": lambda operand: isinstance(operand, bool),
    "numeric": _is_range,
    "prefix": _is_text,
    "suffix": _is_text,
}
