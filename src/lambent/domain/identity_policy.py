"""Policies of execution roles: what a function may do, as IAM would decide.

What cannot be evaluated here never lets anybody do more: a statement that allows something then
allows nothing, and one that denies something denies it.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lambent.domain.errors import ServiceError
from lambent.domain.policy_condition import Condition, make_condition
from lambent.domain.wildcard import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Decision = Literal["allowed", "denied", "not allowed"]

# In place of a resource's ARN, where nobody knows which resource is meant: it may be any.
UNKNOWN_RESOURCE = "*"


class PolicyUnreadable(Exception):
    """Raised for a document that is no policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patterns:
    """Of actions or resources: those that are meant, or all but those."""

    patterns: tuple[str, ...]
    is_negated: bool

    def cover(self, *spellings: str) -> bool:
        """Whether what has these spellings is meant; all but X is not X in any of them."""
        is_named = any(matches(each, text) for each in self.patterns for text in spellings)
        return is_named is not self.is_negated


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityStatement:
    is_deny: bool
    actions: _Patterns  # casefolded, as their case means nothing
    resources: _Patterns
    conditions: tuple[Condition, ...]
    is_evaluable: bool  # all of its conditions and patterns are known here

    def covers(self, action: str, resources: Sequence[str], context: Mapping[str, str]) -> bool:
        """Whether its effect counts for `action` on what has the ARNs `resources`."""
        if not self.is_evaluable:
            return self.is_deny and self.actions.cover(action.casefold())
        return (
            self.actions.cover(action.casefold())
            and self._is_about(resources)
            and all(condition.holds(context) for condition in self.conditions)
        )

    def _is_about(self, resources: Sequence[str]) -> bool:
        if UNKNOWN_RESOURCE not in resources:
            return self.resources.cover(*resources)
        # It may be the one that is denied, or the one that is not allowed.
        return self.is_deny or (
            not self.resources.is_negated and self.resources.cover(UNKNOWN_RESOURCE)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityPolicies:
    """All of one role's."""

    statements: tuple[IdentityStatement, ...]
    boundary: tuple[IdentityStatement, ...] | None = None  # must allow it, too

    def decide(self, action: str, resources: Sequence[str], context: Mapping[str, str]) -> Decision:
        """`resources` are spellings of one resource's ARN: to name any of them is to name it.

        One is empty for an action on no resource in particular, which only `*` allows; or it is
        UNKNOWN_RESOURCE.
        """
        decision = _decide(self.statements, action, resources, context)
        if self.boundary is None or decision != "allowed":
            return decision
        return _decide(self.boundary, action, resources, context)


def usual_policies(account_id: str, partition: str) -> IdentityPolicies:
    """Of a role that nobody knows: calling the account's functions, and writing logs."""
    lambda_arns = f"arn:{partition}:lambda:*:{account_id}:function:*"
    logs_arns = f"arn:{partition}:logs:*:{account_id}:*"
    logs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    invoke = ["lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "lambda:InvokeAsync"]
    return IdentityPolicies(
        statements=identity_statements(
            {
                "Statement": [
                    {"Effect": "Allow", "Action": invoke, "Resource": lambda_arns},
                    {"Effect": "Allow", "Action": logs, "Resource": logs_arns},
                ]
            }
        )
    )


def identity_statements(document: object) -> tuple[IdentityStatement, ...]:
    """Of a policy document, decoded from its JSON. Raises PolicyUnreadable."""
    if not isinstance(document, dict):
        raise PolicyUnreadable
    found = document.get("Statement")
    return tuple(_statement(each) for each in (found if isinstance(found, list) else [found]))


def _decide(
    statements: Iterable[IdentityStatement],
    action: str,
    resources: Sequence[str],
    context: Mapping[str, str],
) -> Decision:
    effects = {
        statement.is_deny
        for statement in statements
        if statement.covers(action, resources, context)
    }
    if True in effects:
        return "denied"
    return "allowed" if effects else "not allowed"


def _statement(value: object) -> IdentityStatement:
    if not isinstance(value, dict) or value.get("Effect") not in ("Allow", "Deny"):
        raise PolicyUnreadable
    actions, resources = _patterns(value, "Action"), _patterns(value, "Resource")
    conditions = _conditions(value.get("Condition", {}))
    return IdentityStatement(
        is_deny=value["Effect"] == "Deny",
        actions=_Patterns(
            patterns=tuple(map(str.casefold, actions.patterns)), is_negated=actions.is_negated
        ),
        resources=resources,
        conditions=conditions or (),
        is_evaluable=conditions is not None
        and not _have_variable(resources.patterns)
        and not any(_have_variable(condition.values) for condition in conditions),
    )


def _have_variable(texts: Iterable[str]) -> bool:
    """Such as ${aws:username}, which is nothing literal."""
    return any("${" in text for text in texts)


def _patterns(statement: Mapping[str, object], member: str) -> _Patterns:
    negated = f"Not{member}"
    if (member in statement) == (negated in statement):
        raise PolicyUnreadable
    is_negated = negated in statement
    return _Patterns(
        patterns=_strings(statement[negated if is_negated else member]), is_negated=is_negated
    )


def _conditions(value: object) -> tuple[Condition, ...] | None:
    """None: there is one that is not known here."""
    if not isinstance(value, dict) or not all(isinstance(keys, dict) for keys in value.values()):
        raise PolicyUnreadable
    try:
        return tuple(
            make_condition(operator, key, _strings(values))
            for operator, keys in value.items()
            for key, values in keys.items()
        )
    except ServiceError:
        return None


def _strings(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    texts = [str(each).lower() if isinstance(each, bool) else each for each in values]
    if not all(isinstance(each, str) for each in texts):
        raise PolicyUnreadable
    return tuple(each for each in texts if isinstance(each, str))
