"""The Extensions API as one life of an environment's extensions meet it.

Paths, events and headers: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html;
states, error types and texts of refusals are those of AWS's runtime interface emulator. External
extensions are programs from /opt/extensions, known by their file's name before they register;
whoever registers under another name is an internal one, a part of the runtime's process.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal, Protocol

from lambent.domain.quotas import EXTENSIONS
from lambent.execution_environment.apis.extension import EVENT_TYPES, Extension
from lambent.execution_environment.apis.runtime_http import OK_BODY, error_body, is_method
from lambent.execution_environment.lifecycle import (
    ExtensionEvent,
    ExtensionState,
    TransitionNotAllowed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lambent.domain.function import FunctionVersion
    from lambent.domain.invocation import Invocation
    from lambent.protocol.http import HttpRequest
    from lambent.protocol.http_connection import Connection

ShutdownReason = Literal["spindown", "timeout", "failure"]

_PREFIX = "/2020-01-01/extension"
_TELEMETRY_PATHS = ("/2022-07-01/telemetry", "/2020-08-15/logs")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
# Read as JSON in the event loop, and far more than any registration needs.
_MAX_REGISTRATION_BYTES = 64 * 1024
_MAX_NAME_CHARACTERS = 255  # as of a file, which an external extension's is


class Environment(Protocol):
    """What the Extensions API tells of; called in the event loop, and must not block."""

    def extension_registered(self) -> None: ...

    def extension_is_ready(self) -> None:
        """One asked for its next event."""

    def extension_failed(self, extension: Extension) -> None:
        """One said that it can not start, or must end; its process is still there."""

    def subscribe(self, name: str, path: str, body: bytes) -> tuple[int, bytes]:
        """An extension's request of the Telemetry API: the status and body of its answer."""


class Refused(Exception):
    """Raised when a call is answered with 403."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


class ExtensionsApi:
    """The extensions of one life of an environment, and their conversation with the platform."""

    def __init__(self, environment: Environment, version: FunctionVersion) -> None:
        self._environment = environment
        self._version = version
        self._by_name: dict[str, Extension] = {}
        self._by_id: dict[str, Extension] = {}
        self._is_registration_open = True
        self._routes: dict[str, tuple[str, Callable[[HttpRequest, Connection], None]]] = {
            f"{_PREFIX}/register": ("POST", self._register),
            f"{_PREFIX}/event/next": ("GET", self._poll),
            f"{_PREFIX}/init/error": ("POST", self._fail_init),
            f"{_PREFIX}/exit/error": ("POST", self._fail_exit),
            **dict.fromkeys(_TELEMETRY_PATHS, ("PUT", self._subscribe)),
        }

    # What the environment asks and says

    @property
    def all(self) -> Iterable[Extension]:
        return self._by_name.values()

    def __getitem__(self, name: str) -> Extension:
        return self._by_name[name]

    @property
    def is_empty(self) -> bool:
        return not self._by_name

    @property
    def externals(self) -> list[Extension]:
        return [each for each in self.all if each.is_external]

    @property
    def are_registered(self) -> bool:
        """Whether every external extension has registered."""
        return all(each.state is not ExtensionState.STARTED for each in self.all)

    @property
    def are_ready(self) -> bool:
        """Whether every extension has asked for its next event and was given none since."""
        return not self._by_name or all(each.is_waiting for each in self.all)

    def expect(self, name: str) -> Extension:
        """A program that is about to be started as an external extension."""
        return self._add(Extension(name, is_external=True))

    def close_registration(self) -> None:
        """The runtime is initialised: who has not registered by now never will."""
        self._is_registration_open = False

    def send_invoke(self, invocation: Invocation, deadline_ms: int) -> None:
        """Give the invocation to those who subscribed to it; all must be ready."""
        subscribed = [each for each in self.all if "INVOKE" in each.events]
        if not subscribed:
            return
        body = json.dumps(
            {
                "eventType": "INVOKE",
                "deadlineMs": deadline_ms,
                "requestId": invocation.request_id,
                "invokedFunctionArn": invocation.invoked_arn,
                "tracing": {"type": "X-Amzn-Trace-Id", "value": invocation.trace_header},
            },
            separators=(",", ":"),
        ).encode()
        for extension in subscribed:
            extension.send(body)

    def send_shutdown(self, reason: ShutdownReason, deadline_ms: int) -> None:
        """Give a SHUTDOWN event to those who subscribed to it, now or when they next ask."""
        event = {"eventType": "SHUTDOWN", "deadlineMs": deadline_ms, "shutdownReason": reason}
        body = json.dumps(event, separators=(",", ":")).encode()
        for extension in self.externals:
            if "SHUTDOWN" in extension.events:
                extension.send(body)

    # Requests

    def receive(self, request: HttpRequest, connection: Connection) -> bool:
        """Answer one request, now or when there is something to answer; False: not for this API."""
        found = self._routes.get(request.path)
        if found is None:
            return False
        method, answer = found
        if is_method(request, method, connection):
            try:
                answer(request, connection)
            except Refused as refusal:
                connection.respond(403, error_body(refusal.error_type, str(refusal)))
            except TransitionNotAllowed as refusal:
                connection.respond(403, error_body("Extension.InvalidExtensionState", str(refusal)))
        return True

    def lose(self, connection: Connection) -> None:
        """A connection is gone; the extension may ask again on another."""
        for extension in self.all:
            extension.lose(connection)

    def _add(self, extension: Extension) -> Extension:
        self._by_name[extension.name] = extension
        self._by_id[extension.id] = extension
        return extension

    def _register(self, request: HttpRequest, connection: Connection) -> None:
        name = request.headers.get("lambda-extension-name", "")
        if not 0 < len(name) <= _MAX_NAME_CHARACTERS:
            raise Refused("Extension.InvalidExtensionName", "Empty extension name")
        events = _requested_events(request)
        extension = self._by_name.get(name)
        is_external = extension is not None and extension.is_external
        for event in events:
            _check_event(event, is_external=is_external)
        if extension is None or not is_external:
            extension = self._new_internal(name, is_known=extension is not None)
        extension.register(events)
        connection.respond(200, self._registration(request), _registration_head(extension))
        self._environment.extension_registered()

    def _new_internal(self, name: str, *, is_known: bool) -> Extension:
        if not self._is_registration_open:
            raise Refused("Extension.RegistrationClosed", "Extension registration closed already")
        if len(self._by_name) >= EXTENSIONS:
            raise Refused("Extension.TooManyExtensions", f"Extension limit ({EXTENSIONS}) reached")
        if is_known:
            raise Refused(
                "Extension.InvalidExtensionState", "Extension with this name already registered"
            )
        return self._add(Extension(name, is_external=False))

    def _registration(self, request: HttpRequest) -> bytes:
        version = self._version
        document = {
            "functionName": version.name,
            "functionVersion": version.version,
            "handler": version.handler,
        }
        features = request.headers.get("lambda-extension-accept-feature", "").split(",")
        if "accountId" in (feature.strip() for feature in features):
            document["accountId"] = version.account_id
        return json.dumps(document).encode()

    def _poll(self, request: HttpRequest, connection: Connection) -> None:
        identifier = _identifier(request)
        extension = self._by_id.get(identifier)
        if extension is None:
            raise _unknown(f"Unknown extension {identifier}")
        if extension.poll(connection):
            self._environment.extension_is_ready()

    def _fail_init(self, request: HttpRequest, connection: Connection) -> None:
        self._fail(ExtensionEvent.INIT_ERROR, request, connection)

    def _fail_exit(self, request: HttpRequest, connection: Connection) -> None:
        self._fail(ExtensionEvent.EXIT_ERROR, request, connection)

    def _fail(self, event: ExtensionEvent, request: HttpRequest, connection: Connection) -> None:
        identifier = _identifier(request)
        error_type = request.headers.get("lambda-extension-function-error-type")
        if not error_type:
            raise Refused(
                "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"
            )
        extension = self._by_id.get(identifier)
        if extension is None:
            raise _unknown("Unknown Lambda-Extension-Identifier")
        extension.fail(event, error_type)
        connection.respond(202, OK_BODY)
        self._environment.extension_failed(extension)

    def _subscribe(self, request: HttpRequest, connection: Connection) -> None:
        identifier = _identifier(request)
        extension = self._by_id.get(identifier)
        if extension is None:
            raise _unknown(f"Unknown extension {identifier}")
        status, body = self._environment.subscribe(extension.name, request.path, request.body)
        connection.respond(status, body)


def _requested_events(request: HttpRequest) -> list[str]:
    """The event names of a registration's body. Raises Refused."""
    if request.is_too_large or len(request.body) > _MAX_REGISTRATION_BYTES:
        raise _invalid_format("the request is too large")
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise _invalid_format("the body is not JSON") from error
    if not isinstance(document, dict):
        raise _invalid_format("the body is not a JSON object")
    if document.get("configurationKeys"):
        raise _invalid_format("configurationKeys are deprecated; use environment variables instead")
    events = document.get("events") or []
    if not isinstance(events, list) or not all(isinstance(each, str) for each in events):
        raise _invalid_format("events is not a list of strings")
    return events


def _check_event(event: str, *, is_external: bool) -> None:
    if event not in EVENT_TYPES:
        raise Refused("Extension.InvalidEventType", f"{event}: ErrorInvalidEventType")
    if event == "SHUTDOWN" and not is_external:
        raise Refused(
            "Extension.InvalidEventType", f"{event}: ShutdownEventNotSupportedForInternalExtension"
        )


def _registration_head(extension: Extension) -> str:
    return f"Content-Type: application/json\r\nLambda-Extension-Identifier: {extension.id}\r\n"


def _identifier(request: HttpRequest) -> str:
    """Who the request says it comes from, in the form identifiers are given out. Raises Refused."""
    found = request.headers.get("lambda-extension-identifier")
    if not found:
        raise Refused(
            "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"
        )
    if not _UUID.fullmatch(found):
        raise Refused("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
    return found.lower()


def _unknown(message: str) -> Refused:
    return Refused("Extension.UnknownExtensionIdentifier", message)


def _invalid_format(message: str) -> Refused:
    return Refused("InvalidRequestFormat", message)
