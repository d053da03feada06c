"""Addresses that are listened on: bound before anything is served."""

from __future__ import annotations

import contextlib
import errno
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

BACKLOG = 2048
# So much the system takes of what a client does not read. Without it that is 4 MB, which is memory
# all the same, and nobody here would notice that the client is slow.
_UNSENT_BYTES = 128 * 1024
_QUIET_SECONDS = 60
# A port that is free at one address may be taken at the next.
_ATTEMPTS = 32
# What says that this host has no such address. A name may have one all the same: `localhost`
# means ::1, too, where IPv6 is turned off.
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

_Address = tuple[socket.AddressFamily, str]


class AddressInUse(Exception):
    """Raised when the address to listen on cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """One address that is listened on."""

    socket: socket.socket
    tls: ssl.SSLContext | None = None  # None: plain HTTP


class _CannotListen(Exception):
    """Raised with the place that cannot be had, and why."""

    def __init__(self, host: str, port: int, error: OSError | UnicodeError) -> None:
        super().__init__(host)
        self._place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._reason = getattr(error, "strerror", None) or error
        self.is_taken = getattr(error, "errno", None) == errno.EADDRINUSE

    def sentence(self, option: str, host_option: str) -> str:
        advice = (
            f"Another server may have it: choose another with {option}."
            if self.is_taken
            else f"Choose an address of this machine with {host_option}."
        )
        return f"cannot listen on {self._place}: {self._reason}. {advice}"


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """To have one port at every address."""

    port: int  # 0 until the first address has a free one
    is_alone: bool  # there is one host only
    bound: dict[_Address, socket.socket] = field(default_factory=dict)

    def listen_at(self, host: str) -> None:
        """At every address of a name that this host has. Raises _CannotListen."""
        missing: OSError | None = None
        try:
            addresses = _addresses_of(host)
            for address in addresses:
                try:
                    self._listen(address)
                except OSError as error:
                    if error.errno not in _NOT_HERE:
                        raise
                    missing = error
            if missing is not None and self.bound.keys().isdisjoint(addresses):
                raise missing
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that no DNS could hold
            raise _CannotListen(host, self.port, error) from error

    def close(self) -> None:
        for opened in self.bound.values():
            opened.close()

    def _listen(self, address: _Address) -> None:
        if address in self.bound:
            return
        family, host = address
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and not self.is_alone:
                # Alone, `::` means all addresses, as everywhere; beside 0.0.0.0 those of IPv6.
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            limit_unsent(opened)
            notice_who_is_gone(opened)
            opened.bind((host, self.port))
            opened.listen(BACKLOG)
        except OSError:
            opened.close()
            raise
        opened.setblocking(False)
        self.port = opened.getsockname()[1]
        self.bound[address] = opened


def url_of(listening: socket.socket, scheme: str = "http") -> str:
    """The URL of what listens there: http://127.0.0.1:9000"""
    host, port = listening.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def notice_who_is_gone(listening: socket.socket) -> None:
    """Ask now and then whether a client is still there that says nothing: a stream may be quiet."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _QUIET_SECONDS)


def limit_unsent(listening: socket.socket) -> None:
    """Of the connections that it accepts from now on: they have this from it."""
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)


def bind(
    hosts: Sequence[str], port: int, *, option: str = "--port", host_option: str = "--host"
) -> list[socket.socket]:
    """A listening socket for each address of `hosts`, all with one port: a free one for 0.

    `option` is the setting that `port` is of, and `host_option` that of `hosts`. Raises
    AddressInUse with what to do.
    """
    left = _ATTEMPTS if port == 0 else 1
    while True:
        left -= 1
        try:
            return _bind_all(hosts, port)
        except _CannotListen as error:
            if not (error.is_taken and left):
                raise AddressInUse(error.sentence(option, host_option)) from error


def _bind_all(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Raises _CannotListen, and leaves nothing open then."""
    attempt = _Attempt(port=port, is_alone=len(hosts) == 1)
    with contextlib.ExitStack() as undo:
        undo.callback(attempt.close)
        for host in hosts:
            attempt.listen_at(host)
        undo.pop_all()
    return list(attempt.bound.values())


def _addresses_of(host: str) -> list[_Address]:
    """Raises OSError, UnicodeError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found))
