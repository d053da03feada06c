from __future__ import annotations

import errno
import socket

from lambent.server.loopback import loopback_addresses


def test_both_are_this_hosts_where_it_has_ipv6(monkeypatch):
    monkeypatch.setattr(socket.socket, "bind", lambda self, address: None)
    assert loopback_addresses() == ("127.0.0.1", "::1")


def test_there_is_one_where_ipv6_is_turned_off(monkeypatch):
    def bind(self, address):
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(socket.socket, "bind", bind)
    assert loopback_addresses() == ("127.0.0.1",)
