"""How findings become sentences and remedies; the findings themselves are an integration test."""

from __future__ import annotations

import shutil

import pytest

from lambent.sandbox import host, privileges


@pytest.fixture
def switches(monkeypatch):
    values: dict[str, str] = {}
    monkeypatch.setattr(host, "_read", values.get)
    monkeypatch.setattr(privileges, "has_namespace_powers", lambda: False)
    return values


@pytest.mark.parametrize(
    ("path", "value", "remedy"),
    [
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            "/proc/sys/kernel/unprivileged_userns_clone",
            "0",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            "/proc/sys/user/max_user_namespaces",
            "0",
            "sudo sysctl -w user.max_user_namespaces=10000",
        ),
    ],
)
def test_each_distributions_switch_has_its_remedy(switches, path, value, remedy):
    switches[path] = value
    (found,) = host.probe_essentials()
    assert (found.name, found.state, found.remedy) == ("namespaces", "missing", remedy)


@pytest.mark.parametrize(
    ("manager", "command"),
    [("apt-get", "sudo apt-get install -y passt"), ("apk", "sudo apk add passt")],
)
def test_packages_are_installed_by_the_hosts_own_manager(monkeypatch, manager, command):
    monkeypatch.setattr(shutil, "which", lambda name: name == manager or None)
    assert host._install("passt") == command


def test_a_host_without_a_known_manager_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert host._install("passt") == "install passt"
    assert "install nftables passt" in host._outbound_remedy()
