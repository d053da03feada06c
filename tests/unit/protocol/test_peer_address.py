from __future__ import annotations

import asyncio

import pytest

from lambent.protocol.peer_address import peer_address


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (("127.0.0.1", 50_000), "127.0.0.1"),
        (("::1", 50_000, 0, 0), "::1"),
        (("fe80::1%eth0", 50_000, 0, 2), "fe80::1"),
        (("::ffff:192.0.2.7", 50_000, 0, 0), "192.0.2.7"),
        (("::ffff:0:1", 50_000, 0, 0), "::ffff:0:1"),
        ("", ""),
        (b"", ""),
        (None, ""),
    ],
)
def test_a_peer_is_named_by_its_address(name, address):
    assert peer_address(asyncio.BaseTransport({"peername": name})) == address
