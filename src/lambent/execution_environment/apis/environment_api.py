"""What listens inside an execution environment: one socket, and the APIs behind it.

The Runtime, Extensions and Telemetry APIs share an address, and their callers connections: an
internal extension speaks from the runtime's own process. Who calls is known by the socket: it
listens inside that environment's own network namespace and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lambent.execution_environment.apis import credentials_api
from lambent.execution_environment.apis.runtime_http import respond_not_found
from lambent.protocol.body_budget import BodyBudget
from lambent.protocol.http_connection import Connection
from lambent.protocol.refusal import Refusal

if TYPE_CHECKING:
    from lambent.execution_environment.apis.credentials_api import CredentialsApi
    from lambent.execution_environment.apis.extensions_api import ExtensionsApi
    from lambent.execution_environment.apis.runtime_api import RuntimeApi
    from lambent.protocol.http import HttpRequest

# Clients use one or two; each costs this server a descriptor.
_MAX_CONNECTIONS = 256
_RUNTIME_PREFIX = "/2018-06-01/runtime/"


class EnvironmentApi:
    """Every connection out of one life of an environment, until `close`."""

    def __init__(
        self, runtime: RuntimeApi, extensions: ExtensionsApi, credentials: CredentialsApi
    ) -> None:
        self._runtime = runtime
        self._extensions = extensions
        self._credentials = credentials
        # Room for one response of full size beside whatever else is sent.
        self._budget = BodyBudget(limit_bytes=2 * runtime.response_bytes)
        self._connections: set[Connection] = set()
        self._is_closed = False

    def connect(self) -> Connection | Refusal:
        """The protocol factory of the environment's listener."""
        if self._is_closed or len(self._connections) >= _MAX_CONNECTIONS:
            return Refusal()
        connection = Connection(
            self._receive, self._lose, self._budget, held_of=self._runtime.held_of
        )
        self._connections.add(connection)
        return connection

    def close(self) -> None:
        """Hang up, for good: nothing that is still said reaches anyone."""
        self._is_closed = True
        self._runtime.close()
        for connection in list(self._connections):
            connection.hang_up()

    def _receive(self, request: HttpRequest, connection: Connection) -> None:
        if request.path.startswith(_RUNTIME_PREFIX):
            self._runtime.receive(request, connection)
        elif request.path == credentials_api.PATH:
            self._credentials.receive(request, connection)
        elif not self._extensions.receive(request, connection):
            respond_not_found(connection)

    def _lose(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._runtime.lose(connection)
        self._extensions.lose(connection)
