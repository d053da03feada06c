from __future__ import annotations

import resource

import pytest

from lambent.server.connection_bounds import MOST_PUBLIC_CONNECTIONS, Places, public_bounds


def test_so_many_may_be_there_at_once_of_one_and_of_all():
    within = Places(limit=3)
    first, second = (Places(limit=2, within=within) for _ in range(2))
    assert [first.admit() for _ in range(3)] == [True, True, False]
    assert [second.admit() for _ in range(2)] == [True, False]
    first.leave()
    assert second.admit()
    assert not first.admit()
    assert (first.count, second.count, within.count) == (1, 2, 3)


@pytest.mark.parametrize(
    ("allowed", "kept", "most"),
    [
        (1024, 100, 924),
        (1024, None, 512),
        (64, 1000, 16),
        (1_000_000, 100, MOST_PUBLIC_CONNECTIONS),
        (resource.RLIM_INFINITY, 100, MOST_PUBLIC_CONNECTIONS),
    ],
)
def test_no_more_connections_are_taken_than_descriptors_are_left(monkeypatch, allowed, kept, most):
    monkeypatch.setattr(resource, "getrlimit", lambda which: (allowed, allowed))
    bounds = public_bounds(1000, kept_descriptors=kept)
    assert bounds.connections.limit == most
