"""The model's patterns, written for Java, as Python expressions that match a whole value."""

from __future__ import annotations

import re
from functools import cache

# A pattern never sees more than this or its shape's own greatest length. Measured: none of the
# patterns of the models in use takes over 4 ms on hostile values of this length.
_MAX_CHARACTERS = 10_000

_CLASS_ESCAPE_THEN_DASH = re.compile(r"(\\[wds])-(?=[^\]])")
_UNICODE_CATEGORY = re.compile(r"\\p\{([LNZ])\}")
# Python's \w is letters, numbers and the underscore, which AWS only ever allows together.
_CATEGORIES = {
    "L": r"\w",
    "N": r"\d",
    "Z": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
}


def matches(pattern: str, value: str, greatest_length: int | None) -> bool:
    """Whether all of `value` matches the pattern of a shape with this greatest length, if any.

    A far too long value is not looked at: it fails only where no length check fails it anyway.
    """
    if len(value) > max(_MAX_CHARACTERS, greatest_length or 0):
        return greatest_length is not None
    expression = compiled(pattern)
    return expression is None or expression.fullmatch(value) is not None


@cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern for Python, or None if Python has no such expression.

    Compiled when first used: there are over a hundred. None means unconstrained rather than an
    error, because a newer model must not make its requests fail; a test says that there is none.
    """
    # In Java a dash after a class escape is a dash, and \w, \d and \s are ASCII.
    text = _CLASS_ESCAPE_THEN_DASH.sub(r"\1\\-", pattern)
    text, categories = _UNICODE_CATEGORY.subn(lambda found: _CATEGORIES[found[1]], text)
    try:
        return re.compile(text, re.UNICODE if categories else re.ASCII)
    except re.error:
        return None
