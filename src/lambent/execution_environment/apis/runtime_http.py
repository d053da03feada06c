"""Answers that the APIs inside an environment have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.protocol.http import HttpRequest
    from lambent.protocol.http_connection import Connection

OK_BODY = b'{"status":"OK"}\n'


def is_method(request: HttpRequest, method: str, connection: Connection) -> bool:
    """Whether the request has the one method its path takes; if not, it is answered so."""
    if request.method == method:
        return True
    connection.respond(405, b"", f"Allow: {method}\r\n")
    return False


def respond_not_found(connection: Connection) -> None:
    connection.respond(404, b"404 page not found\n", "Content-Type: text/plain\r\n")


def error_body(error_type: str, message: str) -> bytes:
    """An error of one of the environment's APIs, as AWS's are written."""
    return json.dumps({"errorMessage": message, "errorType": error_type}).encode()
