"""What `lambent doctor` is told about this machine."""

from __future__ import annotations

import os

import pytest

from lambent.sandbox import bubblewrap, host, privileges, servers
from lambent.sandbox.isolation import Isolation, IsolationUnavailable


@pytest.fixture(scope="module")
def found():
    return {capability.name: capability for capability in host.probe()}


def test_each_mechanism_is_there_once_with_a_sentence(found):
    assert list(found) == [
        "namespaces",
        "bubblewrap",
        "users",
        "memory",
        "cpu",
        "pids",
        "freezer",
        "network",
        "outbound network",
        "/tmp size",
        "system call filter",
        "fast starts",
    ]
    assert all(
        capability.detail.endswith(".") for capability in found.values() if not capability.remedy
    )


def test_what_root_always_has_is_enforced(found):
    for name in ("namespaces", "bubblewrap", "users", "network"):
        assert found[name].state == "enforced", found[name]


def test_what_is_missing_comes_with_a_remedy(found):
    for capability in found.values():
        assert capability.state == "enforced" or capability.remedy, capability


def test_probing_leaves_nothing(found):
    # os.walk: other servers' groups come and go meanwhile.
    groups = (group for _, below, _ in os.walk("/sys/fs/cgroup") for group in below)
    assert f"{servers.own_name()}-probe" not in groups


async def test_weaker_isolation_is_never_chosen_silently(tmp_path, monkeypatch):
    monkeypatch.setattr(privileges, "has_namespace_powers", lambda: False)
    with pytest.raises(
        IsolationUnavailable, match=r"(?s)cannot isolate.*sudo.*--isolation process"
    ):
        async with Isolation.open(state_directory=tmp_path, kind="namespaces"):
            pass


async def test_without_bubblewrap_it_names_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setattr(bubblewrap, "find_programs", lambda: None)
    with pytest.raises(IsolationUnavailable, match=r"install.*bubblewrap"):
        async with Isolation.open(state_directory=tmp_path, kind="namespaces"):
            pass
