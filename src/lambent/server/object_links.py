"""Presigned links to S3's objects that somebody else has made, as a function uses them.

Nobody here knows the secrets of who signed them outside, and the companion checks none. So whoever
uses such a link at a door does what it says as itself: it could have signed that, too.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from lambent.protocol.signature import UNSIGNED_PAYLOAD, Signature, SignatureRefused
from lambent.server import custom_resources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.aws.credentials import Session
    from lambent.protocol.http import HttpRequest

_SCOPE = re.compile(r"([^/]{1,128})/[0-9]{8}/([a-z0-9-]{1,32})/s3/aws4_request", re.ASCII)
_MOMENT = "%Y%m%dT%H%M%SZ"
_LONGEST = timedelta(days=7)
_NO_SIGNATURE = "0" * 64


def signer_of(request: HttpRequest) -> str | None:
    """The access key a link is signed with, as far as that could be verified, or "".

    None: it is no link, or one of our own making.
    """
    if "authorization" in request.headers or custom_resources.is_response(request.path):
        return None
    fields = _fields(request)
    scope = _SCOPE.fullmatch(fields.get("X-Amz-Credential", ""))
    if scope is not None and "X-Amz-Signature" in fields:
        return scope[1]
    is_version_2 = {"AWSAccessKeyId", "Signature", "Expires"} <= fields.keys()
    return "" if is_version_2 and not any(map(_is_version_4, fields)) else None


def signed_again(request: HttpRequest, session: Session) -> Signature:
    """What a link would say had this session's owner made it. Raises SignatureRefused."""
    fields, now = _fields(request), datetime.now(UTC)
    if not now < _end(fields) <= now + _LONGEST:
        raise SignatureRefused("AccessDenied", "Request has expired", "s3")
    scope = _SCOPE.fullmatch(fields.get("X-Amz-Credential", ""))
    return Signature(
        access_key_id=session.credentials.access_key_id,
        date=f"{now:%Y%m%d}",
        region=scope[2] if scope else session.region,
        service="s3",
        signed_headers="host",
        signature=_NO_SIGNATURE,
        moment=f"{now:{_MOMENT}}",
        session_token="",
        is_presigned=True,
        good_for=_LONGEST,
        payload=UNSIGNED_PAYLOAD,
    )


def _fields(request: HttpRequest) -> Mapping[str, str]:
    return dict(parse_qsl(request.query, keep_blank_values=True, encoding="latin-1"))


def _is_version_4(name: str) -> bool:
    return name.startswith("X-Amz-") and name.lower() != "x-amz-security-token"


def _end(fields: Mapping[str, str]) -> datetime:
    try:
        if "X-Amz-Date" not in fields:
            return datetime.fromtimestamp(int(fields["Expires"]), UTC)
        signed = datetime.strptime(fields["X-Amz-Date"], _MOMENT).replace(tzinfo=UTC)
        return signed + timedelta(seconds=int(fields["X-Amz-Expires"]))
    except (KeyError, ValueError, OverflowError, OSError):
        raise SignatureRefused(
            "AccessDenied", "Query-string authentication requires a date and an expiry", "s3"
        ) from None
