from __future__ import annotations

from lambent.sandbox.network import firewall

_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 192.0.2.2
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
"""


def test_the_hosts_own_addresses_are_those_its_kernel_calls_local():
    assert firewall.parse_local_addresses(_TRIE) == {"127.0.0.1", "192.0.2.2"}


def test_this_hosts_loopback_is_among_them():
    assert "127.0.0.1" in firewall.host_addresses()


def test_refusing_addresses_keeps_refusing_what_is_never_let_through():
    text = firewall.refuse(frozenset({"192.0.2.2"}))
    for element in ("127.0.0.0/8", "169.254.0.0/16", "192.0.2.2"):
        assert element in text
    assert text.startswith("flush set")


def test_slots_may_begin_nothing_with_the_router_itself():
    chain = firewall.rules().partition("chain input {")[2].partition("}")[0]
    (rule,) = [line for line in chain.splitlines() if firewall.SLOT_PREFIX in line]
    assert rule.strip().startswith('iifname "slot*" reject')
    assert "policy drop" in chain
