from __future__ import annotations

import resource

import pytest

from lambent.server.open_files import allow_descriptors, allowed_descriptors

UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
def limits(monkeypatch):
    """What this process has, as the code sees it: `[0]` to be set, then looked at."""
    held = [(0, 0)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: held[0])
    monkeypatch.setattr(resource, "setrlimit", lambda which, to: held.__setitem__(0, to))
    return held


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1024, 4096), (2000, 4096)),
        ((1024, 1500), (1500, 1500)),
        ((1024, UNLIMITED), (2000, UNLIMITED)),
        ((3000, 4096), (3000, 4096)),
        ((UNLIMITED, UNLIMITED), (UNLIMITED, UNLIMITED)),
    ],
)
def test_as_many_are_allowed_as_are_wanted_and_may_be(limits, before, after):
    limits[0] = before
    assert allow_descriptors(2000) == before
    assert limits[0] == after
    assert allowed_descriptors() == (None if after[0] == UNLIMITED else after[0])
