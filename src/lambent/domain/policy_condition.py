"""Conditions of policy statements.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.errors import invalid_parameter_value
from lambent.domain.wildcard import arn_matches, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_IF_EXISTS = "IfExists"
_NULL = "Null"
# By operator, whether one value of the policy fits the request's.
_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringEqualsIgnoreCase": lambda wanted, value: wanted.casefold() == value.casefold(),
    "StringLike": matches,
    "ArnEquals": arn_matches,
    "ArnLike": arn_matches,
    "Bool": lambda wanted, value: wanted.casefold() == value.casefold(),
}
_NEGATIONS = {
    operator.replace("Equals", "NotEquals").replace("Like", "NotLike"): operator
    for operator in _COMPARISONS
    if operator != "Bool"
}
# What is known of a request, and so can be asked for; the names' case means nothing.
KEYS = frozenset(
    {
        "aws:PrincipalAccount",
        "aws:PrincipalOrgID",
        "aws:SourceAccount",
        "aws:SourceArn",
        "lambda:EventSourceToken",
        "lambda:FunctionUrlAuthType",
        "lambda:InvokedViaFunctionUrl",
    }
)
_KEYS = {key.casefold(): key for key in KEYS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One operator applied to one key: any of the values will do, or, negated, none may fit."""

    operator: str  # a key of _COMPARISONS, or Null
    key: str  # one of KEYS
    values: tuple[str, ...]
    is_negated: bool
    is_optional: bool  # fulfilled also when the request does not have the key

    def holds(self, context: Mapping[str, str]) -> bool:
        """Whether a request is so; `context` has what it says, by KEYS."""
        value = context.get(self.key)
        if self.operator == _NULL:
            return ("true" if value is None else "false") in map(str.casefold, self.values)
        if value is None:
            return self.is_negated or self.is_optional
        compare = _COMPARISONS[self.operator]
        return any(compare(wanted, value) for wanted in self.values) is not self.is_negated


def make_condition(operator: str, key: str, values: tuple[str, ...]) -> Condition:
    """Raises ServiceError for what is not evaluated here: a policy must not say what has no effect."""
    name = operator.removesuffix(_IF_EXISTS)
    positive = _NEGATIONS.get(name, name)
    if positive not in _COMPARISONS and operator != _NULL:
        raise invalid_parameter_value(
            f"The condition operator {operator} is not available in this release of Lambent: "
            f"{', '.join(sorted({*_COMPARISONS, *_NEGATIONS, _NULL}))} are."
        )
    if key.casefold() not in _KEYS:
        raise invalid_parameter_value(
            f"The condition key {key} is not available in this release of Lambent: "
            f"{', '.join(sorted(KEYS))} are."
        )
    return Condition(
        operator=positive,
        key=_KEYS[key.casefold()],
        values=values,
        is_negated=positive != name,
        is_optional=name != operator,
    )
