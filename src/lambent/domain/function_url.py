"""An HTTP address of a function, or of one of its aliases.

https://docs.aws.amazon.com/lambda/latest/api/API_FunctionUrlConfig.html
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from typing import Literal, TypedDict

from lambent.domain.records import FunctionRecord

_ID_CHARACTERS = 32
_ALPHABET = string.ascii_lowercase + string.digits

AuthType = Literal["NONE", "AWS_IAM"]
InvokeMode = Literal["BUFFERED", "RESPONSE_STREAM"]


class Cors(TypedDict, total=False):
    """Which web pages may use the URL, and for what; in the API's own form, to be stored as it is.

    https://docs.aws.amazon.com/lambda/latest/api/API_Cors.html
    """

    AllowCredentials: bool
    AllowHeaders: list[str]
    AllowMethods: list[str]
    AllowOrigins: list[str]
    ExposeHeaders: list[str]
    MaxAge: int  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionUrl(FunctionRecord):
    """The qualifier is an alias; empty: the URL is the function's, which `$LATEST` answers."""

    url_id: str  # the address's first label; another one when the URL is made anew
    auth_type: AuthType
    invoke_mode: InvokeMode | None  # None: never said, which means BUFFERED
    cors: Cors | None
    creation_time: str  # 2026-01-31T12:00:00.000000Z
    last_modified_time: str


def new_url_id() -> str:
    """Nobody can guess it: with AuthType NONE it is all that keeps strangers away."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_CHARACTERS))
