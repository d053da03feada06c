"""Policy documents, read into the statements that decide about a request.

The grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.domain.policy_condition import Condition, make_condition
from lambent.domain.wildcard import matches

if TYPE_CHECKING:
    from collections.abc import Mapping

EVERYBODY = "*"
POLICY_VERSIONS = ("2012-10-17", "2008-10-17")

_ACCOUNT = re.compile(r"[0-9]{12}")
_IDENTITY = re.compile(
    r"arn:aws[a-z-]*:(?:iam|sts)::([0-9]{12}):(root|(?:user|role|assumed-role)/.+)"
)
_SERVICE = re.compile(
    r"(?:[a-z0-9-]+\.)+(?:amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|amazon\.com)"
)
_POLICY_MEMBERS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_MEMBERS = frozenset({"Sid", "Effect", "Principal", "Action", "Resource", "Condition"})


@dataclass(slots=True, kw_only=True)
class Access:
    """One use of a function, as far as it is known who makes it and why."""

    action: str  # lambda:InvokeFunction
    resource: str  # the ARN that is used, with a qualifier exactly if one was given
    account_id: str | None = None  # the caller's; None: a service, or nobody in particular
    service: str | None = None  # s3.amazonaws.com
    organization_id: str | None = None  # the one the caller's account belongs to
    source_arn: str | None = None  # what in the service makes it call, such as a bucket
    source_account: str | None = None  # whose that is
    event_source_token: str | None = None
    function_url_auth_type: str | None = None  # NONE or AWS_IAM, of a call to a function URL
    is_via_function_url: bool = False

    def context(self) -> dict[str, str]:
        """The values of condition keys."""
        known = {
            "aws:PrincipalAccount": self.account_id,
            "aws:PrincipalOrgID": self.organization_id,
            "aws:SourceAccount": self.source_account,
            "aws:SourceArn": self.source_arn,
            "lambda:EventSourceToken": self.event_source_token,
            "lambda:FunctionUrlAuthType": self.function_url_auth_type,
            "lambda:InvokedViaFunctionUrl": "true" if self.is_via_function_url else "false",
        }
        return {key: value for key, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    sid: str | None
    is_deny: bool
    is_for_everybody: bool
    accounts: frozenset[str]
    services: frozenset[str]
    actions: tuple[str, ...]  # casefolded, as their case means nothing
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]

    def covers(self, access: Access) -> bool:
        """Whether this statement is about `access`; then its effect is what counts."""
        if not self._names(access):
            return False
        action = access.action.casefold()
        if not any(matches(each, action) for each in self.actions):
            return False
        if not any(matches(each, access.resource) for each in self.resources):
            return False
        context = access.context() if self.conditions else {}
        return all(condition.holds(context) for condition in self.conditions)

    def _names(self, access: Access) -> bool:
        return (
            self.is_for_everybody
            or access.account_id in self.accounts
            or access.service in self.services
        )


# Documents change rarely, and each invocation of a function with a policy reads it.
@functools.lru_cache(maxsize=256)
def statements_of(document: str) -> tuple[Statement, ...]:
    """The statements of a policy in JSON. Raises ServiceError for one that cannot be evaluated."""
    policy = _structure(_json(document), "the policy", _POLICY_MEMBERS)
    if policy.get("Version", POLICY_VERSIONS[-1]) not in POLICY_VERSIONS:
        raise _malformed(f"Version must be one of {', '.join(POLICY_VERSIONS)}.")
    if not isinstance(policy.get("Id", ""), str):
        raise _malformed("Id must be a string.")
    found = policy.get("Statement")
    statements = tuple(map(_statement, found if isinstance(found, list) else [found]))
    if not statements:
        raise _malformed("it has no statements.")
    named = [each.sid for each in statements if each.sid]
    if len(named) != len(set(named)):
        raise _malformed("each Sid may be there once only.")
    return statements


def check_principal(principal: str) -> None:
    """Raise ServiceError unless it is everybody, an account, its root, user or role, or a service."""
    if principal != EVERYBODY and not _SERVICE.fullmatch(principal):
        account_in(principal)


def is_service(principal: str) -> bool:
    """Whether it has the form of a service's name, such as s3.amazonaws.com."""
    return _SERVICE.fullmatch(principal) is not None


def account_in(principal: str) -> str:
    """The account of a principal that is an account, its root, a user or a role.

    Raises ServiceError for anything else.
    """
    if _ACCOUNT.fullmatch(principal):
        return principal
    if match := _IDENTITY.fullmatch(principal):
        return match[1]
    raise _invalid_principal()


def _statement(value: object) -> Statement:
    statement = _structure(value, "a statement", _STATEMENT_MEMBERS)
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Effect must be Allow or Deny.")
    is_deny = statement["Effect"] == "Deny"
    sid = statement.get("Sid")
    if sid is not None and not isinstance(sid, str):
        raise _malformed("Sid must be a string.")
    accounts, services = _principals(statement.get("Principal"), is_deny=is_deny)
    return Statement(
        sid=sid,
        is_deny=is_deny,
        is_for_everybody=EVERYBODY in accounts,
        accounts=frozenset(accounts - {EVERYBODY}),
        services=frozenset(services),
        actions=tuple(map(str.casefold, _strings(statement.get("Action"), "Action"))),
        resources=_strings(statement.get("Resource"), "Resource"),
        conditions=_conditions(statement.get("Condition", {})),
    )


def _principals(value: object, *, is_deny: bool) -> tuple[set[str], set[str]]:
    """The accounts, EVERYBODY among them, and the services."""
    if value == EVERYBODY:
        return {EVERYBODY}, set()
    principal = _structure(value, "Principal", frozenset({"AWS", "Service"}))
    named = _strings(principal["AWS"], "Principal.AWS") if "AWS" in principal else ()
    services = _strings(principal["Service"], "Principal.Service") if "Service" in principal else ()
    if not named and not services:
        raise _malformed("Principal names nobody.")
    if not all(map(is_service, services)):
        raise _invalid_principal()
    if is_deny and any("/" in each for each in named):
        raise invalid_parameter_value(
            "Denying single users and roles is not available in this release of Lambent: "
            "of a caller the account is known only. Name the account."
        )
    return {each if each == EVERYBODY else account_in(each) for each in named}, set(services)


def _conditions(value: object) -> tuple[Condition, ...]:
    return tuple(
        make_condition(operator, key, _strings(values, f"Condition.{operator}.{key}"))
        for operator, keys in _structure(value, "Condition", None).items()
        for key, values in _structure(keys, f"Condition.{operator}", None).items()
    )


def _strings(value: object, member: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    # Conditions may be written with true and false, without quotation marks.
    written = [str(each).lower() if isinstance(each, bool) else each for each in values]
    texts = tuple(each for each in written if isinstance(each, str) and each)
    if not texts or len(texts) != len(written):
        raise _malformed(f"{member} must be a string or a list of strings.")
    if any("${" in each for each in texts):
        raise _malformed(f"{member} has a variable, which is not available in this release.")
    return texts


def _structure(value: object, name: str, members: frozenset[str] | None) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _malformed(f"{name} must be a JSON object.")
    for member in value:
        if members is not None and member not in members:
            raise _malformed(f"{name} has the member {member}, which is not available here.")
    return value


def _json(document: str) -> object:
    try:
        decoded: object = json.loads(document)
    except (ValueError, RecursionError):
        raise _malformed("it is not JSON.") from None
    return decoded


def _invalid_principal() -> ServiceError:
    return invalid_parameter_value(
        "The provided principal was invalid. Please check the principal and try again."
    )


def _malformed(why: str) -> ServiceError:
    return invalid_parameter_value(f"The resource policy cannot be used: {why}")
