"""Who a request says it is from: its SigV4 credential scope, read and not verified.

The forms: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from lambent.domain.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Mapping

_CREDENTIAL = re.compile(r"AWS4-(?:HMAC|ECDSA-P256)-SHA256\s.*?\bCredential=([^,\s]+)")
_PRESIGNED = re.compile(r"(?:^|&)X-Amz-Credential=([^&]+)")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2,5}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}")
_SERVICE = re.compile(r"[a-z][a-z0-9-]{0,62}")


class _Scope(NamedTuple):
    access_key: str
    region: str
    service: str


_UNSIGNED = _Scope("", "", "")


def identify(
    headers: Mapping[str, str],
    query: str,
    *,
    request_id: str,
    default_account: str,
    default_region: str,
) -> tuple[Caller, str | None]:
    """The caller a request's credential scope names; whatever it does not say is the default.

    And the signing name it is for, such as `lambda` or `logs`: None when it is unsigned.

    An access key of twelve digits names its own account, so that one server can hold several.
    """
    scope = _scope(headers, query)
    account, region, service = scope
    caller = Caller(
        account_id=account if _ACCOUNT.fullmatch(account) else default_account,
        region=region if _REGION.fullmatch(region) else default_region,
        request_id=request_id,
        trace_header=headers.get("x-amzn-trace-id"),
        host=headers.get("host", ""),
    )
    return caller, service if _SERVICE.fullmatch(service) else None


def is_signed(headers: Mapping[str, str], query: str) -> bool:
    """Whether a request looks signed, by whomever: it is for an API, whatever its path."""
    return headers.get("authorization", "").startswith("AWS4-") or "X-Amz-Credential=" in query


def _scope(headers: Mapping[str, str], query: str) -> _Scope:
    match = _CREDENTIAL.match(headers.get("authorization", ""))
    if match:
        return _split(match[1], headers)
    match = _PRESIGNED.search(query)
    return _split(unquote(match[1]), headers) if match else _UNSIGNED


def _split(credential: str, headers: Mapping[str, str]) -> _Scope:
    match credential.split("/"):
        case [access_key, _, region, service, "aws4_request"]:
            return _Scope(access_key, region, service)
        case [access_key, _, service, "aws4_request"]:
            # SigV4A signs for a set of regions, which a header holds instead of the scope.
            first, _, _ = headers.get("x-amz-region-set", "").partition(",")
            return _Scope(access_key, first.strip(), service)
        case _:
            return _UNSIGNED
