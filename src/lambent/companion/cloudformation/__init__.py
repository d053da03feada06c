"""CloudFormation of the companion, with Lambda's and Logs' resources on our server."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from lambent.companion.seams import replace

if TYPE_CHECKING:
    from lambent.companion.server_link import ServerLink

_SCOPE = "/cloudformation/aws4_request"  # the server sees to it that requests have it
_SOON_SECONDS = 30.0


def install(server: ServerLink) -> Installation:
    """Has all that is here put into moto, before the first call to CloudFormation is answered."""
    installation = Installation(server)
    answer = DomainDispatcherApplication.__call__

    def answer_installed(
        dispatcher: DomainDispatcherApplication, environ: dict[str, Any], start: Any
    ) -> Any:
        # Not where moto looks for the service: it holds a lock there that all requests need.
        if _SCOPE in environ.get("HTTP_AUTHORIZATION", ""):
            installation.complete()
        return answer(dispatcher, environ, start)

    replace(DomainDispatcherApplication, "__call__", answer_installed)
    return installation


class Installation:
    """Loads most of moto, which takes seconds that neither a start nor a caller should wait."""

    def __init__(self, server: ServerLink) -> None:
        self._waiting = [server]
        self._installing = threading.Lock()

    def complete(self) -> None:
        """Returns when it is done, by this call or another.

        Then CloudFormation answers as fast as any other service.
        """
        with self._installing:
            if self._waiting:
                from lambent.companion.cloudformation.installation import replace_moto

                replace_moto(self._waiting.pop())

    def complete_soon(self) -> None:
        """The same behind what the companion answers, unless it ends right away."""
        later = threading.Timer(_SOON_SECONDS, self.complete)
        later.daemon = True
        later.start()
