"""Function names in every form the API takes, and the ARNs it answers with.

The forms: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_RequestSyntax
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lambent.domain.caller import Caller, partition_of
from lambent.domain.errors import invalid_parameter_value, resource_not_found, validation_error

LATEST = "$LATEST"

_REGION = r"(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d"
_REFERENCE = re.compile(
    rf"(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:)?(?:(?P<region>{_REGION}):)?(?:(?P<account>\d{{12}}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_.]{1,170})"
    r"(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]{1,128}))?",
    re.ASCII,
)
# As AWS words it; `_REFERENCE` is the same, with names.
_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?"
    r"(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


FunctionKey = tuple[str, str, str]  # account, region and name


@dataclass(slots=True, kw_only=True)
class FunctionReference:
    """One function of one account and region, and what the caller added to its name."""

    account_id: str
    region: str
    name: str
    qualifier: str | None  # as given, so that "absent" and "$LATEST" stay different

    @property
    def function(self) -> FunctionKey:
        return self.account_id, self.region, self.name

    @property
    def arn(self) -> str:
        return function_arn(self.account_id, self.region, self.name)

    @property
    def qualified_arn(self) -> str:
        """The ARN AWS puts in messages: with the qualifier exactly when the caller gave one."""
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn


def split_function_name(text: str) -> tuple[str, str | None]:
    """The name in `text` (a name, partial ARN or ARN), whoever's it is, and the qualifier behind it.

    What has none of these forms is a name as it is.
    """
    match = _REFERENCE.fullmatch(text)
    return (text, None) if match is None else (match["name"], match["qualifier"])


def agreed_qualifier(inside: str | None, given: str | None) -> str | None:
    """The qualifier of a request that may have one `inside` the name, and one `given` beside it.

    Raises ServiceError when they differ.
    """
    if inside and given and inside != given:
        raise invalid_parameter_value(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return inside or given


def function_arn(account_id: str, region: str, name: str) -> str:
    return f"arn:{partition_of(region)}:lambda:{region}:{account_id}:function:{name}"


def is_alias(qualifier: str) -> bool:
    """Whether `qualifier` has the form of an alias's name; a number is a version, never an alias."""
    return not qualifier.startswith("$") and not qualifier.isdigit()


def parse_function_reference(
    text: str, caller: Caller, qualifier: str | None = None
) -> FunctionReference:
    """The function that `text` (a name, partial ARN or ARN) means to `caller`.

    `qualifier` is the request's Qualifier member, which must agree with one inside `text`.
    Raises ServiceError as AWS does: another region is not found, a malformed name is invalid. No
    region is in two partitions, so nothing is found in another than its own either.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None or (match["partition"] and not (match["region"] and match["account"])):
        raise validation_error(
            text,
            "functionName",
            f"Member must satisfy regular expression pattern: {_PATTERN}",
        )
    region = match["region"] or caller.region
    reference = FunctionReference(
        account_id=match["account"] or caller.account_id,
        region=region,
        name=match["name"],
        qualifier=agreed_qualifier(match["qualifier"], qualifier),
    )
    if region != caller.region:
        raise resource_not_found(
            f"Functions from '{region}' are not reachable in this region ('{caller.region}')"
        )
    if match["partition"] not in (None, caller.partition):
        raise resource_not_found(f"Function not found: {text}")
    return reference
