"""Sockets of ours that wait for what sandboxes say."""

from __future__ import annotations

import socket

# The kernel would hold up to 6 MB of what a process inside sends and nobody reads; with this little a
# process that streams soon waits for its reader. Doubled by Linux; connections have what it says here.
_RECEIVE_BYTES = 128 * 1024


def listen(address: tuple[str, int], backlog: int) -> socket.socket:
    """A non-blocking listening socket in the calling thread's network namespace. Raises OSError."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def address_of(listener: socket.socket) -> str:
    """Where it listens: host:port."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
