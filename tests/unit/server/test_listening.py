from __future__ import annotations

import contextlib
import socket

import pytest

from lambent.server import listening
from lambent.server.listening import AddressInUse, bind
from lambent.server.loopback import loopback_addresses

needs_ipv6 = pytest.mark.skipif(
    "::1" not in loopback_addresses(), reason="this host has no IPv6 on its loopback"
)


@contextlib.contextmanager
def bound(hosts, port=0, **options):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(each) for each in bind(hosts, port, **options)]


def names(sockets):
    return [each.getsockname()[0] for each in sockets]


def ports(sockets):
    return {each.getsockname()[1] for each in sockets}


def test_a_free_port_is_taken_for_port_0():
    with bound(["127.0.0.1"]) as [opened]:
        host, port = opened.getsockname()
        assert (host, port > 0) == ("127.0.0.1", True)
        assert not opened.getblocking()


@needs_ipv6
def test_every_address_has_the_same_port():
    with bound(["127.0.0.1", "::1"]) as sockets:
        assert names(sockets) == ["127.0.0.1", "::1"]
        [port] = ports(sockets)
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family) as client:
                client.connect((host, port))


@needs_ipv6
def test_a_port_that_is_taken_at_one_address_is_not_a_free_one(monkeypatch):
    real, tries = listening._Attempt._listen, []
    with bound(["::1"]) as [other]:
        taken = other.getsockname()[1]

        def listen(self, address):
            tries.append(address)
            if len(tries) == 1:
                self.port = taken  # what the system has chosen, as free at the first address
            real(self, address)

        monkeypatch.setattr(listening._Attempt, "_listen", listen)
        with bound(["127.0.0.1", "::1"]) as sockets:
            assert len(tries) == 4
            assert ports(sockets) != {taken}


@needs_ipv6
def test_all_addresses_of_both_kinds_can_be_had_together():
    with bound(["0.0.0.0", "::"]) as sockets:
        assert names(sockets) == ["0.0.0.0", "::"]
        assert len(ports(sockets)) == 1


@needs_ipv6
def test_alone_the_any_address_of_ipv6_is_that_of_ipv4_too():
    with bound(["::"]) as [opened], socket.socket() as client:
        client.connect(("127.0.0.1", opened.getsockname()[1]))


def test_an_address_that_is_named_twice_is_taken_once():
    with bound(["127.0.0.1", "localhost"]) as sockets:
        assert names(sockets).count("127.0.0.1") == 1


def test_of_a_name_what_this_host_has_is_taken(monkeypatch):
    found = [(socket.AF_INET, "192.0.2.1"), (socket.AF_INET, "127.0.0.1")]
    monkeypatch.setattr(listening, "_addresses_of", lambda host: found)
    with bound(["here.test"]) as sockets:
        assert names(sockets) == ["127.0.0.1"]


def test_an_address_that_somebody_has_is_refused_with_advice():
    with bound(["127.0.0.1"]) as [opened]:
        port = opened.getsockname()[1]
        with pytest.raises(AddressInUse) as caught:
            bind(["127.0.0.1"], port)
        with pytest.raises(AddressInUse, match="another with --tls-port"):
            bind(["127.0.0.1"], port, option="--tls-port")
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: Address already in use. "
        "Another server may have it: choose another with --port."
    )


@needs_ipv6
def test_nothing_stays_open_when_one_address_cannot_be_had():
    with bound(["::1"]) as [opened]:
        port = opened.getsockname()[1]
        with pytest.raises(AddressInUse, match=rf"on \[::1\]:{port}: Address already in use"):
            bind(["127.0.0.1", "::1"], port)
    with bound(["127.0.0.1", "::1"], port) as sockets:
        assert ports(sockets) == {port}


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "192.0.2.1"])
def test_a_host_that_is_not_ours_is_refused(host):
    with pytest.raises(AddressInUse, match=r"cannot listen on .* of this machine with --host"):
        bind([host], 0)
