"""Signatures of requests, SigV4: what one says of its signer, and whether that is so.

In the Authorization header or, presigned, in the query. The other side may be hostile: whatever
has two readings is refused, so that nobody behind us reads the other one.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.protocol.http import HttpRequest

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

_ALGORITHM = "AWS4-HMAC-SHA256"
_HEADER = re.compile(
    rf"{_ALGORITHM}\s+Credential=([^,\s=]+),\s*SignedHeaders=([^,\s=]+),\s*Signature=([0-9a-f]{{64}})",
    re.ASCII,
)
_CREDENTIAL = re.compile(
    # AWS's access keys have 16 characters at least; where any will do, they are words.
    r"([A-Za-z0-9_]{1,128})/([0-9]{8})/([a-z0-9-]{1,32})/([a-z0-9-]{1,63})/aws4_request",
    re.ASCII,
)
_SIGNED_HEADERS = re.compile(r"[!#-'*+.0-9^-z|~-]+(?:;[!#-'*+.0-9^-z|~-]+)*", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOMENT = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)
_MOMENT_FORMAT = "%Y%m%dT%H%M%SZ"
_SPACES = re.compile(r" +")
# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
_STREAMING = frozenset(
    {
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    }
)
_S3 = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts"})
_SKEW = timedelta(minutes=15)
_LONGEST_SECONDS = 604_800  # that a presigned request may be good for: a week
_UNRESERVED = "-_.~"
# What is signed takes room and time in the event loop, and whoever sends it may be hostile.
_MAX_QUERY_BYTES = 16 * 1024  # S3's longest keys and tokens are 1,024 characters
_MAX_QUERY_FIELDS = 500
_MAX_SIGNED_HEADERS = 100

_INCOMPLETE = (
    "The request must have one signature, Signature Version 4 (AWS4-HMAC-SHA256), with Credential, "
    "SignedHeaders, Signature and a date."
)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS "
    "Secret Access Key and signing method. Consult the service documentation for details."
)


class SignatureRefused(Exception):
    """Raised for a request that is not signed as it must be; `code` is JSON services' name for it.

    `service` is the signing name it says it is for, empty when it says none.
    """

    def __init__(self, code: str, message: str, service: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.service = service


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a request says of its signer."""

    access_key_id: str
    date: str  # of the scope
    region: str
    service: str
    signed_headers: str  # as signed: in lower case, with semicolons between them
    signature: str
    moment: str  # as in X-Amz-Date
    session_token: str
    is_presigned: bool
    good_for: timedelta
    payload: str | None  # what is signed in place of the body's SHA-256; None: just that

    @property
    def body_sha256(self) -> str | None:
        """What the body must hash to; None: nothing says, or the body itself is what is signed."""
        return self.payload if self.payload and _SIGNATURE.fullmatch(self.payload) else None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read_signature(request: HttpRequest) -> Signature:
    """Raises SignatureRefused: there is none, two, or part of one."""
    check_query(request.query)
    fields = _pairs(request.query)
    names = [name for name, _ in fields if name.startswith("X-Amz-")]
    is_presigned = "X-Amz-Signature" in names or "X-Amz-Credential" in names
    header = request.headers.get("authorization", "")
    if not is_presigned and not header:
        raise SignatureRefused(
            "MissingAuthenticationTokenException", "Missing Authentication Token"
        )
    if is_presigned and (header or len(names) != len(set(names))):
        raise SignatureRefused("IncompleteSignatureException", _INCOMPLETE)
    if is_presigned:
        return _presigned(request, dict(fields))
    match = _HEADER.fullmatch(header.strip())
    if match is None:
        raise SignatureRefused("IncompleteSignatureException", _INCOMPLETE)
    headers = request.headers
    moment = headers.get("x-amz-date", "")
    return _signature(
        (match[1], match[2], match[3]),
        moment=moment,
        session_token=headers.get("x-amz-security-token", ""),
        expires=None,
        payload=headers.get("x-amz-content-sha256"),
    )


def check_query(query: str) -> None:
    """Raises SignatureRefused for one that is too long to be looked at; to be called before that."""
    if len(query) > _MAX_QUERY_BYTES or query.count("&") >= _MAX_QUERY_FIELDS:
        raise SignatureRefused(
            "ValidationException",
            f"The query of a signed request may have {_MAX_QUERY_BYTES} characters and "
            f"{_MAX_QUERY_FIELDS} fields at most.",
        )


def check_time(signature: Signature, now: datetime) -> None:
    """Raises SignatureRefused unless it was signed about now, or is presigned and still good."""
    signed = datetime.strptime(signature.moment, _MOMENT_FORMAT).replace(tzinfo=UTC)
    earliest, latest = now - signature.good_for, now + _SKEW
    if earliest <= signed <= latest:
        return
    is_late = signed < earliest
    bound, what = (earliest, "expired") if is_late else (latest, "not yet current")
    raise SignatureRefused(
        "InvalidSignatureException",
        f"Signature {what}: {signature.moment} is now {'earlier' if is_late else 'later'} than "
        f"{bound:{_MOMENT_FORMAT}} ({now:{_MOMENT_FORMAT}} {'-' if is_late else '+'} "
        f"{(signature.good_for if is_late else _SKEW).total_seconds() / 60:g} min.)",
        signature.service,
    )


def check_signature(
    signature: Signature, request: HttpRequest, secret: str, body_sha256: str | None
) -> None:
    """Raises SignatureRefused unless the owner of `secret` signed this very request.

    `body_sha256` is the body's, needed when nothing stands in its place.
    """
    expected = sign(signature, request, secret, signature.payload or body_sha256 or "")
    if not hmac.compare_digest(expected, signature.signature):
        raise mismatch(signature.service)


def sign(signature: Signature, request: HttpRequest, secret: str, payload: str) -> str:
    """What the owner of `secret` signs the request with. Raises SignatureRefused."""
    digest = hashlib.sha256(canonical_request(signature, request, payload)).hexdigest()
    text = f"{_ALGORITHM}\n{signature.moment}\n{signature.scope}\n{digest}"
    return _hmac(_signing_key(secret, signature), text).hex()


def mismatch(service: str) -> SignatureRefused:
    return SignatureRefused("InvalidSignatureException", _MISMATCH, service)


def canonical_request(signature: Signature, request: HttpRequest, payload: str) -> bytes:
    """The one form of a request that both sides sign. Raises SignatureRefused."""
    names = signature.signed_headers.split(";")
    # A header that is signed and not there counts as empty nowhere: it is a mistake.
    if any(name not in request.headers for name in names):
        raise mismatch(signature.service)
    lines = [
        request.method,
        _canonical_path(request.path, signature.service),
        _canonical_query(request.query),
        *(f"{name}:{_SPACES.sub(' ', request.headers[name].strip())}" for name in names),
        "",
        signature.signed_headers,
        payload,
    ]
    return "\n".join(lines).encode("latin-1")


def _presigned(request: HttpRequest, fields: Mapping[str, str]) -> Signature:
    if fields.get("X-Amz-Algorithm") != _ALGORITHM:
        raise SignatureRefused("IncompleteSignatureException", _INCOMPLETE)
    credential = fields.get("X-Amz-Credential", "")
    names, signature = fields.get("X-Amz-SignedHeaders", ""), fields.get("X-Amz-Signature", "")
    payload = fields.get("X-Amz-Content-Sha256") or request.headers.get("x-amz-content-sha256")
    scope = credential.split("/")
    if payload is None and len(scope) == 5 and scope[3] in _S3:
        payload = UNSIGNED_PAYLOAD
    return _signature(
        (credential, names, signature),
        moment=fields.get("X-Amz-Date", ""),
        session_token=fields.get("X-Amz-Security-Token", ""),
        expires=fields.get("X-Amz-Expires", "900"),
        payload=payload,
    )


def _signature(
    stated: tuple[str, str, str],
    *,
    moment: str,
    session_token: str,
    expires: str | None,
    payload: str | None,
) -> Signature:
    """`stated` are Credential, SignedHeaders and Signature; `expires` is None if not presigned."""
    credential, names, signature = stated
    found = _CREDENTIAL.fullmatch(credential)
    service = found[4] if found else ""
    if (
        found is None
        or not _are_signed_headers(names)
        or not _SIGNATURE.fullmatch(signature)
        or not _is_moment(moment, found[2])
        or not _is_payload(payload, service)
    ):
        raise SignatureRefused("IncompleteSignatureException", _INCOMPLETE, service)
    return Signature(
        access_key_id=found[1],
        date=found[2],
        region=found[3],
        service=service,
        signed_headers=names,
        signature=signature,
        moment=moment,
        session_token=session_token,
        is_presigned=expires is not None,
        good_for=_SKEW if expires is None else _lifetime(expires, service),
        payload=payload,
    )


def _are_signed_headers(text: str) -> bool:
    """Each is there once, in order: one that is repeated would be copied again and again."""
    names = text.split(";", _MAX_SIGNED_HEADERS)
    return (
        len(names) <= _MAX_SIGNED_HEADERS
        and names == sorted(set(names))
        and "host" in names
        and _SIGNED_HEADERS.fullmatch(text) is not None
    )


def _is_moment(text: str, date: str) -> bool:
    if not _MOMENT.fullmatch(text) or not text.startswith(date):
        return False
    try:
        datetime.strptime(text, _MOMENT_FORMAT)
    except ValueError:
        return False
    return True


def _is_payload(text: str | None, service: str) -> bool:
    if text is None or text == UNSIGNED_PAYLOAD or _SIGNATURE.fullmatch(text):
        return True
    return service in _S3 and text in _STREAMING


def _lifetime(text: str, service: str) -> timedelta:
    if not re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) or not 1 <= int(text) <= _LONGEST_SECONDS:
        raise SignatureRefused("IncompleteSignatureException", _INCOMPLETE, service)
    return timedelta(seconds=int(text))


def _canonical_path(path: str, service: str) -> str:
    """S3 signs the path as it is, the others without dots and slashes too many, encoded again."""
    if service in _S3:
        return quote(unquote_to_bytes(path.encode("latin-1")), safe=f"/{_UNRESERVED}") or "/"
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    whole = "/" + "/".join(parts) + ("/" if parts and path.endswith("/") else "")
    return quote(whole.encode("latin-1"), safe=f"/{_UNRESERVED}")


def _canonical_query(query: str) -> str:
    encoded = sorted(
        (_encode(name), _encode(value))
        for name, value in _pairs(query, decode=False)
        if name != "X-Amz-Signature"
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encode(text: str) -> str:
    return quote(unquote_to_bytes(text.encode("latin-1")), safe=_UNRESERVED)


def _pairs(query: str, *, decode: bool = True) -> list[tuple[str, str]]:
    found = (part.partition("=") for part in query.split("&") if part)
    if not decode:
        return [(name, value) for name, _, value in found]
    return [(_decode(name), _decode(value)) for name, _, value in found]


def _decode(text: str) -> str:
    return unquote_to_bytes(text.encode("latin-1")).decode("latin-1")


def _signing_key(secret: str, signature: Signature) -> bytes:
    key = _hmac(f"AWS4{secret}".encode(), signature.date)
    for part in (signature.region, signature.service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
