"""Links, addresses and routes, by the kernel's own messages (rtnetlink(7)).

A program for them (`ip`) takes 3 ms of processor time to start, twice for each slot, and these 0.2.
"""

from __future__ import annotations

import os
import socket
import struct

# <linux/netlink.h>, <linux/rtnetlink.h>
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, sender
_ATTRIBUTE = struct.Struct("=HH")  # length, type
_LINK = struct.Struct("=BxHiII")  # family, type, index, flags, flags to change
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, link
_ROUTE = struct.Struct(
    "=BBBBBBBBI"
)  # family, lengths, service, table, protocol, scope, type, flags
_ERROR = struct.Struct("=i")
_NLMSG_ERROR = 2
_RTM_NEWLINK, _RTM_NEWADDR, _RTM_NEWROUTE = 16, 20, 24
_REQUEST_ACK = 0x1 | 0x4
_CREATE = 0x400 | 0x200  # and fail when it is there
_RECEIVE_BYTES = 65536

_IFLA_IFNAME, _IFLA_MTU, _IFLA_LINKINFO, _IFLA_AF_SPEC, _IFLA_NET_NS_FD = 3, 4, 18, 26, 28
_IFLA_INFO_KIND, _IFLA_INFO_DATA = 1, 2
_VETH_INFO_PEER = 1
_IFLA_INET6_ADDR_GEN_MODE, _IN6_ADDR_GEN_MODE_NONE = 8, 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_F_PERMANENT = 1, 2, 0x80
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC = 1, 4, 5, 7
_RT_TABLE_MAIN, _RTPROT_BOOT, _RTN_UNICAST = 254, 3, 1
_RT_SCOPE_UNIVERSE, _RT_SCOPE_LINK = 0, 253
_IFF_UP = 1
_HOST_BITS = 32


def add_link_pair(name: str, *, peer: str, peer_namespace: int, mtu: int) -> bytes:
    """Make two ends of one wire: one here, the peer in the namespace behind a descriptor."""
    size = _attribute(_IFLA_MTU, struct.pack("=I", mtu))
    there = _attribute(_IFLA_NET_NS_FD, struct.pack("=I", peer_namespace))
    other = _LINK.pack(0, 0, 0, 0, 0) + _text(_IFLA_IFNAME, peer) + size + there
    kind = _text(_IFLA_INFO_KIND, "veth")
    data = _attribute(_IFLA_INFO_DATA, _attribute(_VETH_INFO_PEER, other))
    content = _text(_IFLA_IFNAME, name) + size + _attribute(_IFLA_LINKINFO, kind + data)
    return _message(_RTM_NEWLINK, _CREATE, _LINK.pack(0, 0, 0, 0, 0) + content)


def set_no_ipv6_address(name: str) -> bytes:
    """Let the kernel give a link no IPv6 address of its own; to be said before it is up."""
    mode = _attribute(_IFLA_INET6_ADDR_GEN_MODE, bytes([_IN6_ADDR_GEN_MODE_NONE]))
    families = _attribute(_IFLA_AF_SPEC, _attribute(socket.AF_INET6, mode))
    return _message(
        _RTM_NEWLINK, 0, _LINK.pack(0, 0, 0, 0, 0) + _text(_IFLA_IFNAME, name) + families
    )


def bring_up(name: str) -> bytes:
    link = _LINK.pack(0, 0, 0, _IFF_UP, _IFF_UP)
    return _message(_RTM_NEWLINK, 0, link + _text(_IFLA_IFNAME, name))


def add_address(link: int, address: str) -> bytes:
    """Give the link with this index an address, alone in its network."""
    content = _ADDRESS.pack(socket.AF_INET, _HOST_BITS, _IFA_F_PERMANENT, 0, link)
    content += _address(_IFA_LOCAL, address) + _address(_IFA_ADDRESS, address)
    return _message(_RTM_NEWADDR, _CREATE, content)


def add_route(
    link: int, *, to: str | None = None, via: str | None = None, source: str | None = None
) -> bytes:
    """Send what is for an address, or for whoever has no route of their own, to a link."""
    bits, scope = (_HOST_BITS if to else 0), (_RT_SCOPE_UNIVERSE if via else _RT_SCOPE_LINK)
    content = _ROUTE.pack(
        *(socket.AF_INET, bits, 0, 0, _RT_TABLE_MAIN, _RTPROT_BOOT, scope, _RTN_UNICAST, 0)
    )
    content += _attribute(_RTA_OIF, struct.pack("=I", link))
    for kind, address in ((_RTA_DST, to), (_RTA_GATEWAY, via), (_RTA_PREFSRC, source)):
        if address is not None:
            content += _address(kind, address)
    return _message(_RTM_NEWROUTE, _CREATE, content)


def send(*messages: bytes) -> None:
    """To the kernel, in order, from the calling thread's network namespace. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as connection:
        connection.bind((0, 0))
        for message in messages:
            connection.send(message)
            _check(connection.recv(_RECEIVE_BYTES))


def _check(answer: bytes) -> None:
    _, kind, *_ = _HEADER.unpack_from(answer)
    if kind != _NLMSG_ERROR:
        raise OSError(f"the kernel answers a network message with another, {kind}")
    (negative,) = _ERROR.unpack_from(answer, _HEADER.size)
    if negative:
        raise OSError(-negative, f"network links: {os.strerror(-negative)}")


def _message(kind: int, flags: int, content: bytes) -> bytes:
    length = _HEADER.size + len(content)
    return _HEADER.pack(length, kind, _REQUEST_ACK | flags, 0, 0) + content


def _attribute(kind: int, content: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(content)
    return _ATTRIBUTE.pack(length, kind) + content + bytes(-length % 4)


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _address(kind: int, address: str) -> bytes:
    return _attribute(kind, socket.inet_aton(address))
