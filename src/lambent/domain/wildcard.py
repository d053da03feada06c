"""Patterns with wildcards as IAM policies have them: `*` for any characters, `?` for one.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from __future__ import annotations

import re

_ARN_PARTS = 6  # arn, partition, service, region, account, and the rest with all its colons


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` is of the form `pattern`."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    first, *others = (_expression(part) for part in pattern.split("*"))
    if not others:
        return re.fullmatch(first, text, re.DOTALL) is not None
    *middle, last = others
    # Each part is taken where it first comes, for good: patterns are strangers', and trying all
    # places again for each further `*` could take for ever.
    parts = "".join(f"(?>.*?{part})" for part in middle if part)
    return re.fullmatch(f"{first}{parts}.*{last}", text, re.DOTALL) is not None


def arn_matches(pattern: str, arn: str) -> bool:
    """The same for ARNs, whose parts are compared each for itself: no `*` reaches over a colon.

    Only the last part, the resource, may have colons in it.
    """
    patterns, parts = pattern.split(":", _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    return len(patterns) == len(parts) == _ARN_PARTS and all(map(matches, patterns, parts))


def _expression(part: str) -> str:
    return ".".join(re.escape(literal) for literal in part.split("?"))
