"""Asking a running server what is its own, and of no API of AWS's."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

import click

from lambent.cli.api_commands import NotRun

_TIMEOUT_SECONDS = 60  # a purge of a long queue takes a while


class Refusal(click.ClickException):
    """Raised when the server understood, and refuses: it says why."""

    exit_code = 1


def ask(endpoint_url: str, path: str, body: object = None) -> dict[str, Any]:
    """What the server answers to GET or, with a body, to POST. Raises NotRun, Refusal."""
    try:
        request = urllib.request.Request(f"{endpoint_url.rstrip('/')}{path}")
        if request.type not in ("http", "https"):
            raise ValueError(f"{endpoint_url} is no address of a server")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            document = json.load(answer)
        if not isinstance(document, dict):
            raise TypeError("what answers there is no Lambent server")
    except (OSError, ValueError, TypeError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError) and (message := _message(error)):
            raise Refusal(message) from error
        raise not_lambent(endpoint_url, _why(error)) from error
    return document


def not_lambent(endpoint_url: str, why: str) -> NotRun:
    """There is no server there, or not one that knows what was asked for."""
    return NotRun(
        f"{why}\nIs a Lambent server running at {endpoint_url}? Start it with "
        "`lambent serve`, or name another with --endpoint-url."
    )


def _message(error: urllib.error.HTTPError) -> str | None:
    """What a Lambent server says in an answer with an error status."""
    try:
        message = json.loads(error.read())["Message"]
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return None
    return message if isinstance(message, str) else None


def _why(error: Exception) -> str:
    """The reason in words: not that of urllib, which has the system's in it as Python shows it."""
    if isinstance(error, urllib.error.HTTPError):
        return str(error)  # an answer with an error status
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return getattr(reason, "strerror", None) or str(reason)
