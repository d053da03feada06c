"""Ports for programs that have to be told one before they listen."""

from __future__ import annotations

import itertools
import random
import socket
from pathlib import Path


def free_ports(count: int) -> list[int]:
    """Below those the system gives to clients: of these, one is soon another's while we are away.

    It may even be that of who tries to connect to it, who is then connected to himself.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = random.sample(range(max(lowest - 15_000, 1024), lowest), 200)
    return list(itertools.islice(filter(_can_listen, candidates), count))


def is_listened_to(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _can_listen(port: int) -> bool:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            server.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
