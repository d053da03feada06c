"""Errors as a client sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable


class Refusal(NamedTuple):
    status: int
    code: str
    message: str


def refusal(operation: Callable[..., Any], *arguments: Any, **parameters: Any) -> Refusal:
    """What the client was told; fails when the call succeeds."""
    with pytest.raises(ClientError) as raised:
        operation(*arguments, **parameters)
    answer: Any = raised.value.response
    error = answer["Error"]
    return Refusal(
        answer["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error.get("Message", "")
    )
