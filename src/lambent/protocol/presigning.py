"""URLs that are signed for whoever has them: one request to S3's API, for a while.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlsplit

from lambent.protocol.http import HttpRequest
from lambent.protocol.signature import UNSIGNED_PAYLOAD, read_signature, sign

if TYPE_CHECKING:
    from datetime import datetime

_NO_SIGNATURE = "0" * 64


class Credentials(Protocol):
    @property
    def access_key_id(self) -> str: ...

    @property
    def secret_access_key(self) -> str: ...

    @property
    def session_token(self) -> str: ...


def presign(
    method: str, url: str, credentials: Credentials, *, region: str, now: datetime, seconds: int
) -> str:
    """`url` as S3 takes it for so long, from anybody; whatever body comes is not signed."""
    moment = f"{now:%Y%m%dT%H%M%SZ}"
    scope = f"{credentials.access_key_id}/{moment[:8]}/{region}/s3/aws4_request"
    fields = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": scope,
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(seconds),
        "X-Amz-Security-Token": credentials.session_token,
        "X-Amz-SignedHeaders": "host",
    }
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())
    parts = urlsplit(url)
    request = HttpRequest(
        method=method,
        path=parts.path,
        query=f"{query}&X-Amz-Signature={_NO_SIGNATURE}",
        headers={"host": parts.netloc},
        body=b"",
    )
    signed = sign(read_signature(request), request, credentials.secret_access_key, UNSIGNED_PAYLOAD)
    return f"{url}?{query}&X-Amz-Signature={signed}"
