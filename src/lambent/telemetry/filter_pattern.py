"""CloudWatch Logs filter patterns: parsed once, then asked about each message.

Three languages, told apart by their first character:
`ERROR ?WARN -"disk full"` (terms), `{ $.level = "error" && $.n > 3 }` (JSON), and
`[ip, user, ..., status = 4*, bytes]` (space-delimited); and one regular expression, `%4\\d\\d%`.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeAlias

from lambent.telemetry.filter_conditions import (
    FieldValue,
    Predicate,
    TokenReader,
    compile_comparison,
    compile_conditions,
    compile_regex,
    invalid_character,
    invalid_filter_pattern,
    number_of,
    unquoted,
)

MessageMatcher: TypeAlias = Callable[[str], bool]

_TERM = re.compile(r'\s*(?P<sign>[?-]?)(?P<term>"(?:[^"\\]|\\.)*"|\w+)', re.DOTALL)
_SELECTOR_PART = re.compile(
    r"""\.(?P<name>[\w-]+)|\.?\['(?P<quoted_name>[^']*)'\]|\.?\[(?P<index>\d+)\]
    |(?P<any_name>\.\*)|(?P<any_index>\.?\[\*\])""",
    re.VERBOSE | re.ASCII,
)
# Brackets and quotes make one field. A bracket may not open inside another: it keeps the search
# linear when none of them is closed.
_FIELD = re.compile(r'"(?P<quoted>[^"]*)"|\[(?P<bracketed>[^\[\]]*)\]|(?P<bare>\S+)')
_LITERALS = {"TRUE": True, "FALSE": False, "NULL": None}


def parse_filter_pattern(pattern: str) -> MessageMatcher:
    """What decides whether a message matches. An empty pattern matches everything.

    Raises ServiceError InvalidParameterException.
    """
    pattern = pattern.strip()
    if not pattern:
        return lambda message: True
    for opening, closing, parse in _LANGUAGES:
        if pattern.startswith(opening):
            if len(pattern) < 2 or not pattern.endswith(closing):
                raise invalid_filter_pattern()
            return parse(pattern)
    return _parse_terms(pattern)


def _parse_regex(pattern: str) -> MessageMatcher:
    if "%" in pattern[1:-1]:
        raise invalid_filter_pattern()
    return compile_regex(pattern).search


def _parse_terms(pattern: str) -> MessageMatcher:
    terms: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(pattern):
        match = _TERM.match(pattern, position)
        if match is None:
            raise invalid_character(pattern[position:].lstrip()[0])
        position = match.end()
        term = match["term"]
        terms[match["sign"]].append(unquoted(term) if term.startswith('"') else term)
    wanted, alternatives, excluded = terms[""], terms["?"], terms["-"]
    if wanted or excluded:
        # AWS ignores ?terms beside others.
        return lambda message: (
            all(term in message for term in wanted)
            and not any(term in message for term in excluded)
        )
    return lambda message: any(term in message for term in alternatives)


def _no_constant(_text: str) -> None:
    raise ValueError  # NaN and Infinity are Python's, not JSON's


def _parse_json(pattern: str) -> MessageMatcher:
    tokens = TokenReader(pattern[1:-1])
    matches = compile_conditions(tokens, _json_condition)
    if not tokens.is_at_end():
        raise invalid_filter_pattern()

    def message_matches(message: str) -> bool:
        try:
            document = json.loads(message, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return False
        return isinstance(document, dict | list) and matches(document)

    return message_matches


def _json_condition(tokens: TokenReader) -> Predicate:
    steps = list(_SELECTOR_PART.finditer(tokens.take("selector").text))
    if tokens.take_if("NOT"):
        if tokens.take("word").text != "EXISTS":
            raise invalid_filter_pattern()
        return lambda document: not _selected(document, steps)
    if tokens.take_if("IS"):
        name = tokens.take("word").text
        if name not in _LITERALS:
            raise invalid_filter_pattern()
        literal = _LITERALS[name]
        return lambda document: any(value is literal for value in _selected(document, steps))
    compare = compile_comparison(tokens)
    return lambda document: any(
        compare(field)
        for value in _selected(document, steps)
        if (field := _field_value(value)) is not None
    )


def _children(value: object, step: re.Match[str]) -> list[object]:
    name = step["name"] if step["quoted_name"] is None else step["quoted_name"]
    found: list[object] = []
    if isinstance(value, dict):
        if step["any_name"]:
            found = list(value.values())
        elif name in value:
            found = [value[name]]
    elif isinstance(value, list):
        if step["any_index"]:
            found = value
        elif step["index"] and int(step["index"]) < len(value):
            found = [value[int(step["index"])]]
    return found


def _selected(document: object, steps: list[re.Match[str]]) -> list[object]:
    """Every value a selector points to: none, one, or with wildcards many."""
    values = [document]
    for step in steps:
        values = [child for value in values for child in _children(value, step)]
    return values


def _field_value(value: object) -> FieldValue | None:
    """None for what AWS compares with nothing: objects, arrays and null."""
    if isinstance(value, bool):
        return FieldValue("true" if value else "false", None)
    if isinstance(value, int | float):
        return FieldValue(str(value), value)
    return FieldValue(value, None) if isinstance(value, str) else None


def _parse_fields(pattern: str) -> MessageMatcher:
    tokens = TokenReader(pattern[1:-1])
    slots: list[Predicate | None] = []  # None: any number of fields
    while True:
        slots.append(None if tokens.take_if("...") else _slot(tokens))
        if tokens.is_at_end():
            break
        if not tokens.take_if(","):
            raise invalid_filter_pattern()
    if slots.count(None) > 1:
        raise invalid_filter_pattern()
    if None not in slots:
        return lambda message: _slots_match(slots, _fields(message), exactly=True)
    gap = slots.index(None)
    head, tail = slots[:gap], slots[gap + 1 :]

    def message_matches(message: str) -> bool:
        fields = _fields(message)
        return (
            len(fields) >= len(head) + len(tail)
            and _slots_match(head, fields)
            and _slots_match(tail, fields[len(fields) - len(tail) :])
        )

    return message_matches


def _slot(tokens: TokenReader) -> Predicate:
    """One field of the pattern: nothing, a name, or conditions on that name."""
    if tokens.is_at_end() or tokens.peek().text == ",":
        return lambda field: True
    names: set[str] = set()

    def condition(tokens: TokenReader) -> Predicate:
        names.add(tokens.take("word").text)
        if tokens.peek().kind != "comparison":
            return lambda field: True
        compare = compile_comparison(tokens)
        return lambda field: isinstance(field, FieldValue) and compare(field)

    matches = compile_conditions(tokens, condition)
    # AWS refuses conditions on two names in one place.
    if len(names) > 1:
        raise invalid_filter_pattern()
    return matches


def _fields(message: str) -> list[FieldValue]:
    texts = (match[match.lastgroup or 0] for match in _FIELD.finditer(message))
    return [FieldValue(text, number_of(text)) for text in texts]


def _slots_match(
    slots: list[Predicate | None], fields: list[FieldValue], *, exactly: bool = False
) -> bool:
    if exactly and len(slots) != len(fields):
        return False
    return all(slot is not None and slot(field) for slot, field in zip(slots, fields, strict=False))


_LANGUAGES: tuple[tuple[str, str, Callable[[str], MessageMatcher]], ...] = (
    ("{", "}", _parse_json),
    ("[", "]", _parse_fields),
    ("%", "%", _parse_regex),
)
