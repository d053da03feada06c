"""Sockets of ours that wait for what sandboxes say."""

from __future__ import annotations

import socket


def listen(address: tuple[str, int], backlog: int) -> socket.socket:
    """A non-blocking listening socket in the calling thread's network namespace. Raises OSError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def address_of(listener: socket.socket) -> str:
    """Where it listens: host:port."""
    host, port = listener.getsockname()
    return f"{host}:{port}"
