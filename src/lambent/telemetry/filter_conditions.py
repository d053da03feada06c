"""The conditions that JSON and space-delimited filter patterns have in common.

A condition compares one field with a word, a "phrase", a number or a %regular expression%; `&&`,
`||` and parentheses join conditions. The joined form is kept in postfix order and run on a stack,
so that no pattern, however nested, can exhaust Python's own.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from lambent.domain.errors import ServiceError
from lambent.telemetry.bounded_regex import BoundedRegex, InvalidExpressionError

# What a condition is asked about: a parsed JSON document, or a line's fields.
Predicate: TypeAlias = Callable[[object], bool]

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<quoted>"(?:[^"\\]|\\.)*")
    | (?P<regex>%[^%]*%)
    | (?P<selector>\$(?:\.(?:[\w-]+|\*|(?=\[))|\[(?:\d{1,9}|\*|'[^']*')\])+)
    | (?P<comparison><=|>=|!=|=!|=|<|>)
    | (?P<junction>&&|\|\|)
    | (?P<punctuation>[(),])
    | (?P<word>[\w.*:/+@\#-]+)
    )""",
    re.ASCII | re.VERBOSE | re.DOTALL,
)
# Written so that no digit can be taken in two ways: fields are as long as messages.
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PRECEDENCE = {"||": 1, "&&": 2}
_ORDERINGS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
_MAX_EXPRESSIONS = 2


def invalid_filter_pattern() -> ServiceError:
    return ServiceError("InvalidParameterException", "Invalid filter pattern")


def invalid_character(character: str) -> ServiceError:
    return ServiceError("InvalidParameterException", f"Invalid character(s) in term '{character}'")


@dataclass(frozen=True, slots=True)
class Token:
    kind: str | None
    text: str


_END = Token(None, "")


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One field of a log event, in both forms a condition may ask about."""

    text: str
    number: float | None


class TokenReader:
    """The tokens of a pattern, one after the other."""

    def __init__(self, text: str) -> None:
        """Raises ServiceError at the first character that begins no token."""
        self._tokens: list[Token] = []
        self._next = 0
        text = text.rstrip()
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise invalid_character(text[position:].lstrip()[0])
            position = match.end()
            self._tokens.append(Token(match.lastgroup, match[match.lastgroup or 0]))
        if sum(token.kind == "regex" for token in self._tokens) > _MAX_EXPRESSIONS:
            raise invalid_filter_pattern()

    def peek(self) -> Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else _END

    def take(self, kind: str | None = None) -> Token:
        """The next token, which must be of that kind."""
        token = self.peek()
        if token is _END or (kind is not None and token.kind != kind):
            raise invalid_filter_pattern()
        self._next += 1
        return token

    def take_if(self, text: str) -> bool:
        token = self.peek()
        if token.text != text or token.kind == "quoted":
            return False
        self._next += token is not _END
        return True

    def is_at_end(self) -> bool:
        return self.peek() is _END


def unquoted(text: str) -> str:
    """A quoted phrase without its quotes and escapes."""
    return _ESCAPED.sub(r"\1", text[1:-1])


def number_of(text: str) -> float | None:
    if not _NUMBER.fullmatch(text):
        return None
    # float() takes any length, int() refuses thousands of digits.
    return float(text)


def compile_regex(text: str) -> BoundedRegex:
    """The expression between two percent signs. Raises ServiceError."""
    try:
        return BoundedRegex(text[1:-1])
    except InvalidExpressionError:
        raise invalid_filter_pattern() from None


def wildcard_matcher(pattern: str) -> Callable[[str], bool]:
    """`*` is a wildcard at the beginning and the end; elsewhere it is an asterisk."""
    is_open_start, is_open_end = pattern.startswith("*"), pattern.endswith("*")
    core = pattern.removeprefix("*").removesuffix("*")
    if is_open_start and is_open_end:
        return lambda text: core in text
    if is_open_start:
        return lambda text: text.endswith(core)
    if is_open_end:
        return lambda text: text.startswith(core)
    return lambda text: text == core


def _equality(value: Token) -> Callable[[FieldValue], bool]:
    if value.kind == "regex":
        expression = compile_regex(value.text)
        return lambda field: expression.search(field.text)
    text = unquoted(value.text) if value.kind == "quoted" else value.text
    number = number_of(text) if value.kind == "word" else None
    if number is not None:
        return lambda field: field.text == text if field.number is None else field.number == number
    matches = wildcard_matcher(text)
    return lambda field: matches(field.text)


def compile_comparison(tokens: TokenReader) -> Callable[[FieldValue], bool]:
    """Takes an operator and a value. Raises ServiceError."""
    sign = tokens.take("comparison").text
    value = tokens.take()
    if value.kind not in {"quoted", "regex", "word"}:
        raise invalid_filter_pattern()
    if sign == "=":
        return _equality(value)
    if sign not in _ORDERINGS:  # != and, in AWS's examples of [...] patterns, =!
        equals = _equality(value)
        return lambda field: not equals(field)
    compare = _ORDERINGS[sign]
    limit = number_of(value.text)
    if limit is None:
        raise invalid_filter_pattern()
    return lambda field: field.number is not None and compare(field.number, limit)


def _popped(stack: list[str], output: list[Predicate | str], least: int) -> None:
    """Moves junctions that bind at least so tightly; stops at an open parenthesis."""
    while stack and _PRECEDENCE.get(stack[-1], 0) >= least:
        output.append(stack.pop())


def _postfix(
    tokens: TokenReader, condition: Callable[[TokenReader], Predicate]
) -> list[Predicate | str]:
    """Conditions and junctions in postfix order, up to the first token that continues neither."""
    output: list[Predicate | str] = []
    stack: list[str] = []
    while True:
        while tokens.take_if("("):
            stack.append("(")
        output.append(condition(tokens))
        while "(" in stack and tokens.take_if(")"):
            _popped(stack, output, 1)
            stack.pop()
        if tokens.peek().kind != "junction":
            break
        junction = tokens.take().text
        _popped(stack, output, _PRECEDENCE[junction])
        stack.append(junction)
    _popped(stack, output, 1)
    if stack:
        raise invalid_filter_pattern()
    return output


def _run(program: list[Predicate | str], subject: object) -> bool:
    stack: list[bool] = []
    for step in program:
        if not isinstance(step, str):
            stack.append(step(subject))
            continue
        right = stack.pop()
        left = stack.pop()
        stack.append((left and right) if step == "&&" else (left or right))
    return stack.pop()


def compile_conditions(
    tokens: TokenReader, condition: Callable[[TokenReader], Predicate]
) -> Predicate:
    """Takes one or more joined conditions. Raises ServiceError."""
    program = _postfix(tokens, condition)
    return lambda subject: _run(program, subject)
