"""Links under which GetFunction lets a caller download a deployment package.

As with S3's presigned URLs that AWS answers, whoever has the link may download until it expires:
the link is signed, so nobody can make one for another package or a later time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

PATH_PREFIX = "/_lambent/code/"
LIFETIME_SECONDS = 600  # as AWS's

_LINK = re.compile(
    rf"{PATH_PREFIX}([A-Za-z0-9_-]{{43}})\?expires=(\d{{1,12}})&signature=([\w-]{{43}})"
)


def sign(key: bytes, code_sha256: str, now: float) -> str:
    """The path and query of a link to the package with this base64 hash.

    `now` is seconds since 1970; the link works for LIFETIME_SECONDS from then.
    """
    name = _url_safe(base64.b64decode(code_sha256))
    expires = int(now) + LIFETIME_SECONDS
    return f"{PATH_PREFIX}{name}?expires={expires}&signature={_signature(key, name, expires)}"


def verify(key: bytes, path: str, query: str, now: float) -> str | None:
    """The base64 hash of the package a link leads to, or None when it leads nowhere (any more)."""
    match = _LINK.fullmatch(f"{path}?{query}")
    if match is None:
        return None
    name, expires, signature = match[1], int(match[2]), match[3]
    expected = _signature(key, name, expires)
    if not hmac.compare_digest(signature.encode(), expected.encode()) or now > expires:
        return None
    return base64.b64encode(base64.urlsafe_b64decode(f"{name}=")).decode()


def _signature(key: bytes, name: str, expires: int) -> str:
    return _url_safe(hmac.digest(key, f"{name}\n{expires}".encode(), hashlib.sha256))


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
