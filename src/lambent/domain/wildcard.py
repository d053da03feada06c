"""Patterns with wildcards as IAM policies have them: `*` for any characters, `?` for one.

Patterns are strangers', and each call of a function with a policy may compare all of them.
Expressions of `re` would cost more to make than to use: measured 18 us each, 36 ms for the 2,000
that a policy has room for, more than `re` keeps. So nothing is made in advance, and the time is
bounded by the text's length times the pattern's: some hundreds of characters, as texts are ARNs and
names of actions, and 20 KB, the size of a policy, for all of its patterns together.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import functools

_ARN_PARTS = 6  # arn, partition, service, region, account, and the rest with all its colons


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` is of the form `pattern`."""
    start = pattern.find("*")
    if start < 0:
        return len(pattern) == len(text) and _is_at(pattern, text, 0)
    end = pattern.rfind("*")
    suffix = pattern[end + 1 :]
    stop = len(text) - len(suffix)
    if start > stop or not _is_at(pattern[:start], text, 0) or not _is_at(suffix, text, stop):
        return False
    return start == end or _has_in_order(pattern[start + 1 : end], text, start, stop)


def arn_matches(pattern: str, arn: str) -> bool:
    """The same for ARNs, whose parts are compared each for itself: no `*` reaches over a colon.

    Only the last part, the resource, may have colons in it.
    """
    patterns, parts = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    return len(patterns) == len(parts) == _ARN_PARTS and all(map(matches, patterns, parts))


def _is_at(part: str, text: str, place: int) -> bool:
    """Whether `part`, without `*`, is in `text` at `place`, from where there are enough characters."""
    for literal in part.split("?"):
        if not text.startswith(literal, place):
            return False
        place += len(literal) + 1
    return True


def _has_in_order(middle: str, text: str, place: int, stop: int) -> bool:
    """Whether the parts of `middle` follow each other in `text[place:stop]`, with gaps or without.

    Each part is taken where it first comes, for good: if the others fit after a later place, they
    fit after the first one too.
    """
    if len(middle) - middle.count("*") > stop - place:
        return False
    for part in filter(None, middle.split("*")):
        place = _first_place(part, text, place, stop)
        if place < 0:
            return False
        place += len(part)
    return True


def _first_place(part: str, text: str, place: int, stop: int) -> int:
    """Where `part`, without `*`, first is in `text[place:stop]`; -1 if nowhere."""
    if "?" not in part:
        return text.find(part, place, stop)
    last = stop - len(part)
    if last < place:
        return -1
    # A bit for each place where it can still be. All places at once take one step for each
    # character; one place after the other would take their product.
    candidates = (1 << last + 1) - (1 << place)
    places = _places(text)
    for offset, wanted in enumerate(part):
        if wanted != "?":
            candidates &= places.get(wanted, 0) >> offset
    return (candidates & -candidates).bit_length() - 1


# The patterns of a policy are compared with the same few texts.
@functools.lru_cache(maxsize=16)
def _places(text: str) -> dict[str, int]:
    """By character, a bit for each place where it is."""
    places: dict[str, int] = {}
    for place, character in enumerate(text):
        places[character] = places.get(character, 0) | 1 << place
    return places
