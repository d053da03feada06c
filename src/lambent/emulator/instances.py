"""Where each of the function's instances finds its Runtime API: every one has a socket of its own.

All of 127.0.0.0/8 is this host's, so the instances have one port at one address after another, and
who calls is known by where. https://docs.kernel.org/networking/ip-sysctl.html says how it is routed.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from typing import TYPE_CHECKING

from lambent.sandbox.network.listening import address_of, listen
from lambent.sandbox.sandbox import NetworkSlot
from lambent.server.listening import AddressInUse

if TYPE_CHECKING:
    from collections.abc import Callable

_BACKLOG = 128
_LAST_PORT = 0xFFFF
_MOST_OF_OTHERS = 16  # addresses that other programs have taken, and that are passed over


class Instances:
    """Gives each instance the lowest number that none of the others has, and its address."""

    def __init__(self, host: str, port: int) -> None:
        """Port 0: any. Raises AddressInUse for a host that is none."""
        try:
            self._host = _numeric(host)
        except OSError as error:
            raise AddressInUse(f"RUNTIME_API_HOST is {host!r}: {error.strerror}.") from error
        self._port = port
        self._numbers: dict[str, int] = {}  # by the address that children know

    def check(self, count: int) -> None:
        """Raises AddressInUse unless so many can have theirs."""
        for number in range(count if self._port else 1):
            try:
                self._listen(number).close()
            except OSError as error:
                raise AddressInUse(
                    f"cannot listen on {self._host}:{self._port}, or an address after it, for the "
                    f"Runtime API: {os.strerror(error.errno or 0)}. Choose another port with "
                    "RUNTIME_API_PORT."
                ) from error

    def number_of(self, api_address: str) -> int:
        """Whose address it is."""
        return self._numbers[api_address]

    def take_slot(self) -> NetworkSlot:
        """An address nobody else has, until it is released. Raises OSError."""
        number, listener = self._first_free()
        address = address_of(listener)
        self._numbers[address] = number
        return NetworkSlot(
            listener=listener, api_address=address, release=self._releasing(address, listener)
        )

    def _first_free(self) -> tuple[int, socket.socket]:
        taken = set(self._numbers.values())
        number = 0
        while True:
            try:
                if number not in taken:
                    return number, self._listen(number)
            except OSError as error:
                # Another program has it, which it did not when we were started.
                if error.errno != errno.EADDRINUSE or number >= len(taken) + _MOST_OF_OTHERS:
                    raise
            number += 1

    def _releasing(self, address: str, listener: socket.socket) -> Callable[[], None]:
        def release() -> None:
            listener.close()
            self._numbers.pop(address, None)

        return release

    def _listen(self, number: int) -> socket.socket:
        host = ipaddress.ip_address(self._host)
        if self._port == 0 or number == 0:
            return listen((self._host, self._port), _BACKLOG)
        if host.version == 4 and host.is_loopback:
            try:
                return listen((str(host + number), self._port), _BACKLOG)
            except OSError as error:
                if error.errno != errno.EADDRNOTAVAIL:  # not all hosts have more than one
                    raise
        if self._port + number > _LAST_PORT:
            raise OSError(errno.EADDRNOTAVAIL, "there are no more ports")
        return listen((self._host, self._port + number), _BACKLOG)


def _numeric(host: str) -> str:
    """Of a name, its address; IPv4's rather than IPv6's. Raises OSError."""
    found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    addresses = sorted((family != socket.AF_INET, str(to[0])) for family, _, _, _, to in found)
    return addresses[0][1]
