"""What an extension asks for when it subscribes to telemetry, read from its request.

https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html and, for the Logs API
that it superseded, https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from lambent.telemetry.telemetry_schemas import LOGS_SCHEMAS, TELEMETRY_SCHEMAS

Api = Literal["Telemetry", "Logs"]

_MAX_BODY_BYTES = 64 * 1024  # a subscription has a few hundred
_TYPES = ("platform", "function", "extension")
# Both mean 127.0.0.1 in an execution environment, and nothing else can be asked for.
_HOSTS = ("sandbox.localdomain", "sandbox")
_RUNTIME_API_PORT = 9001
_MAX_PORT = 65535
# As it stands in a request's first line, where a control character would begin another one.
_TARGET = re.compile(r"/[!-~]*", re.ASCII)
# Least, most, and what it is if nothing is said.
_BUFFERING = {
    "maxItems": (1000, 10_000, 10_000),
    "maxBytes": (262_144, 1_048_576, 262_144),
    "timeoutMs": (25, 30_000, 1000),
}


class InvalidSubscription(Exception):
    """Raised with all that is wrong with a request, as the extension is told it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where records go, on the loopback of the environment's own network."""

    port: int
    http: HttpTarget | None = None  # None: lines of JSON over plain TCP


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    method: str
    host: str  # with the port, for the Host header
    path: str  # with the query


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    agent_name: str
    api: Api
    schema: str
    types: tuple[str, ...]
    destination: Destination
    max_items: int
    max_bytes: int
    timeout_ms: int


def parse_subscription(agent_name: str, api: Api, body: bytes) -> Subscription:
    """Raises InvalidSubscription."""
    request = _object_in(body)
    reading = _Reading(request, [])
    destination = reading.destination()
    schema = reading.schema(api)
    types = reading.types()
    buffering = {name: reading.buffering(name) for name in _BUFFERING}
    if reading.problems or destination is None:
        raise InvalidSubscription("; ".join(reading.problems))
    return Subscription(
        agent_name=agent_name,
        api=api,
        schema=schema,
        types=types,
        destination=destination,
        max_items=buffering["maxItems"],
        max_bytes=buffering["maxBytes"],
        timeout_ms=buffering["timeoutMs"],
    )


def _object_in(body: bytes) -> Mapping[str, object]:
    if len(body) > _MAX_BODY_BYTES:
        raise InvalidSubscription(f"request should have at most {_MAX_BODY_BYTES} bytes")
    try:
        request = json.loads(body)
    # An extension can send any nesting and any number of digits.
    except (ValueError, RecursionError):
        raise InvalidSubscription("request should be valid JSON") from None
    if not isinstance(request, Mapping):
        raise InvalidSubscription("request should be a JSON object")
    return request


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads one request to its end, whatever is wrong with it, and notes each problem."""

    request: Mapping[str, object]
    problems: list[str]

    def schema(self, api: Api) -> str:
        known = TELEMETRY_SCHEMAS if api == "Telemetry" else LOGS_SCHEMAS
        version = self.request.get("schemaVersion")
        if version is None and api == "Logs":
            return LOGS_SCHEMAS[0]
        if version not in known:
            self.problems.append(f"schemaVersion should be one of {', '.join(known)}")
        return str(version)

    def types(self) -> tuple[str, ...]:
        types = self.request.get("types")
        if not isinstance(types, list) or not types:
            self.problems.append("types should not be empty")
            return ()
        if any(each not in _TYPES for each in types):
            self.problems.append(f"types should be among {', '.join(_TYPES)}")
        return tuple(dict.fromkeys(map(str, types)))

    def buffering(self, name: str) -> int:
        least, most, default = _BUFFERING[name]
        buffering = self.request.get("buffering") or {}
        value = buffering.get(name) if isinstance(buffering, Mapping) else None
        if value is None:
            return default
        if not isinstance(value, int) or not _is_integer(value) or not least <= value <= most:
            self.problems.append(f"{name} should be between {least} and {most}")
            return default
        return value

    def destination(self) -> Destination | None:
        destination = self.request.get("destination")
        if not isinstance(destination, Mapping):
            self.problems.append("destination should not be empty")
            return None
        protocol = destination.get("protocol")
        if protocol == "HTTP":
            return self._http(destination)
        if protocol == "TCP":
            port = destination.get("port")
            return self._with_port(port if isinstance(port, int) and _is_integer(port) else 0)
        self.problems.append("protocol should be one of HTTP, TCP")
        return None

    def _with_port(self, port: int, http: HttpTarget | None = None) -> Destination | None:
        if not 0 < port <= _MAX_PORT:
            self.problems.append(f"port should be between 1 and {_MAX_PORT}")
        elif port == _RUNTIME_API_PORT:
            self.problems.append(f"port {port} is reserved")
        else:
            return Destination(port=port, http=http)
        return None

    def _http(self, destination: Mapping[object, object]) -> Destination | None:
        method = destination.get("method", "POST")
        if method not in ("POST", "PUT"):
            self.problems.append("method should be one of POST, PUT")
            return None
        if destination.get("encoding", "JSON") != "JSON":
            self.problems.append("encoding should be JSON")
            return None
        try:
            uri = urlsplit(str(destination.get("URI", "")))
            port = uri.port
        except ValueError:
            self.problems.append("URI should be valid")
            return None
        return self._http_to(uri, port, str(method))

    def _http_to(self, uri: SplitResult, port: int | None, method: str) -> Destination | None:
        path = f"{uri.path or '/'}?{uri.query}" if uri.query else uri.path or "/"
        if uri.scheme != "http" or uri.hostname not in _HOSTS:
            self.problems.append("URI should be http://sandbox.localdomain:<port>/<path>")
        elif port is None:
            self.problems.append("URI port is not provided")
        elif not _TARGET.fullmatch(path):
            self.problems.append("URI should be valid")
        else:
            return self._with_port(
                port, HttpTarget(method=method, host=f"{uri.hostname}:{port}", path=path)
            )
        return None
