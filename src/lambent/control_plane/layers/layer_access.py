"""What every operation on a layer checks: the version's number, and whose the layer is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambent.domain.errors import access_denied, invalid_parameter_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.caller import Caller
    from lambent.domain.layer import LayerReference


def number_in(request: Mapping[str, Any]) -> int:
    """The request's VersionNumber. Raises ServiceError when no version can have it."""
    number: int = request["VersionNumber"]
    if number < 1:
        raise invalid_parameter_value("Layer Version Cannot be less than 1")
    return number


def check_own(arn: str, layer: LayerReference, caller: Caller, operation: str) -> None:
    """Raise ServiceError for another account's layer: a policy can allow no more than to get it."""
    if layer.account_id != caller.account_id:
        raise access_denied(caller, operation, arn)
