"""A function with an internal extension, which prints the events it gets."""

from __future__ import annotations

import json
import os
import threading
from http.client import HTTPConnection
from typing import Any


def _ask(
    method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, str], Any]:
    connection = HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = None if body is None else json.dumps(body)
    connection.request(method, f"/2020-01-01/extension/{path}", content, named)
    response = connection.getresponse()
    found = {name.lower(): value for name, value in response.getheaders()}
    return response.status, found, json.loads(response.read() or b"null")


def _register(name: str, *events: str) -> tuple[int, dict[str, str], Any]:
    return _ask("POST", "register", {"events": list(events)}, Lambda_Extension_Name=name)


def _follow(identifier: str) -> None:
    while True:
        _, _, event = _ask("GET", "event/next", Lambda_Extension_Identifier=identifier)
        print("inner heard", json.dumps(event), flush=True)


_status, _head, _first = _register("inner", "INVOKE")
if _status == 200:
    threading.Thread(
        target=_follow, args=(_head["lambda-extension-identifier"],), daemon=True
    ).start()


def handler(event: Any, context: Any) -> dict[str, Any]:
    late, _, said = _register("late", "INVOKE")
    return {"first": [_status, _first], "late": [late, said]}
