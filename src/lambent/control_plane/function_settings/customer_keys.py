"""KMSKeyArn: environment variables under a key of the customer's in the neighbour's KMS.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lambent.aws.clients import CallRefused, NoEndpoint, Unreachable
from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.domain.function import NO_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.function import FunctionVersion, SealedVariables


async def with_sealed_variables(
    plane: ControlPlane, version: FunctionVersion, previous: FunctionVersion | None = None
) -> FunctionVersion:
    """`version` as it can be stored: its variables under its key, if it has one.

    `version` is `previous` changed as a request wants it; the variables of one whose environment
    is the same stay. Raises ServiceError when the key, or the key before, cannot be used.
    """
    key_arn = version.kms_key_arn
    if key_arn is None and (previous is None or previous.kms_key_arn is None):
        return version
    has_new = previous is None or version.environment is not previous.environment
    if previous is not None and not has_new and key_arn == previous.kms_key_arn:
        return version
    before = await _variables_before(plane, previous, is_needed=not has_new)
    variables = version.environment if has_new or before is None else before
    if key_arn is None:
        return replace(version, environment=variables, sealed_environment=None)
    if previous is not None and previous.kms_key_arn == key_arn and variables == before:
        sealed = previous.sealed_environment  # what did not change makes no new version
    else:
        sealed = await _seal(plane, variables, version, key_arn)
    return replace(version, environment=NO_VARIABLES, sealed_environment=sealed)


async def _variables_before(
    plane: ControlPlane, previous: FunctionVersion | None, *, is_needed: bool
) -> Mapping[str, str] | None:
    """None when nobody can read them, unless they are needed."""
    if previous is None:
        return None
    try:
        return await plane.variable_keys.open(previous)
    except (CallRefused, NoEndpoint, Unreachable) as error:
        if is_needed:
            raise invalid_parameter_value(_unreadable(error)) from error
        return None


async def _seal(
    plane: ControlPlane, variables: Mapping[str, str], version: FunctionVersion, key_arn: str
) -> SealedVariables:
    try:
        return await plane.variable_keys.seal(variables, version, key_arn)
    except NoEndpoint as error:
        raise invalid_parameter_value(
            f"KMSKeyArn cannot be used: {error}. Without it, environment variables are encrypted "
            "with the server's own key."
        ) from None
    except Unreachable as error:
        raise ServiceError("ServiceException", f"KMS cannot be asked: {error}") from error
    except CallRefused as error:
        # AWS makes a grant of the key's, and says so.
        raise invalid_parameter_value(
            "Lambda was unable to configure access to your environment variables because the KMS "
            "key is invalid for CreateGrant. Please check your KMS key settings. "
            f"KMS Exception: {error.code} KMS Message: {error.message}"
        ) from error


async def described_environment(
    plane: ControlPlane, version: FunctionVersion
) -> dict[str, Any] | None:
    """The Environment in answers; in place of variables nobody can read, why."""
    if not version.has_environment:
        return None
    try:
        return {"Variables": dict(await plane.variable_keys.open(version))}
    except (CallRefused, NoEndpoint, Unreachable) as error:
        code = error.code if isinstance(error, CallRefused) else "ServiceException"
        return {"Error": {"ErrorCode": code, "Message": _unreadable(error)}}


def _unreadable(error: CallRefused | NoEndpoint | Unreachable) -> str:
    if not isinstance(error, CallRefused):
        return f"Lambda was unable to decrypt your environment variables: {error}"
    return (
        "Lambda was unable to decrypt your environment variables because the KMS access was "
        "denied. Please check your KMS permissions. "
        f"KMS Exception: {error.code} KMS Message: {error.message}"
    )
