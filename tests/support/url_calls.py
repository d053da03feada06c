"""Calls of function URLs, signed or not, as any HTTP client makes them."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping


class UrlAnswer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]  # lower-case names
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def values(self, name: str) -> list[str]:
        """Of a header, all there are."""
        return [value for each, value in self.headers if each == name]


def call_url(
    url: str,
    method: str = "GET",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    signer: tuple[str, str] | None = None,
    is_presigned: bool = False,
) -> UrlAnswer:
    """What the URL answers; `signer` is an access key and its secret.

    The name in the URL is not looked up: not every system knows names under localhost.
    """
    request = AWSRequest(method=method, url=url, headers=dict(headers or {}), data=body)
    if signer is not None:
        by = SigV4QueryAuth if is_presigned else SigV4Auth
        by(Credentials(*signer), "lambda", "us-east-1").add_auth(request)
    parts = urlsplit(request.url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=60)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {"Host": parts.netloc, **dict(request.headers.items())}
        connection.request(method, target, body or None, sent)
        answer = connection.getresponse()
        received = [(name.lower(), value) for name, value in answer.getheaders()]
        return UrlAnswer(answer.status, received, answer.read())
    finally:
        connection.close()
