"""The addresses under which this host is its own."""

from __future__ import annotations

import socket


def loopback_addresses() -> tuple[str, ...]:
    """127.0.0.1, and ::1 unless IPv6 is turned off.

    Both are taken, or another user's program could have the other: `localhost` means either.
    """
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return ("127.0.0.1",)
    return ("127.0.0.1", "::1")
