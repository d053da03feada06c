"""The CORS settings of a function URL, as far as the model leaves them open.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-lambda-url-cors.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lambent.domain.errors import invalid_parameter_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lambent.domain.function_url import Cors

_METHODS = ("GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*")
# All of it is sent in headers of answers later. AWS says nothing of the characters; these are HTTP's:
# https://www.rfc-editor.org/rfc/rfc9110#name-tokens, https://www.rfc-editor.org/rfc/rfc6454#section-7
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
# What can be seen, but no comma; and of the form that a browser sends, or all of them.
_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[!-+\-.0->@-~]+", re.ASCII | re.IGNORECASE)


def check_cors(cors: Cors | None) -> None:
    """Raise ServiceError for values that no browser could ever be told."""
    if cors is None:
        return
    for method in cors.get("AllowMethods") or ():
        if method not in _METHODS:
            raise invalid_parameter_value(
                f"Cors.AllowMethods has {method!r}. It can have {', '.join(_METHODS[:-1])}, "
                "and the wildcard character (*)."
            )
    _check_characters("AllowHeaders", cors.get("AllowHeaders") or (), _HEADER)
    _check_characters("ExposeHeaders", cors.get("ExposeHeaders") or (), _HEADER)
    for origin in cors.get("AllowOrigins") or ():
        if not _ORIGIN.fullmatch(origin):
            raise invalid_parameter_value(
                f"Cors.AllowOrigins has {origin!r}, which is no origin, such as "
                "https://www.example.com or http://localhost:8080, and not the wildcard "
                "character (*)."
            )


def _check_characters(member: str, values: Iterable[str], allowed: re.Pattern[str]) -> None:
    for value in values:
        if not allowed.fullmatch(value):
            raise invalid_parameter_value(
                f"Cors.{member} has {value!r}, which cannot stand in an HTTP header."
            )
