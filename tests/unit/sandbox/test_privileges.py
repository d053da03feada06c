from __future__ import annotations

import os

from lambent.sandbox import privileges, system_calls


def test_root_of_the_machine_is_told_from_root_of_a_namespace():
    if os.geteuid() != 0:
        assert not privileges.has_root_powers()
    if privileges.has_root_powers():
        assert privileges.has_namespace_powers()


def test_a_refusal_changes_nothing_and_is_told(monkeypatch):
    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(system_calls, "unshare", refuse)
    assert privileges.enter_namespaces() is False
