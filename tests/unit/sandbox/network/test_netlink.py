"""The messages, taken apart again; what the kernel makes of them is tests/integration/sandbox's."""

from __future__ import annotations

import socket
import struct

import pytest

from lambent.sandbox.network import netlink


def attributes(content):
    """{type: content} of what follows a message's fixed part."""
    found = {}
    while content:
        length, kind = struct.unpack_from("=HH", content)
        found[kind] = content[4:length]
        content = content[length + -length % 4 :]
    return found


def parsed(message, fixed):
    """(type, flags, fixed part, attributes) of one message."""
    length, kind, flags, *_ = struct.unpack_from("=IHHII", message)
    assert length == len(message)
    assert length % 4 == 0
    return kind, flags, message[16 : 16 + fixed], attributes(message[16 + fixed :])


def test_a_link_pair_names_both_ends_and_the_other_namespace():
    message = netlink.add_link_pair("slot7", peer="eth0", peer_namespace=42, mtu=65520)
    kind, flags, _, content = parsed(message, 16)
    assert (kind, flags) == (16, 0x605)
    assert (content[3], content[4]) == (b"slot7\0", struct.pack("=I", 65520))
    information = attributes(content[18])
    assert information[1] == b"veth\0"
    peer = attributes(attributes(information[2])[1][16:])
    assert peer == {3: b"eth0\0", 4: struct.pack("=I", 65520), 28: struct.pack("=I", 42)}


def test_a_link_is_brought_up_without_an_ipv6_address():
    _, _, _, content = parsed(netlink.set_no_ipv6_address("eth0"), 16)
    assert attributes(attributes(content[26])[socket.AF_INET6]) == {8: b"\1"}
    _, _, link, content = parsed(netlink.bring_up("eth0"), 16)
    assert struct.unpack("=BxHiII", link)[3:] == (1, 1)
    assert content == {3: b"eth0\0"}


def test_an_address_stands_alone_in_its_network():
    kind, _, address, content = parsed(netlink.add_address(3, "169.254.77.1"), 8)
    assert kind == 20
    assert struct.unpack("=BBBBI", address) == (socket.AF_INET, 32, 0x80, 0, 3)
    assert content == {1: bytes([169, 254, 77, 1]), 2: bytes([169, 254, 77, 1])}


def test_routes_lead_to_one_address_or_through_one_to_all_others():
    kind, _, route, content = parsed(netlink.add_route(3, to="10.0.0.1", source="10.0.0.2"), 12)
    assert kind == 24
    assert (route[1], route[6]) == (32, 253)
    assert content == {4: struct.pack("=I", 3), 1: bytes([10, 0, 0, 1]), 7: bytes([10, 0, 0, 2])}
    _, _, route, content = parsed(netlink.add_route(3, via="10.0.0.1"), 12)
    assert (route[1], route[6]) == (0, 0)
    assert content == {4: struct.pack("=I", 3), 5: bytes([10, 0, 0, 1])}


def test_what_the_kernel_refuses_is_an_error():
    with pytest.raises(OSError, match="network links: "):
        netlink.send(netlink.bring_up("absent"))
