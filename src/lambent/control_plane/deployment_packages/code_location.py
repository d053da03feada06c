"""Links under which GetFunction and GetLayerVersion let a caller download a zip.

As with S3's presigned URLs that AWS answers, whoever has the link may download until it expires:
the link is signed, so nobody can make one for another package or a later time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from lambent.control_plane.plane import ControlPlane
    from lambent.domain.caller import Caller

PATH_PREFIX = "/_lambent/code/"
LIFETIME_SECONDS = 600  # as AWS's

_LINK = re.compile(
    rf"{PATH_PREFIX}([A-Za-z0-9_-]{{43}})\?expires=(\d{{1,12}})&signature=([\w-]{{43}})"
)
_HOST = re.compile(r"(?:[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?", re.ASCII)
_HTTPS_PORT = 443  # that a client leaves out


def url(plane: ControlPlane, caller: Caller, code_sha256: str) -> str:
    """A link for `caller`, which works from now for LIFETIME_SECONDS."""
    # The address the caller reached us at is the one that surely works for it.
    match = _HOST.fullmatch(caller.host)
    base = f"{_scheme(plane, match['port'])}://{caller.host}" if match else plane.endpoint
    return base + sign(plane.code_location_key, code_sha256, plane.clock().timestamp())


def _scheme(plane: ControlPlane, port: str | None) -> str:
    """Of the listener at a port; None: the caller named none."""
    if plane.secure_endpoint is None:
        return "http"
    secure = urlsplit(plane.secure_endpoint).port
    is_secure = secure == int(port) if port else secure == _HTTPS_PORT
    return "https" if is_secure else "http"


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
