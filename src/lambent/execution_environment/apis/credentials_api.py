"""Credentials for SDKs that ask for them, and ask again before they expire.

Where variables would grow old: in what is restored from a snapshot, and where credentials are STS's.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import hmac
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lambent.execution_environment.apis.runtime_http import error_body, is_method

if TYPE_CHECKING:
    from lambent.aws.credentials import Credentials
    from lambent.protocol.http import HttpRequest
    from lambent.protocol.http_connection import Connection

PATH = "/2021-04-23/credentials"

# SDKs ask again some minutes before; those that do not expire are only said to.
_GOOD_FOR = timedelta(hours=1)


class CredentialsApi:
    """One life's: whoever knows `token` is given `current`."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(30)
        self.current: Credentials | None = None

    def receive(self, request: HttpRequest, connection: Connection) -> None:
        """Answer a request for PATH."""
        if not is_method(request, "GET", connection):
            return
        given = request.headers.get("authorization", "").encode("latin-1")
        if self.current is None or not hmac.compare_digest(given, self.token.encode()):
            connection.respond(403, error_body("Forbidden", "The token is not valid."))
            return
        connection.respond(200, _document(self.current))


def _document(credentials: Credentials) -> bytes:
    expiration = credentials.expiration or datetime.now(UTC) + _GOOD_FOR
    return json.dumps(
        {
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "Token": credentials.session_token,
            "Expiration": f"{expiration:%Y-%m-%dT%H:%M:%SZ}",
        }
    ).encode()
