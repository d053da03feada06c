"""Requests no SDK would send: unsigned, malformed, or for somebody else."""

from __future__ import annotations

import http.client
import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.server import RunningServer


class HttpAnswer(NamedTuple):
    status: int
    headers: Mapping[str, str]  # lower-case names
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


def scope_header(service: str, region: str = "us-east-1", account: str = "any") -> dict[str, str]:
    """As signed by a client of `service`; the signature itself is worth nothing."""
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{service}/"
        "aws4_request, SignedHeaders=host, Signature=0"
    }


def send(
    server: RunningServer,
    method: str,
    path: str,
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpAnswer:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        received = {name.lower(): value for name, value in answer.getheaders()}
        return HttpAnswer(answer.status, received, answer.read())
    finally:
        connection.close()
