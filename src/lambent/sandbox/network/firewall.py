"""What the router lets through: the outside world, and nothing of this machine's."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from lambent.sandbox.network.uplink import INTERFACE, NAME_SERVER

SLOT_PREFIX = "slot"

# "This" network, loopback, link-local (cloud metadata services), multicast, broadcast.
_NEVER = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255")
_REJECT = "reject with icmpx admin-prohibited"  # an answer: programs then fail now, not in minutes
_LEAF = re.compile(r"\|-- (?P<address>[\d.]+)$")


def is_available() -> bool:
    return shutil.which("nft") is not None


def rules() -> str:
    """The whole rule set of the router's namespace, for nft."""
    return f"""
table inet filter {{
  set refused {{ type ipv4_addr; flags interval; auto-merge; }}
  chain input {{
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
    iifname "{SLOT_PREFIX}*" {_REJECT}
  }}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname != "{SLOT_PREFIX}*" drop
    oifname != "{INTERFACE}" {_REJECT}
    meta nfproto != ipv4 {_REJECT}
    ip daddr {NAME_SERVER} meta l4proto {{ tcp, udp }} th dport 53 accept
    ip daddr @refused {_REJECT}
    accept
  }}
}}
table ip nat {{
  chain postrouting {{
    type nat hook postrouting priority 100;
    oifname "{INTERFACE}" masquerade
  }}
}}
{refuse(frozenset())}"""


def refuse(addresses: frozenset[str]) -> str:
    """The change that refuses these addresses, beside what is never let through."""
    elements = ", ".join([*_NEVER, *sorted(addresses)])
    return f"flush set inet filter refused\nadd element inet filter refused {{ {elements} }}\n"


def apply(text: str) -> None:
    """Load rules in the calling thread's network namespace, all or nothing. Raises OSError."""
    done = subprocess.run(
        ["nft", "-f", "-"], input=text, text=True, capture_output=True, check=False
    )
    if done.returncode != 0:
        raise OSError(f"nft: {done.stderr.strip()}")


def host_addresses() -> frozenset[str]:
    """This machine's own IPv4 addresses: of the main thread's namespace, where pasta sends from."""
    return parse_local_addresses(Path("/proc/net/fib_trie").read_text())


@lru_cache(maxsize=1)  # asked for each slot, and mostly the same as for the one before
def parse_local_addresses(trie: str) -> frozenset[str]:
    """The addresses the kernel's routing table calls local."""
    found: set[str] = set()
    address = ""
    for line in trie.splitlines():
        if leaf := _LEAF.search(line):
            address = leaf["address"]
        elif line.endswith("/32 host LOCAL"):
            found.add(address)
    return frozenset(found)
