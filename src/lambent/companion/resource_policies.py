"""Resources of one account that another uses, as far as their policies allow.

moto asks no such policy. Of a caller the companion knows the account and nothing more, so a
statement for one role of an account is one for all of that account.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_COMPARISONS = frozenset({"arnequals", "arnlike", "stringequals", "stringlike"})
ANY_SERVICE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who uses a resource of another account: an account, or a service on its behalf."""

    account_id: str
    service: str = ""  # its principal; empty: none, ANY_SERVICE: it is not known which
    source_arn: str = ""  # of what the service acts for

    def known(self) -> dict[str, str]:
        """What a condition may ask. All else is unknown: it allows nobody, and denies all."""
        keys = ("aws:principalaccount", "aws:sourceaccount", "aws:sourceowner")
        told = dict.fromkeys(keys, self.account_id)
        return told | ({"aws:sourcearn": self.source_arn} if self.source_arn else {})


def allows(policy: str | bytes | None, user: User, *, action: str, resource: str) -> bool:
    """Whether a resource's policy allows `action` to `user`."""
    statements = _statements(policy)
    concerned = [each for each in statements if _concerns(each, user, action, resource)]
    if any(each.get("Effect") != "Allow" for each in concerned):
        return False
    return any(_holds(each.get("Condition"), user.known()) for each in concerned)


def matches(pattern: str, text: str) -> bool:
    """Whether `text` is what `pattern` describes, with `*` and `?`; in time that is bounded."""
    at, star, resumed = 0, -1, 0
    position = 0
    while position < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resumed = at, position
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[position]):
            at += 1
            position += 1
        elif star >= 0:
            resumed += 1
            at, position = star + 1, resumed
        else:
            return False
    return not pattern[at:].strip("*")


def _statements(policy: str | bytes | None) -> list[dict[str, Any]]:
    try:
        document = json.loads(policy or "{}")
    except ValueError:
        return []
    found = _listed(document.get("Statement")) if isinstance(document, dict) else []
    return [each for each in found if isinstance(each, dict)]


def _concerns(statement: dict[str, Any], user: User, action: str, resource: str) -> bool:
    # What a denial leaves out it denies to the rest, and in doubt that is this user.
    default = None if statement.get("Effect") == "Allow" else "*"
    return (
        _is_principal(statement.get("Principal", default), user)
        and any(
            matches(each.lower(), action.lower())
            for each in _texts(statement.get("Action", default))
        )
        and any(matches(each, resource) for each in _texts(statement.get("Resource", default)))
    )


def _is_principal(named: Any, user: User) -> bool:
    if not isinstance(named, dict):
        return bool(named == "*")
    services = _texts(named.get("Service"))
    if user.service and (services if user.service == ANY_SERVICE else user.service in services):
        return True
    return any(
        each in ("*", user.account_id) or each.split(":")[4:5] == [user.account_id]
        for each in _texts(named.get("AWS"))
    )


def _holds(condition: Any, known: dict[str, str]) -> bool:
    if not isinstance(condition, dict):
        return condition is None
    return all(
        comparison.lower() in _COMPARISONS
        and isinstance(expected, dict)
        and all(_is_among(known.get(key.lower()), value) for key, value in expected.items())
        for comparison, expected in condition.items()
    )


def _is_among(value: str | None, expected: Any) -> bool:
    return value is not None and any(matches(each, value) for each in _texts(expected))


def _texts(value: Any) -> list[str]:
    return [each for each in _listed(value) if isinstance(each, str)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
