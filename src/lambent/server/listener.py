"""The public HTTP listener: uvicorn, bound before it serves, stopped from outside."""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator

_BACKLOG = 2048
_LAST_ANSWERS_SECONDS = 5
_KEEP_ALIVE_SECONDS = 60  # SDKs keep connections in a pool about that long


class AddressInUse(Exception):
    """Raised when the address to listen on cannot be had."""


class Listener(uvicorn.Server):
    """A uvicorn server that leaves signals to whoever owns the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises AddressInUse with what to do."""
    try:
        return _listening(host, port)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no DNS could hold
        reason = getattr(error, "strerror", None) or error
        is_taken = getattr(error, "errno", None) == errno.EADDRINUSE
        advice = (
            "Another server may have it: choose another with --port."
            if is_taken
            else "Choose an address of this machine with --host."
        )
        raise AddressInUse(f"cannot listen on {host}:{port}: {reason}. {advice}") from error


def _listening(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


def make_listener(application: Any, drain_seconds: int) -> Listener:
    return Listener(
        uvicorn.Config(
            application,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            # By then every invocation has been answered; what is left is a client that does not read.
            timeout_graceful_shutdown=drain_seconds + _LAST_ANSWERS_SECONDS,
        )
    )
