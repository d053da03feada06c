"""The sandboxes' way out: a network namespace of ours between them and the host.

Each slot has a link to it. It forwards, filters and translates, and one user-mode network process
(pasta or slirp4netns) carries what passes to the outside with ordinary sockets. So the host itself
gets no interface, no rule and no forwarding, and an ordinary user can have all of this too.
"""

from __future__ import annotations

import itertools
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.sandbox import system_calls
from lambent.sandbox.network import firewall, netlink

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

# Link-local, as inside AWS: nobody can need to reach another host at such an address through us,
# so no choice of ours ever hides a real network.
ROUTER_ADDRESS = "169.254.76.1"
_SLOT_ADDRESSES = tuple(
    f"169.254.{third}.{last}" for third in range(77, 250) for last in range(1, 255)
)
_SLOT_INTERFACE = "eth0"
_LINK_MTU = 65520  # as the uplink's: nothing here is a real wire


@dataclass(slots=True, kw_only=True)
class Router:
    """The router's namespace. Its methods block, and run in threads that live in `home`."""

    namespace: int
    home: int
    _forwards: bool = False
    _refused: frozenset[str] = frozenset()
    _in_use: dict[str, int] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    @classmethod
    def open(cls, *, home: int) -> Router:
        """A router that leads nowhere yet. Raises OSError."""
        router = cls(namespace=system_calls.new_network_namespace(return_to=home), home=home)
        try:
            with router.inside():
                loopback = socket.if_nametoindex("lo")
                netlink.send(netlink.add_address(loopback, ROUTER_ADDRESS), netlink.bring_up("lo"))
                # Strictly: what comes from a slot under another's address is dropped.
                Path("/proc/sys/net/ipv4/conf/all/rp_filter").write_text("1")
                if firewall.is_available():
                    firewall.apply(firewall.rules())
        except BaseException:
            router.close()
            raise
        return router

    def inside(self) -> AbstractContextManager[None]:
        return system_calls.inside_network(self.namespace, return_to=self.home)

    def begin_to_forward(self) -> None:
        """Once there is a way out, and the filter before it. Raises OSError."""
        self._forwards = True
        with self.inside():
            self._refuse_host()
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def connect(self, namespace: int) -> str:
        """Give a slot its link and routes; returns its address. Raises OSError."""
        address = self._unused_address(namespace)
        try:
            self._link(namespace, address)
        except BaseException:
            self.forget(address)
            raise
        return address

    def forget(self, address: str) -> None:
        """Free the address of a slot that is closed; its link went with its namespace."""
        self._in_use.pop(address, None)

    def close(self) -> None:
        os.close(self.namespace)

    def _link(self, namespace: int, address: str) -> None:
        interface = f"{firewall.SLOT_PREFIX}{next(self._numbers)}"
        with self.inside():
            if self._forwards:
                self._refuse_host()
            netlink.send(
                netlink.add_link_pair(
                    interface, peer=_SLOT_INTERFACE, peer_namespace=namespace, mtu=_LINK_MTU
                ),
                netlink.set_no_ipv6_address(interface),
                netlink.bring_up(interface),
            )
            link = socket.if_nametoindex(interface)
            netlink.send(netlink.add_route(link, to=address, source=ROUTER_ADDRESS))
        with system_calls.inside_network(namespace, return_to=self.home):
            link = socket.if_nametoindex(_SLOT_INTERFACE)
            netlink.send(
                netlink.add_address(link, address),
                netlink.set_no_ipv6_address(_SLOT_INTERFACE),
                netlink.bring_up(_SLOT_INTERFACE),
                netlink.add_route(link, to=ROUTER_ADDRESS),
                netlink.add_route(link, via=ROUTER_ADDRESS),
            )

    def _unused_address(self, namespace: int) -> str:
        for _ in _SLOT_ADDRESSES:
            address = _SLOT_ADDRESSES[next(self._numbers) % len(_SLOT_ADDRESSES)]
            if self._in_use.setdefault(address, namespace) == namespace:
                return address
        raise OSError("all addresses for network slots are in use")

    def _refuse_host(self) -> None:
        """Follow the host's own addresses, which come and go with its networks."""
        addresses = firewall.host_addresses()
        if addresses != self._refused:
            firewall.apply(firewall.refuse(addresses))
            self._refused = addresses
