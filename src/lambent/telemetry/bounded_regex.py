"""The regular expressions of filter patterns, in time linear in the text.

CloudWatch Logs allows no parentheses, so an expression is a few alternatives, each a plain row of
items: a set of characters and how often it may come. Such a row can be run with one machine word of
states per character (the extended Shift-And of Navarro and Raffinot), whatever the text; Python's
own `re` would take `%a*a*a*a*a*b%` to the power of six.
The syntax: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# After repetitions are written out; bounds the cost of one character of text.
_MAX_ITEMS = 1000
_MAX_REMEMBERED_STEPS = 20_000
_BEYOND_ASCII = 128  # one code stands for every character that no set can name
_ANY_CODE = frozenset(range(_BEYOND_ASCII + 1))

_TOKEN = re.compile(
    r"\\x(?P<hex>[0-7][0-9A-Fa-f])"
    r"|\\(?P<escape>[\x21-\x7e])"
    r"|\[(?P<negation>\^?)(?P<set>(?:\\[\x21-\x7e]|[^\]\\])+)\]"
    r"|\{(?P<least>\d{1,4})(?P<comma>,?)(?P<most>\d{0,4})\}"
    r"|(?P<repeat>[?*+])"
    r"|(?P<mark>[|^$])"
    # A space is in no list of AWS's, but in the CDK's own examples of accepted expressions.
    r"|(?P<literal>[A-Za-z0-9 _#=@/;,:.-])"
)
_SET_MEMBER = re.compile(
    r"\\x(?P<hex>[0-7][0-9A-Fa-f])|\\(?P<escape>[\x21-\x7e])|(?P<literal>[\x20-\x7e])"
)


def _codes(characters: str) -> frozenset[int]:
    return frozenset(map(ord, characters))


_DIGITS = _codes("0123456789")
_WORD = frozenset(code for code in range(_BEYOND_ASCII) if chr(code).isalnum()) | _codes("_")
_SPACE = _codes(" \t\n\r\f\v")
_CLASSES = {
    "d": _DIGITS,
    "D": _ANY_CODE - _DIGITS,
    "w": _WORD,
    "W": _ANY_CODE - _WORD,
    "s": _SPACE,
    "S": _ANY_CODE - _SPACE,
    "t": _codes("\t"),
    "n": _codes("\n"),
    "r": _codes("\r"),
}
_ANY_BUT_NEWLINE = _ANY_CODE - _codes("\n")
# is_optional, is_repeatable
_REPEATS = {"?": (True, False), "*": (True, True), "+": (False, True)}


class InvalidExpressionError(Exception):
    """Raised for a regular expression that CloudWatch Logs would not take."""


@dataclass(frozen=True, slots=True)
class _Item:
    codes: frozenset[int]
    is_optional: bool = False
    is_repeatable: bool = False


@dataclass(frozen=True, slots=True)
class _Branch:
    items: tuple[_Item, ...]
    is_from_start: bool
    is_to_end: bool


def _character_codes(match: re.Match[str]) -> frozenset[int]:
    groups = match.groupdict()
    if groups["hex"]:
        return frozenset([int(groups["hex"], 16)])
    if groups["literal"]:
        return _ANY_BUT_NEWLINE if match[0] == "." else _codes(match[0])
    escape = groups["escape"]
    if escape in _CLASSES:
        return _CLASSES[escape]
    if escape.isalnum():
        raise InvalidExpressionError
    return _codes(escape)


def _set_codes(text: str) -> frozenset[int]:
    members: list[re.Match[str]] = []
    position = 0
    while match := _SET_MEMBER.match(text, position):
        members.append(match)
        position = match.end()
    if position != len(text):
        raise InvalidExpressionError
    codes: set[int] = set()
    index = 0
    while index < len(members):
        is_range = index + 2 < len(members) and members[index + 1][0] == "-"
        if is_range:
            codes |= _range_codes(members[index], members[index + 2])
        else:
            member = members[index]
            codes |= _codes(".") if member[0] == "." else _character_codes(member)
        index += 3 if is_range else 1
    return frozenset(codes)


def _range_codes(first: re.Match[str], last: re.Match[str]) -> set[int]:
    ends = [_codes(".") if end[0] == "." else _character_codes(end) for end in (first, last)]
    if len(ends[0]) != 1 or len(ends[1]) != 1 or min(ends[0]) > min(ends[1]):
        raise InvalidExpressionError
    return set(range(min(ends[0]), min(ends[1]) + 1))


def _counted(item: _Item, match: re.Match[str]) -> list[_Item]:
    """`x{2,4}` written out: xxx?x?"""
    least = int(match["least"])
    if not match["comma"]:
        return [item] * least
    if not match["most"]:
        return [*[item] * least, replace(item, is_optional=True, is_repeatable=True)]
    most = int(match["most"])
    if most < least:
        raise InvalidExpressionError
    return [*[item] * least, *[replace(item, is_optional=True)] * (most - least)]


def _tokens(expression: str) -> Iterator[re.Match[str]]:
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None:
            raise InvalidExpressionError
        yield match
        position = match.end()


def _repeated(item: _Item, match: re.Match[str]) -> list[_Item]:
    if match["repeat"]:
        is_optional, is_repeatable = _REPEATS[match["repeat"]]
        return [replace(item, is_optional=is_optional, is_repeatable=is_repeatable)]
    return _counted(item, match)


def _branch(tokens: list[re.Match[str]]) -> _Branch:
    is_from_start = bool(tokens) and tokens[0][0] == "^"
    is_to_end = len(tokens) > is_from_start and tokens[-1][0] == "$"
    items: list[_Item] = []
    single: _Item | None = None  # what a quantifier would repeat
    for token in tokens[is_from_start : len(tokens) - is_to_end]:
        if token["repeat"] or token["least"]:
            if single is None:
                raise InvalidExpressionError
            items[-1:] = _repeated(single, token)
            single = None
        elif token["mark"]:
            raise InvalidExpressionError
        else:
            codes = _set_codes(token["set"]) if token["set"] else _character_codes(token)
            single = _Item(_ANY_CODE - codes if token["negation"] else codes)
            items.append(single)
        if len(items) > _MAX_ITEMS:
            raise InvalidExpressionError
    return _Branch(tuple(items), is_from_start, is_to_end)


def _branches(expression: str) -> list[_Branch]:
    rows: list[list[re.Match[str]]] = [[]]
    for token in _tokens(expression):
        if token[0] == "|":
            rows.append([])
        else:
            rows[-1].append(token)
    branches = [_branch(row) for row in rows]
    if sum(len(branch.items) for branch in branches) > _MAX_ITEMS:
        raise InvalidExpressionError
    return branches


class BoundedRegex:
    """One expression, compiled; `search` costs a few integer operations per character.

    Bit i of a state says that item i has just been matched or skipped. Each branch owns a row of
    bits that begins with one for "nothing matched yet", which no character can set again.
    """

    def __init__(self, expression: str) -> None:
        """Raises InvalidExpressionError."""
        self._masks = [0] * (_BEYOND_ASCII + 1)  # by code: the items it matches
        self._repeatable = 0
        self._optional = 0
        self._run_starts = 0  # the bit below each run of optional items
        self._run_ends = 0
        self._unanchored = 0
        self._final = 0
        self._final_at_end = 0
        self._steps: dict[tuple[int, int], int] = {}
        start = 0
        base = 0
        for branch in _branches(expression):
            self._add_items(branch.items, base)
            start |= 1 << base
            self._unanchored |= 0 if branch.is_from_start else 1 << base
            base += len(branch.items)
            if branch.is_to_end:
                self._final_at_end |= 1 << base
            else:
                self._final |= 1 << base
            base += 1
        self._start = self._with_skips(start)

    def _add_items(self, items: tuple[_Item, ...], base: int) -> None:
        was_optional = False
        for index, item in enumerate(items, base + 1):
            bit = 1 << index
            for code in item.codes:
                self._masks[code] |= bit
            self._repeatable |= bit if item.is_repeatable else 0
            if item.is_optional:
                self._optional |= bit
                self._run_starts |= 0 if was_optional else bit >> 1
                self._run_ends = (
                    self._run_ends & ~(bit >> 1) if was_optional else self._run_ends
                ) | bit
            was_optional = item.is_optional

    def _with_skips(self, state: int) -> int:
        """Adds what follows by skipping optional items, all at once.

        The subtraction borrows through each run up to its lowest set bit; what lies above it in the
        run is what can be skipped to.
        """
        fenced = state | self._run_ends
        return state | (self._optional & (~(fenced - self._run_starts) ^ fenced))

    def _step(self, state: int, code: int) -> int:
        moved = ((state << 1) | (state & self._repeatable)) & self._masks[code]
        following = self._with_skips(moved | self._unanchored)
        if len(self._steps) >= _MAX_REMEMBERED_STEPS:
            self._steps.clear()
        self._steps[state, code] = following
        return following

    def search(self, text: str) -> bool:
        """Whether the expression matches anywhere in the text; `$` allows one newline after it."""
        line = text.removesuffix("\n")
        state = self._run(self._start, line)
        if state & (self._final | self._final_at_end):
            return True
        if len(line) < len(text):
            state = self._run(state, "\n")
        return bool(state & (self._final | self._final_at_end))

    def _run(self, state: int, text: str) -> int:
        """The state after the text, or the first one in which the expression has matched."""
        steps = self._steps
        for character in text:
            if state & self._final:
                return state
            code = min(ord(character), _BEYOND_ASCII)
            known = steps.get((state, code))
            state = self._step(state, code) if known is None else known
        return state
